"""Tests of the files that the page is made of."""

from __future__ import annotations

from pathlib import Path

from pyload.report.page import assets
from pyload.report.page.assets import SCRIPTS, has_charts, page_assets


def test_every_script_is_a_part_of_the_page() -> None:
    """A script that is not listed would be missing from the page, and what it draws too."""
    folder = Path(assets.__file__).parent / "script"
    assert sorted(SCRIPTS) == sorted(path.name for path in folder.iterdir())


def test_the_library_of_charts_is_found_and_may_stand_in_html() -> None:
    """A report would have tables only, or end in the middle of its script."""
    found = page_assets()
    assert has_charts()
    assert "var uPlot = " in found.uplot
    assert ".u-legend" in found.style
    for script in (found.uplot, found.script):
        assert "</script" not in script
        assert "<!--" not in script
        assert "\r" not in script
    assert "</style" not in found.style


def test_nothing_of_the_page_is_fetched_from_elsewhere() -> None:
    """A report opened without a network would be empty, and would tell others who reads it."""
    found = page_assets()
    assert "://" not in found.script
    assert "url(" not in found.style
    assert "@import" not in found.style


def test_text_never_becomes_html() -> None:
    """The name of a pod could run as a script in the browser of a colleague."""
    script = page_assets().script
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert unsafe not in script
