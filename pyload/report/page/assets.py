"""The files that the page is made of: its own, and those of uPlot, which draws the charts.

The Python package of uPlot is not imported, as that imports numpy and IPython; only the script
and the style in it are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
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

_FOLDER: Final = Path(__file__).parent
_PACKAGE: Final = "uplot"
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
    return find_spec(_PACKAGE) is not None


@cache
def page_assets() -> Assets:
    """Return the styles and scripts, without uPlot if it is not installed."""
    script = "\n".join(_text(_FOLDER / "script" / name) for name in SCRIPTS)
    uplot, uplot_style = _uplot()
    return Assets(
        style=uplot_style + _text(_FOLDER / "page.css"),
        script=f'(() => {{\n"use strict";\n{script}}})();\n',
        uplot=uplot,
    )


def _uplot() -> tuple[str, str]:
    spec = find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        script, style = (_text(Path(folder) / "static" / name) for name in _UPLOT)
        return script, f"{style}\n"
    return "", ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
