"""``pyload victoriapush``: sends measurements from standard input to VictoriaLogs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pyload.commands.victoriapush.json_line import (
    BadLine,
    Batcher,
    Lines,
    LineTooLong,
    read_line,
    write_line,
)
from pyload.errors import PyloadError, UsageError
from pyload.tasks import Shutdown, cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

POST_SECONDS: Final = 30.0

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions:
    """Options of `run_push`.

    Attributes:
        address: Base URL of VictoriaLogs.
        stream: Value of the field ``stream``.
        sub_stream: Value of the field ``subStream``; empty for none.
    """

    address: str
    stream: str = "victoriapush"
    sub_stream: str = ""

    @property
    def url(self) -> str:
        """Where batches are posted.

        Raises:
            UsageError: The address is not one.
        """
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(
                f"{self.address!r} is not the address of VictoriaLogs",
                fix="give --victoria-address a URL, such as http://localhost:9428",
            )
        fields = "stream,subStream" if self.sub_stream else "stream"
        return f"{self.address.rstrip('/')}/insert/jsonline?_stream_fields={fields}"


@dataclass(slots=True)
class Pushed:
    """What came of the records.

    Attributes:
        sent: Records that the server took.
        lost: Records of batches that it did not take.
        bad: Lines that were skipped.
    """

    sent: int = 0
    lost: int = 0
    bad: int = 0


async def run_push(
    options: PushOptions,
    chunks: AsyncIterator[bytes],
    *,
    post: Callable[[str, Sequence[bytes]], Awaitable[None]],
    complain: Callable[[str], None],
    shutdown: Shutdown | None = None,
) -> Pushed:
    """Send the input in batches, until it ends or the user stops it.

    Args:
        options: The options.
        chunks: The input.
        post: Posts a batch of lines to a URL; raises a `PyloadError` if that fails.
        complain: Called with a sentence about each line that cannot be parsed.
        shutdown: Ends the work early; lines that have been read are still sent.

    Returns:
        The counts.

    Raises:
        UsageError: The address is not one.
        PyloadError: A line is too long, or batches were lost.
    """
    push = _Push(options, post, complain)
    await push.run(chunks, shutdown or Shutdown())
    if push.counts.lost:
        total = push.counts.lost + push.counts.sent
        raise PyloadError(
            f"{push.counts.lost} of {total} records were lost",
            fix="see the warnings above, and check --victoria-address",
        )
    return push.counts


class _Push:
    def __init__(
        self,
        options: PushOptions,
        post: Callable[[str, Sequence[bytes]], Awaitable[None]],
        complain: Callable[[str], None],
    ) -> None:
        self.counts = Pushed()
        self._options = options
        self._url = options.url
        self._post = post
        self._complain = complain
        self._lines = Lines()
        self._batcher = Batcher(asyncio.get_running_loop().time())

    async def run(self, chunks: AsyncIterator[bytes], shutdown: Shutdown) -> None:
        try:
            await self._read(chunks, shutdown)
        except LineTooLong as error:
            await self._flush()
            raise PyloadError(str(error), fix="split the input into shorter lines") from error
        await self._flush()

    async def _read(self, chunks: AsyncIterator[bytes], shutdown: Shutdown) -> None:
        stopped = asyncio.create_task(shutdown.requested.wait(), name="victoriapush-stop")
        reading = asyncio.create_task(_next(chunks), name="victoriapush-read")
        try:
            while True:
                patience = self._patience()
                done, _ = await asyncio.wait(
                    {reading, stopped}, timeout=patience, return_when="FIRST_COMPLETED"
                )
                if reading in done:
                    data = reading.result()
                    if data is None:
                        await self._send_lines(self._lines.end())
                        return
                    await self._send_lines(self._lines.feed(data))
                    reading = asyncio.create_task(_next(chunks), name="victoriapush-read")
                elif stopped in done:
                    return
                if self._patience() == 0:
                    await self._flush()
        finally:
            await cancel([stopped, reading])

    def _patience(self) -> float | None:
        """Return the seconds until the batch is due; None if it is empty."""
        due = self._batcher.due
        return None if due is None else max(0.0, due - asyncio.get_running_loop().time())

    async def _send_lines(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if not line:
                continue
            try:
                measurement = read_line(line)
            except BadLine as error:
                self.counts.bad += 1
                self._complain(f"Error parsing line: {error}")
                continue
            options = self._options
            record = write_line(measurement, stream=options.stream, sub_stream=options.sub_stream)
            if self._batcher.add(record):
                await self._flush()

    async def _flush(self) -> None:
        batch = self._batcher.flush(asyncio.get_running_loop().time())
        if not batch:
            return
        try:
            await self._post(self._url, batch)
        except PyloadError as error:
            self.counts.lost += len(batch)
            log.warning("failed to report: %s", error)
        else:
            self.counts.sent += len(batch)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


@contextlib.asynccontextmanager
async def http_poster() -> AsyncIterator[Callable[[str, Sequence[bytes]], Awaitable[None]]]:
    """Provide a function that posts batches over HTTP while the context lasts."""
    import aiohttp  # noqa: PLC0415 - slow to import

    async def lines(batch: Sequence[bytes]) -> AsyncIterator[bytes]:
        for line in batch:
            yield line

    timeout = aiohttp.ClientTimeout(total=POST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def post(url: str, batch: Sequence[bytes]) -> None:
            headers = {"Content-Type": "application/stream+json"}
            try:
                async with session.post(url, data=lines(batch), headers=headers) as answer:
                    if answer.status != 200:
                        raise PyloadError(f"error posting victoria logs: code {answer.status}")
                    await answer.read()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                what = str(error) or type(error).__name__
                raise PyloadError(f"error posting victoria logs: {what}") from error

        yield post
