"""Tests of the page as a file."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest

from pyload.report.page.assets import Assets, page_assets
from pyload.report.page.charts import lines
from pyload.report.page.page import Table, is_drawn, live_page, page, page_result
from tests.report.results import measured

HOSTILE = "</script><script>alert(1)</script><!--&amp;<img src=x onerror=alert(2)>'\"\u2028"
PLAIN = Assets(style="p {}", script="run();", uplot="var uPlot;")


class Parsed(HTMLParser):
    """The elements of a page as a browser sees them."""

    def __init__(self, html: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the element that ends is the last one that began."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep a text under its element."""
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    @property
    def policy(self) -> str:
        """The content security policy."""
        (found,) = (
            attributes["content"]
            for tag, attributes in self.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        )
        assert found is not None
        return found


def data_of(html: bytes) -> dict[str, Any]:
    """Return the figures that stand in a page."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html.decode())
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def long_run(points: int, series: int) -> dict[str, Any]:
    """Return a result with a history whose numbers have all the digits there are."""
    names = [line.series.replace("*", "cds") for line in lines() if line.read in ("value", "rate")]
    names += [f"pushes.type-{index}" for index in range(series)]
    column = [math.sqrt(index + 0.5) * 123_456.789 for index in range(points)]
    history = {"at": column, "seconds": column, "series": dict.fromkeys(names[:series], column)}
    return {"schema": "pyload.dev/result/v2", "history": history}


def test_the_figures_of_a_result_stand_in_its_page() -> None:
    """A report would show something else than the result says."""
    result = orjson.loads(orjson.dumps(measured().to_json()))
    (shown,) = data_of(page([result], PLAIN))["results"]
    assert {**shown, "history": None} == {**result, "history": None}
    assert shown["history"]["at"] == result["history"]["at"]
    assert shown["history"]["series"]["proxies.connected"] == [500, 999]


@pytest.mark.parametrize("place", ["command", "run_id", "host", "tag", "pod", "table", "name"])
def test_hostile_names_stay_text(place: str) -> None:
    """The name of a pod could run as a script in the browser of a colleague."""
    result: dict[str, Any] = {"command": "cluster", "tags": {}}
    if place == "tag":
        result["tags"] = {HOSTILE: HOSTILE}
    elif place == "pod":
        result["convergence"] = {"slowest": [{"name": HOSTILE}]}
    else:
        result[place] = HOSTILE
    table = Table(title=HOSTILE, columns=[HOSTILE], rows=[[HOSTILE]])
    html = page([result], PLAIN, names=[HOSTILE], tables=[table] if place == "table" else [])

    found = Parsed(html)
    assert [tag for tag, _ in found.tags if tag in ("script", "img")] == ["script"] * 3
    assert "alert(1)" not in "".join(found.texts["script"][1:])
    assert data_of(html)["results"] == [result]


def test_only_the_scripts_of_the_page_may_run() -> None:
    """A browser would run what someone else had put into the file."""
    html = page([{}], PLAIN)
    policy = Parsed(html).policy
    digests = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (PLAIN.style, PLAIN.script, PLAIN.uplot)
    }
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_live_page_may_ask_its_own_host_alone() -> None:
    """The figures could not be fetched, or could go elsewhere."""
    html = live_page(PLAIN)
    assert "connect-src 'self'" in Parsed(html).policy
    assert data_of(html)["live"] is True
    assert data_of(html)["results"] == []


def test_a_page_asks_nobody_for_anything() -> None:
    """A report would tell others who reads it, and be broken without a network."""
    for _, attributes in Parsed(page([{}], page_assets())).tags:
        assert "src" not in attributes
        assert attributes.get("href") in (None, "data:,")


def test_a_page_without_the_library_says_how_to_get_it() -> None:
    """A user would look at tables and never learn that there are charts."""
    html = page([{}], Assets(style="", script="run();", uplot=""))
    assert data_of(html)["howToGetCharts"] == "pip install 'pyload-istio[report]'"
    assert [tag for tag, _ in Parsed(html).tags].count("script") == 2


def test_a_long_run_stays_small_enough_to_send() -> None:
    """Mail would refuse the report of a long run."""
    assert len(page([long_run(900, 30)], PLAIN)) < 300_000


def test_series_without_a_chart_are_left_out() -> None:
    """A page would carry twice of what it shows."""
    assert is_drawn("pushes.cds")
    assert is_drawn("generator.processes.main.cpu_share")
    assert is_drawn("first_config.sum")
    assert not is_drawn("control_plane.pushes.cds")
    history = {
        "at": [1.0],
        "seconds": [1.0],
        "series": {"pushes.cds": [1], "generator.workers": [2]},
    }
    shown = page_result({"history": history})
    assert shown["history"]["series"] == {"pushes.cds": [1]}


@pytest.mark.parametrize("history", [None, {}, {"series": None}, {"series": {}}, []])
def test_a_result_of_an_earlier_version_has_a_page(history: Any) -> None:
    """A file of last year would end in a traceback."""
    assert data_of(page([{"schema": "pyload.dev/result/v1", "history": history}], PLAIN))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234567.0, 1234567), (0.123456, 0.1235), (12.0, 12), (7, 7), (None, None), (9999.7, 10000)],
)
def test_numbers_have_the_digits_that_a_chart_can_show(value: Any, shown: Any) -> None:
    """A page would be twice as large for digits that nobody sees."""
    history = {"at": [value], "seconds": [1], "series": {}}
    assert page_result({"history": history})["history"]["at"] == [shown]


def test_names_of_several_runs_are_kept_in_their_order() -> None:
    """Lines of one run would be taken for those of another."""
    data = data_of(page([{"run_id": "a"}, {"run_id": "b"}], PLAIN, names=["1.30", "1.31"]))
    assert data["names"] == ["1.30", "1.31"]
    assert [one["run_id"] for one in data["results"]] == ["a", "b"]
