"""Tests of the files in which a run is reported."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click
import pytest

from pyload.cli.flags.files import CSV, HTML, JUNIT
from pyload.cli.report_files import write_report_files
from pyload.errors import PyloadError
from tests.report.results import whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def context() -> Iterator[click.Context]:
    """The context of a command."""
    with click.Context(click.Command("cluster")) as context:
        yield context


def test_all_files_are_written(context: click.Context, tmp_path: Path) -> None:
    """A run of an hour would have nothing to show."""
    context.meta.update(
        {JUNIT: tmp_path / "junit.xml", HTML: tmp_path / "run.html", CSV: tmp_path / "tables"}
    )
    assert write_report_files(whole(), None) is None

    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    (text,) = re.findall(r'id="data">(.*?)</script>', page)
    assert json.loads(text)["results"][0]["run_id"] == whole().run_id
    assert "var uPlot" in page
    assert "first_config.p99,1.5," in (tmp_path / "tables" / "figures.csv").read_text()
    assert "<testsuite" in (tmp_path / "junit.xml").read_text()


def test_a_plan_has_a_verdict_alone(context: click.Context, tmp_path: Path) -> None:
    """A dry run would overwrite the report of the run before with zeros."""
    context.meta.update(
        {JUNIT: tmp_path / "junit.xml", HTML: tmp_path / "run.html", CSV: tmp_path / "tables"}
    )
    assert write_report_files(whole(), None, is_over=False) is None
    assert write_report_files(None, PyloadError("no API server")) is None
    assert [path.name for path in tmp_path.iterdir()] == ["junit.xml"]


def test_one_file_that_cannot_be_written_costs_no_other(
    context: click.Context, tmp_path: Path
) -> None:
    """A full disk for the page would take the verdict away from CI."""
    context.meta.update({HTML: tmp_path / "absent" / "run.html", CSV: tmp_path / "tables"})
    problem = write_report_files(whole(), None)
    assert str(problem) == (
        f"cannot write {tmp_path / 'absent' / 'run.html'}: No such file or directory; "
        "give --html another file"
    )
    assert (tmp_path / "tables" / "history.csv").exists()


def test_nothing_is_written_unless_asked_for(context: click.Context, tmp_path: Path) -> None:
    """A run would leave files behind."""
    assert write_report_files(whole(), None) is None
    assert not context.meta
    assert not list(tmp_path.iterdir())
