"""An in-memory control plane for clients, which fails where a test wants it to."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from pyload.errors import StreamError
from pyload.xds.transport import DELTA_METHOD, Status
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, ECDS, EDS, LDS, RDS, SDS
from tests.xds.messages import (
    Request,
    cluster,
    delta_response,
    listener,
    named,
    read_delta,
    read_sotw,
    sotw_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.xds.transport import Metadata

GONE = Status(code=14, name="UNAVAILABLE", message="connection reset")

_URLS = {
    "cds": CDS,
    "eds": EDS,
    "lds": LDS,
    "rds": RDS,
    "sds": SDS,
    "ecds": ECDS,
    "wds": ADDRESS,
    "wads": AUTHORIZATION,
}


class Peer:
    """A control plane with one cluster ``a`` and one listener ``l`` with the route ``80``.

    Args:
        fail: Is asked before each operation, with its number counted from 0 and its name (``open``,
            ``send``, ``recv``); gives the status with which the connection breaks, or None.

    Attributes:
        streams: All streams ever opened.
        operations: How many operations there were.
        silent: Whether requests stay unanswered.
    """

    def __init__(self, fail: Callable[[int, str], Status | None] | None = None) -> None:
        self._fail = fail
        self.streams: list[MemoryStream] = []
        self.dials = 0
        self.operations = 0
        self.silent = False

    async def open(self, method: str, *, metadata: Metadata) -> MemoryStream:
        """Open a stream; see `pyload.xds.transport.Transport`."""
        self.dials += 1
        status = await self.step("open")
        if status is not None:
            raise StreamError(code=status.code, name=status.name, message=status.message)
        stream = MemoryStream(self, delta=method == DELTA_METHOD, metadata=metadata)
        self.streams.append(stream)
        return stream

    async def step(self, name: str) -> Status | None:
        """Count an operation, let others run, and say whether it fails."""
        number = self.operations
        self.operations += 1
        await asyncio.sleep(0)
        return self._fail(number, name) if self._fail is not None else None


class MemoryStream:
    """One stream; see `pyload.xds.transport.Stream`.

    Attributes:
        requests: What the client has sent.
        closed: Whether the client has closed it.
    """

    def __init__(self, peer: Peer, *, delta: bool, metadata: Metadata) -> None:
        self._peer = peer
        self._delta = delta
        self._messages: deque[bytes] = deque()
        self._wakened = asyncio.Event()
        self.metadata = metadata
        self.requests: list[Request] = []
        self.status: Status | None = None
        self.closed = False
        self._number = 0

    async def send(self, message: bytes) -> None:
        """Take a request, and answer it if it is a subscription."""
        status = await self._peer.step("send")
        if status is not None:
            self.end(status)
        if self.status is not None:
            raise StreamError(
                code=self.status.code, name=self.status.name, message=self.status.message
            )
        request = read_delta(message) if self._delta else read_sotw(message)
        self.requests.append(request)
        if not request.nonce and not self._peer.silent:
            self._answer(request)

    async def recv(self) -> bytes | None:
        """Give the next response."""
        status = await self._peer.step("recv")
        if status is not None:
            self.end(status)
        while not self._messages and self.status is None:
            self._wakened.clear()
            await self._wakened.wait()
        if self.status is not None:
            return None
        return self._messages.popleft()

    async def aclose(self) -> None:
        """Close the stream."""
        self.closed = True
        self.end(Status(code=1, name="CANCELLED", message="closed"))

    def push(self, message: bytes) -> None:
        """Send a response, asked for or not."""
        self._messages.append(message)
        self._wakened.set()

    def end(self, status: Status) -> None:
        """End the stream from the server's side."""
        self.status = self.status or status
        self._wakened.set()

    def _answer(self, request: Request) -> None:
        if request.unsubscribe and not request.subscribe:
            return
        names = request.subscribe or {"cds": ("a",), "lds": ("l",)}.get(request.type, ("w",))
        url = _URLS[request.type]
        bodies = {name: named(url, name) for name in names}
        if request.type == "cds":
            bodies = {"a": cluster("a")}
        elif request.type == "lds":
            bodies = {"l": listener("l", routes=["80"])}
        self._number += 1
        nonce = f"n{self._number}"
        if self._delta:
            self.push(delta_response(url, bodies, nonce=nonce))
        else:
            self.push(sotw_response(url, *bodies.values(), nonce=nonce))
