"""What happens to a scenario that lacks what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.needs import FOLDER, REQUIRE, program, released

if TYPE_CHECKING:
    from pathlib import Path


def test_a_scenario_is_skipped_by_the_name_of_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person without a browser could not run the other scenarios."""
    monkeypatch.setenv(REQUIRE, "envoy,kubectl")

    with pytest.raises(pytest.skip.Exception, match="needs no-browser: a package"):
        program("no-browser", source="a package")


def test_what_is_required_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI would be green for ever after an install step broke."""
    monkeypatch.setenv(REQUIRE, "envoy, no-browser")

    with pytest.raises(pytest.fail.Exception, match=f"{REQUIRE} names it"):
        program("no-browser", source="a package")


def test_any_name_of_a_program_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each distribution calls its browser otherwise."""
    monkeypatch.setenv(REQUIRE, "shell")

    assert program("shell", "no-shell", "sh", source="a package").endswith("/sh")


def test_programs_of_releases_are_looked_for_in_their_folder_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another kwok on the path would be judged instead."""
    monkeypatch.delenv(REQUIRE, raising=False)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=f"needs sh: .*{FOLDER}"):
        released("sh")

    (tmp_path / "sh").write_text("#!/bin/sh\n")
    (tmp_path / "sh").chmod(0o755)

    assert released("sh") == str(tmp_path / "sh")
