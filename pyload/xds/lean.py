"""Streams over bare sockets: the transport for many proxies.

It resolves nothing and connects nothing itself: each stream that it opens is a
`pyload.xds.lean_stream.LeanStream`, which dials, and is the protocol of its own socket. What all of
them share is that of their loop, see `pyload.xds.tcp`.
"""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import TYPE_CHECKING

from pyload.errors import LocalProtocolError
from pyload.version import USER_AGENT
from pyload.xds.http2 import fields
from pyload.xds.http2.status import named
from pyload.xds.lean_stream import LeanStream
from pyload.xds.tcp import loop_resources

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from pyload.xds.transport import Metadata, Sink


class LeanTransport:
    """Opens streams to one xDS server, from the running loop.

    Args:
        target: ``HOST:PORT``.
        tls: How to speak TLS, with ALPN ``h2``; None for plaintext.
        server_hostname: Name that the server's certificate must have; the host if it is empty.
        sources: Local addresses to connect from, in turn; empty leaves it to the system.
    """

    def __init__(
        self,
        target: str,
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str = "",
        sources: Sequence[str] = (),
    ) -> None:
        host, _, port = target.rpartition(":")
        self.target = target
        self.address = host.strip("[]"), _port(port)
        self.tls = tls
        self.server_hostname = server_hostname or self.address[0]
        self._sources = cycle(sources or ("",))
        self._streams: set[LeanStream] = set()
        self._gone = asyncio.Event()
        self.shared = loop_resources()

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> LeanStream:
        """Begin to open a connection and a stream; see `pyload.xds.transport.Transport`."""
        refused = None
        try:
            block = fields.request(
                method,
                authority=self.target if self.tls is None else self.server_hostname,
                scheme="http" if self.tls is None else "https",
                agent=USER_AGENT,
                metadata=metadata,
            )
        except LocalProtocolError as error:
            block, refused = b"", named("INTERNAL", str(error))
        if not self.address[0] or not self.address[1]:
            refused = named("UNAVAILABLE", f"{self.target!r} is not HOST:PORT")
        stream = LeanStream(self, block, sink)
        self._streams.add(stream)
        if refused is None:
            stream.dial()
        else:
            stream.close(refused)
        return stream

    async def aclose(self) -> None:
        """Close all streams that are still open, and wait until their connections are gone."""
        for stream in list(self._streams):
            stream.close()
        while self._streams:
            self._gone.clear()
            await self._gone.wait()

    def source(self) -> str:
        """Return the next local address; empty for any."""
        return next(self._sources)

    def forget(self, stream: LeanStream) -> None:
        """Forget a stream whose connection is gone."""
        self._streams.discard(stream)
        self._gone.set()


def _port(text: str) -> int:
    """Read a port; return 0 if the text is none."""
    return int(text) if text.isdecimal() and len(text) < 6 and int(text) < 1 << 16 else 0
