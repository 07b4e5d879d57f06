"""Carries records between a pool and a worker, over a socket that both inherit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from pyload.proxies.pool.codec import Decoder, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.proxies.pool.messages import Message

FULL: Final = 1 << 20
"""Bytes that may wait to be written before the writer is asked to pause."""


class Pipe(asyncio.Protocol):
    """One end; it is closed when the process at the other end is gone.

    Args:
        received: Takes each record. What it raises closes the pipe.
        writable: Is called when the pipe is no longer `full`.

    Attributes:
        full: Whether so much waits to be written that the writer should pause.
        closed: Set when the pipe is closed.
        error: The fault for which this end closed it, such as what `received` raised.
    """

    def __init__(
        self, received: Callable[[Message], None], writable: Callable[[], None] | None = None
    ) -> None:
        self._received = received
        self._writable = writable
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self.full = False
        self.closed = asyncio.Event()
        self.error: Exception | None = None

    def send(self, record: Message) -> None:
        """Send a record; what follows the end is dropped."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(record))

    def close(self) -> None:
        """Close once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def fail(self, error: Exception) -> None:
        """Close at once, for a fault that the owner of this end raises."""
        self.error = error
        if self._transport is not None:
            self._transport.abort()

    # asyncio's part.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        # uvloop's transports are not of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=FULL)

    def data_received(self, data: bytes) -> None:
        """Read the records that are whole now."""
        try:
            for record in self._decoder.feed(data):
                self._received(record)
        except Exception as error:  # noqa: BLE001 - its owner raises it; a loop would only log it
            self.fail(error)

    def pause_writing(self) -> None:
        """Note that much waits to be written."""
        self.full = True

    def resume_writing(self) -> None:
        """Note that most of it is written."""
        self.full = False
        if self._writable is not None:
            self._writable()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - nobody cares why
        """Note that the other process is gone, or this end is closed."""
        self.closed.set()
