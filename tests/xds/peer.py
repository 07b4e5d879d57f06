"""An in-memory control plane for clients, which fails where a test wants it to."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from pyload.xds.messages import Message
from pyload.xds.transport import CANCELLED, DELTA_METHOD, Status
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

    from pyload.xds.transport import Metadata, Sink

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
            ``send``, ``deliver``); returns the status with which the connection breaks, or None.

    Attributes:
        streams: All streams that were ever open.
        dials: Streams that were asked for.
        operations: How many operations there were.
        silent: Whether requests stay unanswered.
    """

    def __init__(self, fail: Callable[[int, str], Status | None] | None = None) -> None:
        self._fail = fail
        self.streams: list[MemoryStream] = []
        self.dials = 0
        self.operations = 0
        self.silent = False

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> MemoryStream:
        """Open a stream; see `pyload.xds.transport.Transport`."""
        self.dials += 1
        stream = MemoryStream(self, sink, delta=method == DELTA_METHOD, metadata=metadata)
        asyncio.get_running_loop().call_soon(self._opened, stream)
        return stream

    async def aclose(self) -> None:
        """Nothing is shared."""

    def step(self, name: str) -> Status | None:
        """Count an operation, and return the status with which it fails, or None."""
        number = self.operations
        self.operations += 1
        return self._fail(number, name) if self._fail is not None else None

    def _opened(self, stream: MemoryStream) -> None:
        status = self.step("open")
        if status is not None:
            stream.end(status)
        if stream.status is None:
            self.streams.append(stream)
            stream.sink.opened()


class MemoryStream:
    """One stream; see `pyload.xds.transport.Stream`.

    Attributes:
        requests: What the client has sent.
        status: How the stream ended; None while it is open.
        closed: Whether the sink knows of the end.
        paused: Whether the client reads no further.
    """

    def __init__(self, peer: Peer, sink: Sink, *, delta: bool, metadata: Metadata) -> None:
        self._peer = peer
        self._delta = delta
        self._messages: deque[bytes] = deque()
        self.sink = sink
        self.metadata = metadata
        self.requests: list[Request] = []
        self.status: Status | None = None
        self.closed = False
        self.paused = False
        self._number = 0

    def send(self, message: bytes) -> None:
        """Handle a request, and answer it if it is a subscription."""
        status = self._peer.step("send")
        if status is not None:
            self.end(status)
        if self.status is not None:
            return
        request = read_delta(message) if self._delta else read_sotw(message)
        self.requests.append(request)
        if not request.nonce and not self._peer.silent:
            self._answer(request)

    def close(self, status: Status = CANCELLED) -> None:
        """End the stream from the client's side."""
        self.end(status)

    def pause(self) -> None:
        """Deliver nothing."""
        self.paused = True

    def resume(self) -> None:
        """Deliver what has come meanwhile."""
        self.paused = False
        for _ in range(len(self._messages)):
            asyncio.get_running_loop().call_soon(self._deliver)

    def push(self, message: bytes) -> None:
        """Send a response, asked for or not."""
        self._messages.append(message)
        asyncio.get_running_loop().call_soon(self._deliver)

    def end(self, status: Status) -> None:
        """End the stream from either side."""
        if self.status is None:
            self.status = status
            asyncio.get_running_loop().call_soon(self._close)

    def _deliver(self) -> None:
        if self.status is not None or self.paused or not self._messages:
            return
        status = self._peer.step("deliver")
        if status is not None:
            self.end(status)
        else:
            self.sink.message(Message(self._messages.popleft()))

    def _close(self) -> None:
        assert self.status is not None
        self.closed = True
        self.sink.closed(self.status)

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
