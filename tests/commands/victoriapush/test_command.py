"""Measurements on their way from standard input to VictoriaLogs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web

from pyload.commands.victoriapush.command import PushOptions, http_poster, run_push
from pyload.commands.victoriapush.json_line import (
    BATCH_RECORDS,
    LONGEST_LINE,
)
from pyload.errors import PyloadError, UsageError
from pyload.tasks import Shutdown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

OPTIONS = PushOptions(address="http://logs:9428")


class Server:
    """Records batches and when they came."""

    def __init__(self, *, failing: bool = False) -> None:
        self.batches: list[tuple[float, int]] = []
        self.urls: set[str] = set()
        self.complaints: list[str] = []
        self._failing = failing

    async def post(self, url: str, batch: Sequence[bytes]) -> None:
        """Record a batch."""
        self.urls.add(url)
        self.batches.append((asyncio.get_running_loop().time(), len(batch)))
        if self._failing:
            raise PyloadError("error posting victoria logs: code 503")


def line(number: int) -> bytes:
    """Write one line of input."""
    return orjson.dumps({"latency": number / 2, "timestamp": number, "details": "x"}) + b"\n"


async def inputs(*steps: bytes | float) -> AsyncIterator[bytes]:
    """Yield bytes, with pauses between them."""
    for step in steps:
        if isinstance(step, bytes):
            yield step
        else:
            await asyncio.sleep(step)


async def test_a_batch_goes_when_it_is_full_or_five_seconds_old() -> None:
    """Dashboards stay current, and a busy source does not cause a request per record."""
    server = Server()
    many = b"".join(line(number) for number in range(BATCH_RECORDS + 1))
    steps = (2.0, line(0), 1.0, line(1), 10.0, many, 20.0, line(2))
    counts = await run_push(
        OPTIONS, inputs(*steps), post=server.post, complain=server.complaints.append
    )

    # The second batch began at 5 s; it had been empty for so long that its first record goes
    # at once when the first 500 have gone at 13 s, and their last one 5 s after that.
    assert server.batches == [(5.0, 2), (13.0, 500), (18.0, 1), (33.0, 1)]
    assert (counts.sent, counts.lost, counts.bad) == (504, 0, 0)
    assert server.complaints == []


async def test_what_was_read_is_sent_when_the_user_stops_a_silent_source() -> None:
    """pilot-load hangs on a pipe that stays open, and the last batch is lost."""
    server, shutdown = Server(), Shutdown()
    asyncio.get_running_loop().call_later(1.0, shutdown.signal)
    counts = await run_push(
        OPTIONS,
        inputs(line(1), 3600.0, line(2)),
        post=server.post,
        complain=server.complaints.append,
        shutdown=shutdown,
    )

    assert server.batches == [(1.0, 1)]
    assert counts.sent == 1


async def test_bad_lines_are_named_and_skipped() -> None:
    """One broken line must not cost the measurements around it."""
    server = Server()
    data = b'\n{"latency": "1"}\nnonsense\n\n' + line(1).rstrip()
    counts = await run_push(
        OPTIONS, inputs(data), post=server.post, complain=server.complaints.append
    )

    assert (counts.sent, counts.bad) == (1, 2)
    assert [text.partition(":")[0] for text in server.complaints] == ["Error parsing line"] * 2


async def test_lost_batches_are_an_error_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """pilot-load exits with 0 when nothing has arrived."""
    server = Server(failing=True)
    with pytest.raises(PyloadError, match="2 of 2 records were lost"):
        await run_push(
            OPTIONS, inputs(line(1), 6.0, line(2)), post=server.post, complain=lambda _: None
        )

    assert [record.getMessage() for record in caplog.records] == [
        "failed to report: error posting victoria logs: code 503"
    ] * 2


async def test_a_line_that_is_too_long_ends_the_work_after_what_came_before_it() -> None:
    """Nothing that was read is lost because of what follows."""
    server = Server()
    with pytest.raises(PyloadError, match="longer than 65535 bytes"):
        await run_push(
            OPTIONS,
            inputs(line(1) + b"x" * (LONGEST_LINE + 1)),
            post=server.post,
            complain=lambda _: None,
        )

    assert server.batches == [(0.0, 1)]


@pytest.mark.parametrize("address", ["", "localhost:9428", "ftp://x", "http://"])
def test_an_address_that_cannot_work_is_refused(address: str) -> None:
    """Every batch would be lost, one warning at a time."""
    with pytest.raises(UsageError, match="http://localhost:9428"):
        _ = PushOptions(address=address).url


@pytest.mark.socket
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
async def test_what_victorialogs_gets(anyio_backend: object) -> None:
    """The stream fields, the content type and the records are what its API asks for."""
    seen: list[tuple[str, str, str, list[Any]]] = []

    async def take(request: web.BaseRequest) -> web.Response:
        encoding = request.headers.get("Transfer-Encoding", "")
        records = [json.loads(part) for part in (await request.read()).splitlines()]
        seen.append((request.path_qs, request.content_type, encoding, records))
        return web.Response(status=200 if len(seen) == 1 else 500)

    runner = web.ServerRunner(web.Server(take), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        options = PushOptions(address=address, stream="s", sub_stream="t")
        async with http_poster() as post:
            await run_push(options, inputs(line(2), line(3)), post=post, complain=lambda _: None)
            with pytest.raises(PyloadError, match="1 of 1"):
                await run_push(options, inputs(line(2)), post=post, complain=lambda _: None)
    finally:
        await runner.cleanup()

    assert seen[0] == (
        "/insert/jsonline?_stream_fields=stream,subStream",
        "application/stream+json",
        "chunked",
        [
            {"_msg": "x", "_time": 2, "value": 1, "stream": "s", "subStream": "t"},
            {"_msg": "x", "_time": 3, "value": 1.5, "stream": "s", "subStream": "t"},
        ],
    )
