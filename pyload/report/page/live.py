"""The page of a run that goes on, and the figures that its script asks for each second.

The figures are a result in JSON. `result.json` has the points of the whole history that are drawn,
and the distributions; `result.json?recent` has the last points and no distributions, which is a
tenth of that work beside the figures, and follows what the script has. A tag says whether anything
has changed since the last answer; several readers are answered with the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.report.answers import Answer, is_addressed
from pyload.report.history import TimeSeries
from pyload.report.page.assets import page_assets
from pyload.report.page.page import content_security_policy, is_drawn, live_page
from pyload.report.result_json import result_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pyload.report.answers import Page, Request
    from pyload.report.result import Result

RECENT: Final = 30
"""Points of a short answer: the seconds for which a script may have been held up."""

_MISDIRECTED: Final = Answer(
    b"this page is not served under that name: open it by the address of its machine\n",
    "text/plain",
    "421 Misdirected Request",
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Live:
    """Answers with the page, and with the figures as of now.

    Args:
        figures: Returns the result as of now.
        names: Names under which browsers may ask, beside addresses.
    """

    def __init__(
        self, figures: Callable[[], Result], names: Collection[str] = ("localhost",)
    ) -> None:
        self._figures = figures
        self._names = names
        self._page: Answer | None = None
        # The last answers with figures: by whether they are short, the tag and the bytes.
        self._last: dict[bool, tuple[str, bytes]] = {}

    @property
    def pages(self) -> dict[str, Page]:
        """The pages by their paths."""
        return {"/": self._html, "/result.json": self._json}

    def _html(self, request: Request) -> Answer:
        if not is_addressed(request, self._names):
            return _MISDIRECTED
        if self._page is None:
            assets = page_assets()
            policy = content_security_policy(assets, connect="'self'")
            headers = {**_HEADERS, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}
            self._page = Answer(live_page(assets), "text/html; charset=utf-8", headers=headers)
        return self._page

    def _json(self, request: Request) -> Answer:
        if not is_addressed(request, self._names):
            return _MISDIRECTED
        result = self._figures()
        tag = _tag(result)
        headers = {**_HEADERS, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Answer(b"", "application/json", "304 Not Modified", headers)
        is_short = request.query == "recent"
        last, body = self._last.get(is_short, ("", b""))
        if last != tag:
            body = orjson.dumps(_document(result, is_short=is_short))
            self._last[is_short] = tag, body
        return Answer(body, "application/json", headers=headers)


def _tag(result: Result) -> str:
    """Return what changes with each point of the history, and with the end of the run."""
    at = result.history.at
    return f'"{result.run_id}-{len(at)}-{at[-1] if at else 0}-{len(result.exit_reason)}"'


def _document(result: Result, *, is_short: bool) -> dict[str, Any]:
    history = result.history
    document = result_json(replace(result, history=TimeSeries()), with_histograms=not is_short)
    document["history"] = {
        "at": _column(history.at, is_short=is_short),
        "seconds": _column(history.seconds, is_short=is_short),
        "series": {
            name: _column(column, is_short=is_short)
            for name, column in history.series.items()
            if is_drawn(name)
        },
    }
    return document


def _column(column: Sequence[float], *, is_short: bool) -> list[float]:
    """Return a column, or its end; what is missing in it is NaN, for which JSON has null."""
    return list(column[-RECENT:] if is_short else column)
