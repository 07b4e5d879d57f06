"""Connections to an API server, straight or through a SOCKS proxy.

aiohttp speaks with HTTP proxies, but not with SOCKS. Its connectors have one place where a
connection is made, `_create_connection`, in which its own ones differ too; a library that adds
SOCKS to it replaces more, and is bound to its versions for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import aiohttp

from pyload.kube.proxy import SOCKS
from pyload.kube.socks import handshake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pyload.kube.proxy import Proxy


class Connector(aiohttp.TCPConnector):
    """Makes connections, and keeps those that can be used again.

    Args:
        proxy_for: Returns the proxy for a URL.
        limit: Connections at most.
    """

    def __init__(
        self,
        proxy_for: Callable[[str], Proxy | None],
        *,
        limit: int,
    ) -> None:
        super().__init__(limit=limit)
        self._proxy_for = proxy_for

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's
        proxy = self._proxy_for(str(req.url))
        if proxy is None or proxy.scheme not in SOCKS:
            return await super()._create_connection(req, traces, timeout)
        context = self._get_ssl_context(req)
        name = (req.server_hostname or req.url.raw_host).rstrip(".") if context else None
        try:
            async with asyncio.timeout(timeout.sock_connect), _tunnel(proxy, req.url) as tunnel:
                _, protocol = await self._loop.create_connection(
                    self._factory, sock=tunnel, ssl=context, server_hostname=name
                )
                return protocol
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        except OSError as error:
            raise aiohttp.ClientProxyConnectionError(req.connection_key, error) from error


@contextlib.asynccontextmanager
async def _tunnel(proxy: Proxy, url: Any) -> AsyncIterator[socket.socket]:
    """Open a connection through a proxy; it is closed where its user fails."""
    loop = asyncio.get_running_loop()
    tunnel = await _connect(proxy)
    try:
        steps = handshake(proxy, url.raw_host, url.port)
        answer: bytes | None = None
        with contextlib.suppress(StopIteration):
            while True:
                step = steps.send(answer)  # type: ignore[arg-type]
                if isinstance(step, int):
                    answer = await _read(tunnel, step)
                else:
                    answer = None
                    await loop.sock_sendall(tunnel, step)
        yield tunnel
    except BaseException:
        tunnel.close()
        raise


async def _connect(proxy: Proxy) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
    failure: OSError | None = None
    for family, kind, protocol, _, address in found:
        tunnel = socket.socket(family, kind, protocol)
        tunnel.setblocking(False)
        try:
            await loop.sock_connect(tunnel, address)
        except OSError as error:
            failure = error
            tunnel.close()
        except BaseException:
            tunnel.close()
            raise
        else:
            return tunnel
    assert failure is not None
    raise failure


async def _read(tunnel: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(tunnel, size - len(data))
        if not more:
            raise ConnectionResetError("the proxy closed the connection")
        data += more
    return data
