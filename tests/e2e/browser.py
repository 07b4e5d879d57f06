"""Chromium without a window, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from tests.e2e.needs import program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_SECONDS: Final = 40.0


def chromium() -> str:
    """Find Chromium, or skip the test."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return program("chromium", *names, source="Debian's package chromium")


class Tab:
    """A page that is open, and what happened on it.

    Attributes:
        errors: Lines of its console that are errors or warnings, and what was thrown.
        requests: Addresses that it asked for.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        """Handle answers and events until the browser goes away."""
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                self._waiting.pop(event["id"]).set_result(event)
                continue
            given = event.get("params", {})
            if event["method"] == "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            elif event["method"] == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(given["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled":
                if given["type"] in ("error", "warning", "assert"):
                    self.errors.append(json.dumps(given["args"]))
            elif event["method"] == "Log.entryAdded" and given["entry"]["level"] != "verbose":
                self.errors.append(json.dumps(given["entry"]))

    async def send(self, method: str, **given: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": given})
        found = await asyncio.wait_for(answer, _SECONDS)
        assert "error" not in found, (method, found["error"])
        result = found["result"]
        assert isinstance(result, dict)
        return result

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of the page."""
        found = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def wait_for(self, expression: str) -> Any:
        """Wait until an expression of the page is true, and return its value."""
        watch = f"""new Promise((resolve, reject) => {{
          const until = Date.now() + {_SECONDS * 900};
          (function look() {{
            let found;
            try {{ found = ({expression}); }} catch (error) {{ return reject(error); }}
            if (found) return resolve(found);
            if (Date.now() > until) return reject(new Error("too late"));
            setTimeout(look, 50);
          }})();
        }})"""
        return await self.evaluate(watch)

    async def show(self, url: str, *, width: int = 1280, is_dark: bool = False) -> Self:
        """Open an address in a window of some width."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        await self.send("Page.navigate", url=url)
        await self.wait_for("document.body && document.body.dataset.ready === 'true'")
        return self

    async def picture(self) -> bytes:
        """Return a picture of the whole page."""
        size = (await self.send("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        found = await self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(found["data"])

    async def press(self, *points: tuple[float, float], clicks: int = 1) -> None:
        """Press the mouse at the first point, and release it at the last one."""
        kinds = ["mouseMoved", "mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        where = [points[0], *points, points[-1]]
        for kind, (x, y) in zip(kinds, where, strict=True):
            button = "none" if kind == "mouseMoved" and len(points) == 1 else "left"
            await self.send(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=clicks
            )


@contextlib.asynccontextmanager
async def open_tab(folder: Path) -> AsyncIterator[Tab]:
    """Start Chromium with an empty page.

    Args:
        folder: Where it keeps its files.
    """
    process = await asyncio.create_subprocess_exec(
        chromium(),
        *_ARGUMENTS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_SECONDS):
            while not (found := re.search(rb"ws://([^/]+)/", await process.stderr.readline())):
                assert not process.stderr.at_eof(), "Chromium does not start"
        drained = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{found[1].decode()}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            address = pages[0]["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                reading = asyncio.create_task(tab.read())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await tab.send(f"{domain}.enable")
                yield tab
                reading.cancel()
        drained.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
