"""The files that the page is made of: its own, and those of uPlot, which draws the charts.

The Python package of uPlot is not imported, as that imports numpy and IPython; only the script
and the style in it are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Final

SCRIPTS: Final = (
    "numbers.js",
    "elements.js",
    "histogram.js",
    "series.js",
    "charts.js",
    "summary.js",
    "tables.js",
    "page.js",
    "live.js",
    "main.js",
)
"""The parts of the script in the order in which they are joined."""

HOW_TO_GET_CHARTS: Final = "pip install 'pyload-istio[report]'"
"""What brings uPlot."""

_PACKAGE: Final = "uplot-python"
_UPLOT: Final = ("uPlot.iife.js", "uPlot.min.css")


@dataclass(frozen=True, slots=True)
class Assets:
    """The styles and scripts of the page.

    Attributes:
        style: The style sheets.
        script: The page's own script.
        uplot: The script that draws charts; empty for tables in their place.
    """

    style: str
    script: str
    uplot: str


def has_charts() -> bool:
    """Return whether uPlot is installed."""
    try:
        distribution(_PACKAGE)
    except PackageNotFoundError:
        return False
    return True


@cache
def page_assets() -> Assets:
    """Return the styles and scripts, without uPlot if it is not installed."""
    folder = files(__package__ or "")
    own = (folder / "script" / name for name in SCRIPTS)
    parts = "\n".join(one.read_text(encoding="utf-8") for one in own)
    uplot, uplot_style = _uplot()
    return Assets(
        style=uplot_style + (folder / "page.css").read_text(encoding="utf-8"),
        script=f'(() => {{\n"use strict";\n{parts}}})();\n',
        uplot=uplot,
    )


def _uplot() -> tuple[str, str]:
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        return "", ""
    folder = Path(str(package.locate_file("uplot/static")))
    script, style = ((folder / name).read_text(encoding="utf-8") for name in _UPLOT)
    return script, f"{style}\n"
