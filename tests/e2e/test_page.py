"""The live page and the report of a run, in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pyload.report.page.assets import Assets, page_assets
from pyload.report.page.page import Table, page
from tests.e2e.browser import Tab, chromium, open_tab
from tests.e2e.outside import free_port
from tests.e2e.test_prometheus import MESH, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HOSTILE = "</script><script>window.stolen=1</script><img src=x onerror=window.stolen=1>"

UNDRAWN = """
[...document.querySelectorAll("figure")].filter((figure) => {
  if (!figure.offsetParent) return false;
  const canvas = figure.querySelector("canvas");
  if (!canvas || !canvas.width) return true;
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue] = [data[i], data[i + 1], data[i + 2]];
    const spread = Math.max(red, green, blue) - Math.min(red, green, blue);
    if (data[i + 3] > 200 && spread > 60) return false;
  }
  return true;
}).map((figure) => figure.querySelector("h3").textContent)
"""
"""Titles of the charts that can be seen, and on which there is nothing but grey axes."""

SHOWN = """[...document.querySelectorAll("figure")].filter((figure) => figure.offsetParent)
  .map((figure) => figure.querySelector("h3").textContent)"""


@pytest.fixture(scope="module", autouse=True)
def _browser() -> None:
    chromium()


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a mesh in kwok mode for some seconds; return the folder with its files."""
    folder = tmp_path_factory.mktemp("run")
    subprocess.run(
        [
            *pyload("--duration", "8s", "--metrics-addr", "", "--tag", f"note={HOSTILE}"),
            *("--out", folder / "run.json", "--html", folder / "run.html", "--csv", folder / "csv"),
        ],
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    return folder


def pyload(*arguments: str) -> list[str | Path]:
    """Return a command that runs a mesh in kwok mode."""
    kind = ("--cluster-type", "kwok", "--workers", "2", "--probe", "1s")
    program = Path(sys.executable).parent / "pyload"
    return [program, "cluster", "--embedded", "-c", MESH, *kind, *arguments]


def result_of(folder: Path) -> dict[str, Any]:
    """Return the result of a run."""
    found = json.loads((folder / "run.json").read_text())
    assert isinstance(found, dict)
    return found


def in_browser(look: Callable[[Tab], Awaitable[None]], folder: Path) -> None:
    """Look at something in a browser."""

    async def run() -> None:
        async with open_tab(folder / "profile") as tab:
            await look(tab)

    asyncio.run(run())


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_draws_all_of_its_charts(
    reported: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    """A colleague would open a file of empty frames."""

    async def look(tab: Tab) -> None:
        address = (reported / "run.html").as_uri()
        await tab.show(address, width=width, is_dark=scheme == "dark")
        await tab.wait_for(f"({SHOWN}).length > 15 && !({UNDRAWN}).length")
        shown = await tab.evaluate(SHOWN)
        assert {"Proxies", "Time until a change reaches the proxies", "Time to connect"} <= {*shown}
        assert await tab.evaluate("document.documentElement.scrollWidth") == width
        assert await tab.evaluate("window.stolen") is None
        assert HOSTILE in await tab.evaluate("document.body.textContent")
        assert {*tab.requests} - {"data:,"} == {address}
        assert tab.errors == []

    in_browser(look, tmp_path)


def test_a_drag_zooms_into_all_charts_and_a_double_click_resets(
    reported: Path, tmp_path: Path
) -> None:
    """A moment could not be compared between two charts."""
    box = """(() => { const box = document.querySelectorAll(".u-over")[0].getBoundingClientRect();
      return [box.x, box.y, box.width, box.height]; })()"""
    axes = """[...document.querySelectorAll("canvas")].slice(0, 4).map((one) => one.toDataURL())"""
    legend = """[...document.querySelectorAll(".u-legend")].slice(0, 2)
      .map((one) => one.querySelector(".u-value").textContent)"""

    async def look(tab: Tab) -> None:
        await tab.show((reported / "run.html").as_uri())
        await tab.wait_for(f"!({UNDRAWN}).length")
        x, y, width, height = await tab.evaluate(box)
        before = await tab.evaluate(axes)
        middle = y + height / 2
        await tab.send("Input.dispatchMouseEvent", type="mouseMoved", x=x + width / 2, y=middle)
        one, other = await tab.evaluate(legend)
        # The cursors of all charts are at the same moment.
        assert one == other
        await tab.press(
            (x + width * 0.3, middle), (x + width * 0.5, middle), (x + width * 0.7, middle)
        )
        await tab.wait_for("document.body.classList.contains('zoomed')")
        zoomed = await tab.evaluate(axes)
        assert all(now != then for now, then in zip(zoomed, before, strict=True))
        await tab.press((x + width / 2, middle))
        await tab.press((x + width / 2, middle), clicks=2)
        await tab.wait_for("!document.body.classList.contains('zoomed')")
        assert tab.errors == []

    in_browser(look, tmp_path)


@pytest.fixture
def live() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a mesh in kwok mode; return the address of its live page, and its process."""
    address = f"127.0.0.1:{free_port()}"
    command = pyload("--metrics-addr", address)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(partial(answers, f"http://{address}/result.json"))
            yield f"http://{address}/", process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) in (0, 130)


def answers(url: str) -> bool:
    """Return whether something answers at an address."""
    with contextlib.suppress(OSError):
        urllib.request.urlopen(url, timeout=5).close()
        return True
    return False


def test_the_live_page_moves_and_says_when_the_run_is_over(
    live: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """Whoever looks on would take the last second of a run for its present."""
    address, process = live
    status = "document.querySelector('.status').textContent"
    figures = f"document.querySelector('details table').textContent + {status}"

    async def look(tab: Tab) -> None:
        await tab.show(address)
        await tab.wait_for(f"{status}.startsWith('Running since ')")
        await tab.wait_for(f"({SHOWN}).length > 10 && !({UNDRAWN}).length")
        first = await tab.evaluate(figures)
        await tab.wait_for(f"({figures}) !== {json.dumps(first)}")
        assert tab.errors == []
        assert {one.removeprefix(address) for one in tab.requests} - {"data:,"} == {
            "",
            "result.json",
            "result.json?recent",
        }
        process.send_signal(signal.SIGTERM)
        await tab.wait_for(f"{status}.startsWith('The run is over')")
        # Nothing more is asked.
        count = len(tab.requests)
        await asyncio.sleep(3)
        assert len(tab.requests) == count
        assert not await tab.evaluate(UNDRAWN)

    in_browser(look, tmp_path)


def test_without_the_library_there_are_tables(reported: Path, tmp_path: Path) -> None:
    """The page of a pyload without extras would be empty."""
    own = page_assets()
    plain = Assets(style=own.style, script=own.script, uplot="")
    (tmp_path / "plain.html").write_bytes(page([result_of(reported)], plain))

    async def look(tab: Tab) -> None:
        await tab.show((tmp_path / "plain.html").as_uri())
        text = await tab.evaluate("document.body.innerText")
        assert "pip install 'pyload-istio[report]'" in text
        assert await tab.evaluate("document.querySelectorAll('canvas').length") == 0
        assert await tab.evaluate("document.querySelectorAll('figure table').length") > 10
        assert tab.errors == []

    in_browser(look, tmp_path)


def test_several_runs_are_laid_over_each_other(reported: Path, tmp_path: Path) -> None:
    """Two versions of istiod could be compared by numbers only."""
    result = result_of(reported)
    table = Table(title="Difference", columns=["figure", "a", "b"], rows=[[HOSTILE, "1", "2"]])
    html = page([result, result], page_assets(), names=["one", HOSTILE], tables=[table])
    (tmp_path / "both.html").write_bytes(html)

    async def look(tab: Tab) -> None:
        await tab.show((tmp_path / "both.html").as_uri())
        await tab.wait_for(f"({SHOWN}).length > 15 && !({UNDRAWN}).length")
        legend = await tab.evaluate("document.querySelector('.u-legend').textContent")
        assert "one" in legend
        assert HOSTILE in legend
        assert "Difference" in await tab.evaluate("document.body.textContent")
        assert await tab.evaluate("window.stolen") is None
        assert tab.errors == []

    in_browser(look, tmp_path)


@pytest.mark.parametrize("cut", ["v1", "killed", "empty"])
def test_what_a_result_does_not_have_is_left_out(reported: Path, tmp_path: Path, cut: str) -> None:
    """The report of a run that was killed, or of last year, would be an error in a console."""
    result = result_of(reported)
    if cut == "killed":
        result |= {"exit_reason": "still running", "thresholds": [], "limit": None}
        result["unserved"] = [{"lack": "waiting for 1 endpoint of a", "proxies": ["m/p", "m/q"]}]
    elif cut == "v1":
        keys = ("version", "run_id", "command", "duration", "exit_reason", "proxies", "pushes")
        result = {key: result[key] for key in keys}
    else:
        result = {}
    (tmp_path / "cut.html").write_bytes(page([result], page_assets()))

    async def look(tab: Tab) -> None:
        await tab.show((tmp_path / "cut.html").as_uri())
        text = await tab.evaluate("document.querySelector('main').innerText")
        assert ("written while the run went on" in text) is (cut == "killed")
        assert ("waiting for 1 endpoint of a: m/p, m/q" in text) is (cut == "killed")
        assert ("Proxies configured" in text) is (cut != "empty")
        assert bool(await tab.evaluate(SHOWN)) is (cut == "killed")
        assert tab.errors == []

    in_browser(look, tmp_path)
