"""TCP connections, and what those of one event loop share: buffers, timers and resolved names.

The buffers are why anything is shared: received bytes are handled before the loop turns to the next
socket, so that one buffer serves ten thousand connections. How many connect at the same time is not
decided here but by `pyload.proxies.dial_scheduler`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from aiohappyeyeballs import start_connection

from pyload.timer_heap import TimerHeap
from pyload.xds.keepalive import ANSWER_SECONDS, Keepalive
from pyload.xds.tls import is_ip
from pyload.xds.transport import NO_SIGN_OF_LIFE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiohappyeyeballs import AddrInfoType

DIAL_SECONDS: Final = 5.0
NEXT_SECONDS: Final = 0.25
"""Time after which the next address of a name is tried, while the one before may still answer."""
RESOLVE_SECONDS: Final = 5.0
"""How long the addresses of a name are good for."""
SILENT_SECONDS: Final = 60.0
"""How long an address is tried last that took a connection and said nothing on it."""
MAX_NAMES: Final = 64
READ_SIZE: Final = 256 << 10
PLAIN_SIZE: Final = 64 << 10

Address = tuple[str, int]


class LoopResources:
    """What all connections of an event loop share.

    Attributes:
        received: Buffer that sockets are read into; never kept over a callback.
        plain: Buffer that TLS decrypts into; never kept over a callback.
        timers: Holds deadlines.
        keepalive: Notices peers that are gone.
    """

    def __init__(self) -> None:
        # Until when the addresses are tried last that took a connection and said nothing on it.
        self._silent: dict[str, float] = {}
        self._names: dict[Address, tuple[float, asyncio.Task[list[str]]]] = {}
        self.received = memoryview(bytearray(READ_SIZE))
        self.plain = memoryview(bytearray(PLAIN_SIZE))
        self.timers = TimerHeap()
        self.keepalive = Keepalive()

    async def resolve(self, address: Address) -> list[str]:
        """Return the IP addresses of a host, those that were silent a short time ago at the end.

        Raises:
            OSError: The host has no address.
        """
        host, _ = address
        if is_ip(host):
            return [host]
        found = await self._lookup(address)
        if not self._silent:
            return found
        now = asyncio.get_running_loop().time()
        return sorted(found, key=lambda ip: self._silent.get(ip, now) > now)

    def note_silent(self, ip: str) -> None:
        """Record an address that took a connection and said nothing on it."""
        if len(self._silent) >= MAX_NAMES:
            self._silent.clear()
        self._silent[ip] = asyncio.get_running_loop().time() + SILENT_SECONDS

    async def _lookup(self, address: Address) -> list[str]:
        now = asyncio.get_running_loop().time()
        known = self._names.get(address)
        if known is None or known[0] < now or _failed(known[1]):
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            task = asyncio.create_task(_ask(address), name=f"resolve {address[0]}")
            # Marks an error as seen: there may be nobody left who waits for it.
            task.add_done_callback(_failed)
            known = self._names[address] = now + RESOLVE_SECONDS, task
        return await asyncio.shield(known[1])


_OF_LOOPS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, LoopResources]] = WeakKeyDictionary()


def loop_resources() -> LoopResources:
    """Return the resources of the running loop."""
    loop = asyncio.get_running_loop()
    found = _OF_LOOPS.get(loop)
    if found is None:
        found = _OF_LOOPS[loop] = LoopResources()
    return found


async def connect(
    protocol: Callable[[], asyncio.BaseProtocol],
    addresses: Sequence[str],
    port: int,
    *,
    source: str,
) -> None:
    """Connect a protocol over TCP to the first of the addresses that takes the connection.

    Raises:
        OSError: No address takes a connection.
    """
    loop = asyncio.get_running_loop()
    if len(addresses) == 1:
        local = (source, 0) if source else None
        # The loop's own sockets are smaller than those that it is given.
        made, _ = await loop.create_connection(protocol, addresses[0], port, local_addr=local)
        _keep_alive(made.get_extra_info("socket"))
        return
    sock = await _race(addresses, port, source=source)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _keep_alive(sock)
        await loop.create_connection(protocol, sock=sock)
    except BaseException:
        sock.close()
        raise


async def dial(address: Address) -> socket.socket:
    """Return a socket that is connected to a host, as `connect` connects it.

    Raises:
        OSError: No address of the host takes a connection.
    """
    return await _race(await loop_resources().resolve(address), address[1], source="")


async def _race(addresses: Sequence[str], port: int, *, source: str) -> socket.socket:
    """Try an address after the other, without an end to those that were tried before (RFC 8305)."""
    local = [_info(source, 0)] if source else None
    return await start_connection(
        [_info(ip, port) for ip in addresses],
        local_addr_infos=local,
        happy_eyeballs_delay=NEXT_SECONDS,
    )


def _info(ip: str, port: int) -> AddrInfoType:
    if ":" in ip:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port)


def _keep_alive(sock: Any) -> None:
    """Have the kernel give up a machine that vanished, as gRPC has it in Istio's agent.

    Where it acknowledges nothing of what was sent, be it a PING, the end comes when that would: see
    `pyload.xds.keepalive`.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = int(ANSWER_SECONDS * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


async def _ask(address: Address) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{address[0]!r} is no name of a host") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _failed(task: asyncio.Task[list[str]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def reason_of(error: Exception) -> str:
    """Put a socket's error in plain words."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return (getattr(error, "strerror", None) or str(error)) or type(error).__name__


def why_lost(error: Exception | None) -> str:
    """Return why a connection is gone, by the error of its socket; None if the peer closed it."""
    if error is None:
        return "the server closed the connection"
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return f"{NO_SIGN_OF_LIFE}the server's machine acknowledges nothing"
    return f"the connection broke: {reason_of(error)}"
