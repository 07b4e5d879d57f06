"""A stream to read from and write to step by step, for tests that play a proxy."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.xds.messages import Message
    from pyload.xds.transport import Metadata, Status, Transport

UNREAD_LIMIT: Final = 4


class Dialogue:
    """One stream, which reads no further while messages wait for `recv`.

    Attributes:
        status: How the stream ended; None while it is open.
    """

    def __init__(self, transport: Transport, method: str, metadata: Metadata = ()) -> None:
        self.status: Status | None = None
        self._messages: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._open = asyncio.Event()
        self._stream = transport.open(method, metadata=metadata, sink=self)

    def opened(self) -> None:
        """See `pyload.xds.transport.Sink`."""
        self._open.set()

    def message(self, message: Message) -> None:
        """Keep a message, and pause while many are unread."""
        self._messages.append(message.whole())
        if len(self._messages) == UNREAD_LIMIT:
            self._stream.pause()
        self._changed.set()

    def closed(self, status: Status) -> None:
        """See `pyload.xds.transport.Sink`."""
        assert self.status is None
        self.status = status
        self._open.set()
        self._changed.set()

    async def wait_opened(self) -> bool:
        """Wait for the end of the dial, and return whether the stream is open."""
        await self._open.wait()
        return self.status is None

    def send(self, message: bytes) -> None:
        """Send a message."""
        self._stream.send(message)

    async def recv(self) -> bytes | None:
        """Wait for the next message; None once the stream has ended."""
        while not self._messages:
            if self.status is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        if len(self._messages) == UNREAD_LIMIT:
            self._stream.resume()
        return self._messages.popleft()

    async def aclose(self) -> None:
        """Close the stream, and wait until its connection is gone."""
        self._stream.close()
        while self.status is None:
            self._changed.clear()
            await self._changed.wait()
