"""One end of the pipe between the pool and a worker: messages over a stream of bytes.

The pool's end and the worker's end are the same class, on whatever transport connects them. A pipe
is closed when the process at the other end is gone, or when this end meets a fault: bytes that are
no message, or an exception of the code that handles one. The fault is kept for the owner of this
end to raise, as the event loop would only log it.
"""

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
    """One end of a pipe.

    Args:
        handle: Is called with each message; an exception closes the pipe.
        writable: Is called when the pipe is no longer `full`.

    Attributes:
        full: Whether so much waits to be written that the writer should pause.
        received: How many messages have arrived.
        closed: Set when the pipe is closed.
        error: The fault for which this end closed it.
    """

    def __init__(
        self, handle: Callable[[Message], None], writable: Callable[[], None] | None = None
    ) -> None:
        self._handle = handle
        self._writable = writable
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self.full = False
        self.received = 0
        self.closed = asyncio.Event()
        self.error: Exception | None = None

    def send(self, message: Message) -> None:
        """Send a message; it is dropped if the pipe is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def close(self) -> None:
        """Close the pipe once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def fail(self, error: Exception) -> None:
        """Close the pipe at once, for a fault that the owner of this end raises."""
        self.error = error
        if self._transport is not None:
            self._transport.abort()

    # The methods that asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to use a transport."""
        # uvloop's transports are not of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=FULL)

    def data_received(self, data: bytes) -> None:
        """Handle the messages that are whole now."""
        try:
            for message in self._decoder.feed(data):
                self.received += 1
                self._handle(message)
        except Exception as error:  # noqa: BLE001 - its owner raises it; a loop would only log it
            self.fail(error)

    def pause_writing(self) -> None:
        """Record that much waits to be written."""
        self.full = True

    def resume_writing(self) -> None:
        """Record that most of it is written."""
        self.full = False
        if self._writable is not None:
            self._writable()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the owner learns the exit code
        """Record that the other process is gone, or that this end is closed."""
        self.closed.set()
