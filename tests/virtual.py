"""An event loop on which time passes only when nothing else is left to do.

A sleep of an hour takes no time, and what happens when is exact. Only for tests whose peers are
in memory: while a real socket is being waited for, time would jump ahead.
"""

from __future__ import annotations

import asyncio
import errno
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class _JumpingSelector(selectors.SelectSelector):
    """Turns the loop's wish to wait into a jump of its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Only a thread can wake the loop now (getaddrinfo, to_thread).
            ready = super().select(5)
            if not ready:
                raise RuntimeError("deadlock: every task waits, and no timer is set")
            return ready
        self.now += timeout
        return []


class MemoryTransport(asyncio.Transport):
    """One end of a connection in memory, which takes no time.

    Attributes:
        protocol: What it carries bytes to.
        peer: The other end.
    """

    peer: MemoryTransport

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"socket": _NoSocket()})
        self._loop = loop
        self._closing = False
        self._gone = False
        self.protocol: Any = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Carry bytes to the other end."""
        if not self._closing:
            self._loop.call_soon(self.peer.receive, bytes(data))

    def receive(self, data: bytes) -> None:
        """Handle bytes of the other end."""
        if self._closing:
            return
        if not isinstance(self.protocol, asyncio.BufferedProtocol):
            self.protocol.data_received(data)
            return
        while data:
            buffer = memoryview(self.protocol.get_buffer(len(data)))
            size = min(len(data), len(buffer))
            buffer[:size], data = data[:size], data[size:]
            self.protocol.buffer_updated(size)

    def is_closing(self) -> bool:
        """Return whether either end has closed the connection."""
        return self._closing

    def close(self) -> None:
        """Close the connection once the other end has what was written."""
        if not self._closing:
            self._closing = True
            for end in (self, self.peer):
                self._loop.call_soon(end._lost)

    def abort(self) -> None:
        """Close the connection."""
        self.close()

    def _lost(self) -> None:
        self._closing = True
        if not self._gone:
            self._gone = True
            self.protocol.connection_lost(None)


class _NoSocket:
    """Stands where a transport of the network has its socket."""

    def setsockopt(self, *_option: object) -> None:
        pass


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with its own clock, which starts at 0 s.

    Attributes:
        servers: Make the protocols that accept connections, by address: the loop has no network
            but these.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self.servers: dict[tuple[str, int], Callable[[], asyncio.Protocol]] = {}
        super().__init__(self._jumping)

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str,
        port: int,
        **_options: object,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to one of the servers in memory."""
        accept = self.servers.get((host, port))
        if accept is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        protocol = protocol_factory()
        ours, theirs = MemoryTransport(self, protocol), MemoryTransport(self, accept())
        ours.peer, theirs.peer = theirs, ours
        theirs.protocol.connection_made(theirs)
        ours.protocol.connection_made(ours)
        return ours, protocol

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function at once: a thread would take real time, while virtual time jumps."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the awaiting side raises it
            future.set_exception(error)
        return future


VIRTUAL: tuple[str, Mapping[str, Any]] = ("asyncio", {"loop_factory": VirtualTimeLoop})
"""What an ``anyio_backend`` fixture returns to run a module's tests in virtual time."""
