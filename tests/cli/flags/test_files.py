"""Tests of the flags of files in which a run is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.cli.adsc import command
from pyload.errors import UsageError
from pyload.report.page import assets

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("flag", "fix"), [("--junit", "file"), ("--html", "file"), ("--csv", "folder")]
)
def test_what_cannot_be_written_is_found_out_at_once(tmp_path: Path, flag: str, fix: str) -> None:
    """What an hour has measured would be lost."""
    with pytest.raises(UsageError, match=f"give {flag} another {fix}"):
        command.make_context("adsc", [flag, str(tmp_path / "absent" / "name")])


def test_a_file_is_no_folder_for_tables(tmp_path: Path) -> None:
    """The end of a run would be a traceback."""
    (tmp_path / "taken").touch()
    with pytest.raises(UsageError, match="is not a folder; give --csv another folder"):
        command.make_context("adsc", ["--csv", str(tmp_path / "taken")])


def test_a_page_without_charts_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague would get a page of numbers, and the user would learn it after an hour."""
    monkeypatch.setattr(assets, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(UsageError, match=r"run pip install 'pyload-istio\[report\]'"):
        command.make_context("adsc", ["--html", str(tmp_path / "report.html")])
    assert not list(tmp_path.iterdir())
