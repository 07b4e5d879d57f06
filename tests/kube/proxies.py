"""Small proxies on loopback: HTTP's CONNECT and absolute URLs, and SOCKS 5."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


@dataclass(slots=True)
class SmallProxy:
    """A proxy that leads every request to one server.

    Attributes:
        port: Port of the server behind it.
        user: User and password that it wants; empty for none.
        status: Status that an HTTP proxy answers a CONNECT with, or SOCKS's code where not 0.
        asked: Hosts and ports that it was asked for.
    """

    port: int
    user: str = ""
    status: int = 0
    asked: list[str] = field(default_factory=list)

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection with HTTP."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, url, _ = head.split("\r\n", 1)[0].split(" ")
        self.asked.append(url)
        wanted = f"Basic {base64.b64encode(self.user.encode()).decode()}"
        if self.user and f"proxy-authorization: {wanted}".lower() not in head.lower():
            status = 407
        else:
            status = self.status
        if status:
            writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        begun = b""
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            begun = head.replace(url, urlsplit(url).path, 1).encode("latin-1")
        await self._pass_on(reader, writer, begun)

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection with SOCKS 5."""
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = 2 if self.user else 0
        writer.write(bytes([5, method if method in methods else 255]))
        if method not in methods:
            writer.close()
            return
        if self.user:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = f"{user.decode()}:{password.decode()}" == self.user
            writer.write(bytes([1, not good]))
            if not good:
                writer.close()
                return
        *_, kind = await reader.readexactly(4)
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        host = await reader.readexactly(length)
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        name = host.decode() if kind == 3 else ".".join(map(str, host))
        self.asked.append(f"{name}:{port}")
        writer.write(bytes([5, self.status, 0, 1, 0, 0, 0, 0, 0, 0]))
        if self.status:
            writer.close()
            return
        await self._pass_on(reader, writer, b"")

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: bytes
    ) -> None:
        behind, to_server = await asyncio.open_connection("127.0.0.1", self.port)
        to_server.write(begun)
        await asyncio.gather(_copy(reader, to_server), _copy(behind, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def serving(
    proxy: SmallProxy, kind: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve a proxy of a kind, ``http`` or ``socks``, and yield its port."""
    server = await asyncio.start_server(getattr(proxy, kind), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
