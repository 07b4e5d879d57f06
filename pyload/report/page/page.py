"""The page as one file: figures, styles and scripts put together.

The figures of a run are those of its result in JSON, but of its history only the series that are
drawn, with as many digits as a chart can show. They stand in an element that no browser runs, and
whatever could end that element is escaped; a content security policy names the scripts by their
digests, so that nothing else runs, wherever it came from.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.report.page.assets import HOW_TO_GET_CHARTS
from pyload.report.page.charts import CHARTS, DISTRIBUTIONS, SECTIONS, lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.report.page.assets import Assets

_DRAWN: Final = re.compile("|".join(sorted({f"(?:{one.names.pattern})" for one in lines()})))
_DIGITS: Final = 4
_SAFE: Final = {b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is shown above the charts.

    Attributes:
        title: Its heading.
        note: A sentence on it; may be empty.
        columns: Names of the columns.
        rows: The cells of each row, as texts.
    """

    title: str
    note: str = ""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def page(
    results: Sequence[Mapping[str, Any]],
    assets: Assets,
    *,
    names: Sequence[str] = (),
    tables: Sequence[Table] = (),
) -> bytes:
    """Return the page of one result, or of several laid over each other.

    Args:
        results: The results as JSON has them, of any version; sections may be missing.
        assets: The styles and scripts.
        names: Names of the results, where there are several.
        tables: Tables that are shown above the charts.
    """
    title = "pyload: " + (_title(results[0]) if len(results) == 1 else f"{len(results)} runs")
    data = {
        "results": [page_result(result) for result in results],
        "names": list(names),
        "tables": [asdict(table) for table in tables],
    }
    return _html(title, data, assets, connect="'none'")


def live_page(assets: Assets) -> bytes:
    """Return the page of a run that goes on, which fetches ``result.json`` beside it."""
    return _html("pyload", {"results": [], "live": True}, assets, connect="'self'")


def page_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page needs of a result: a result, with less of its history."""
    kept = dict(result)
    history = result.get("history")
    if isinstance(history, dict) and isinstance(history.get("series"), dict):
        kept["history"] = {
            "at": [_rounded(value) for value in history.get("at") or ()],
            "seconds": [_rounded(value) for value in history.get("seconds") or ()],
            "series": {
                name: [_rounded(value) for value in column]
                for name, column in history["series"].items()
                if is_drawn(name)
            },
        }
    return kept


def is_drawn(series: str) -> bool:
    """Return whether a chart shows a series."""
    return _DRAWN.fullmatch(series) is not None


def content_security_policy(assets: Assets, *, connect: str) -> str:
    """Return the policy of the page.

    Args:
        assets: What may run.
        connect: Where scripts may fetch from.
    """
    scripts = " ".join(f"'{_digest(one)}'" for one in (assets.uplot, assets.script) if one)
    return (
        f"default-src 'none'; script-src {scripts}; style-src '{_digest(assets.style)}'; "
        f"img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _html(title: str, data: dict[str, Any], assets: Assets, *, connect: str) -> bytes:
    data |= {
        "sections": [{"title": name, "note": note} for name, note in SECTIONS.items()],
        "charts": [asdict(chart) for chart in CHARTS],
        "distributions": [
            {"path": path, "title": name, "note": note}
            for path, (name, note) in DISTRIBUTIONS.items()
        ],
        "howToGetCharts": HOW_TO_GET_CHARTS,
    }
    policy = content_security_policy(assets, connect=connect)
    scripts = "\n".join(f"<script>{one}</script>" for one in (assets.uplot, assets.script) if one)
    head = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="pyload">
<title>{_escaped(title)}</title>
<link rel="icon" href="data:,">
<style>{assets.style}</style>
</head>
<body>
<main id="page"></main>
<noscript>This page draws its figures with a script, and scripts are off.</noscript>
<script type="application/json" id="data">"""
    tail = f"</script>\n{scripts}\n</body>\n</html>\n"
    return head.encode() + _json(data) + tail.encode()


def _title(result: Mapping[str, Any]) -> str:
    parts = (result.get("command"), result.get("cluster_type"), result.get("run_id"))
    return " ".join(str(part) for part in parts if part)


def _json(data: Any) -> bytes:
    """Return JSON without a character that could end its element."""
    text = orjson.dumps(data)
    for character, escape in _SAFE.items():
        text = text.replace(character, escape)
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _rounded(value: Any) -> Any:
    """Return a number with as many digits as a chart can show."""
    if not isinstance(value, float):
        return value
    short = float(f"{value:.{_DIGITS}g}") if abs(value) < 10**_DIGITS else round(value)
    return int(short) if short == int(short) else short
