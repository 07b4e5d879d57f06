"""A server that sends recorded or generated pushes to any number of clients, in its own process.

Started with ``python -m tests.bench.fleet.replay``. It prints one line of JSON with its addresses,
then obeys the commands on its standard input, answers each with one line of JSON, and ends with the
input. `tests.bench.fleet.process` is the other end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyload.report.process import cpu_seconds, rss_bytes
from pyload.tasks import run
from pyload.xds.transport import DELTA_METHOD
from pyload.xds.types import CDS, EDS, LDS, TypeUrl
from pyload.xds.wire import discovery_pb2
from tests.bench.fleet.commands import answer, raise_limit
from tests.bench.fleet.content import ORDER, Content, encoded, generated, nonce_field, recorded
from tests.bench.fleet.http2 import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE: Final = 100
"""Connections that are written to at the same time, as istiod's PILOT_PUSH_THROTTLE."""
LISTENS: Final = 4096
_POLL: Final = 0.005
_PATIENCE: Final = 300.0


ORDERS: Final = 199
"""Orders of the endpoints, where proxies are of several kinds.

istiod sends endpoints in the order of a Go map, another to each proxy.
"""


class _Kind(NamedTuple):
    """Which clients receive the same bytes."""

    delta: bool
    view: int
    order: int


class Replay:
    """Answers subscriptions, pushes on demand, and counts.

    Args:
        content: What to send.
        views: How many kinds of proxies there are, each with some resources of its own; with more
            than one, endpoints come in many orders, as in a mesh.
        token: Whether a stream must carry a token.
    """

    def __init__(self, content: Content, *, views: int, token: bool) -> None:
        self._content = content
        self._views = views
        self._token = token
        self._connections: dict[Connection, int] = {}
        self._opened = 0
        self._ready: deque[Connection] = deque()
        self._writing = 0
        self._version = 0
        self._number = 0
        self._encoded: dict[tuple[_Kind, str], memoryview] = {}
        # What is sent after the last probe, by the version of its push.
        self._probe: tuple[int, Content] | None = None
        self.sent = 0
        self.acknowledged = 0
        self.refused = 0
        self.stale = 0
        self.lost = 0
        self.bytes = 0

    # What connections call.

    def called(self, connection: Connection, headers: Mapping[str, str]) -> None:
        """Add a new stream."""
        if self._token and not headers.get("authorization", "").startswith("Bearer "):
            connection.close()
            return
        connection.delta = headers[":path"] == DELTA_METHOD
        self._connections[connection] = self._opened
        self._opened += 1

    def request(self, connection: Connection, message: bytes) -> None:
        """Count an acknowledgement, or answer the first request for a type."""
        request = (
            discovery_pb2.DeltaDiscoveryRequest.FromString(message)
            if connection.delta
            else discovery_pb2.DiscoveryRequest.FromString(message)
        )
        type_url = request.type_url
        if request.response_nonce:
            connection.unanswered -= 1
            if request.error_detail.code:
                self.refused += 1
            elif connection.nonces.get(type_url) == request.response_nonce:
                self.acknowledged += 1
            else:
                self.stale += 1
        elif type_url in ORDER and type_url not in connection.nonces:
            self._send(connection, type_url, self._content)

    def ready(self, connection: Connection) -> None:
        """Write to a connection when it is its turn."""
        self._ready.append(connection)
        self._serve()

    def written(self, connection: Connection) -> None:
        """Let the next connection in."""
        self._writing -= 1
        asyncio.get_running_loop().call_soon(self._serve)

    def gone(self, connection: Connection) -> None:
        """Forget a connection; its proxy may connect again."""
        if self._connections.pop(connection, None) is not None:
            self.lost += connection.unanswered

    def _serve(self) -> None:
        while self._ready and self._writing < AT_ONCE:
            self._writing += 1
            self._ready.popleft().serve()

    # What the commands call.

    async def wait(self, connections: int, *, acknowledged: bool) -> dict[str, Any]:
        """Wait until a number of clients have everything, and acknowledged it if they should."""
        return await self._until(connections, acknowledged=acknowledged)

    async def push(self, kind: str, *, acknowledged: bool) -> dict[str, Any]:
        """Send everything again to all.

        Args:
            kind: ``same`` sends the same under a new version, ``changed`` with one resource in a
                hundred changed, ``only`` just those: what istiod does in delta after a change.
                ``small`` sends all but the routes. ``probe`` sends what istiod does after a probe,
                ``endpoint`` what it does after a change of one endpoint.
            acknowledged: Whether to wait for the acknowledgements.
        """
        self._version += 1
        self._encoded.clear()
        if kind == "same":
            content = self._content
        elif kind == "changed":
            content = self._content.revision(self._version)
        elif kind == "only":
            content = self._content.since(self._version)
        elif kind == "small":
            content = self._content.only(CDS, EDS, LDS)
        elif kind == "endpoint":
            content = self._content.moved(self._version)
        for connection in list(self._connections):
            if kind == "probe":
                content = self._probed(delta=connection.delta)
            for type_url in ORDER:
                if content.resources[type_url]:
                    self._send(connection, type_url, content)
        return await self._until(len(self._connections), acknowledged=acknowledged)

    def _probed(self, *, delta: bool) -> Content:
        if self._probe is None or self._probe[0] != self._version:
            self._probe = self._version, self._content.probed(self._version, delta=delta)
        return self._probe[1]

    def counts(self) -> dict[str, Any]:
        """Return the counters."""
        return {
            "connections": len(self._connections),
            "opened": self._opened,
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "stale": self.stale,
            "lost": self.lost,
            "bytes": self.bytes,
            "cpu": cpu_seconds(),
            "rss": rss_bytes(),
        }

    async def _until(self, connections: int, *, acknowledged: bool) -> dict[str, Any]:
        started = time.perf_counter()
        while not self._done(connections, acknowledged=acknowledged):
            if time.perf_counter() - started > _PATIENCE:
                return {**self.counts(), "late": True}
            await asyncio.sleep(_POLL)
        return {**self.counts(), "late": False}

    def _done(self, connections: int, *, acknowledged: bool) -> bool:
        return (
            len(self._connections) == connections
            and not self._ready
            and not self._writing
            and all(len(one.nonces) == len(ORDER) for one in self._connections)
            and (not acknowledged or not any(one.unanswered for one in self._connections))
        )

    def _send(self, connection: Connection, type_url: str, content: Content) -> None:
        number = self._connections[connection]
        view = number % self._views if type_url in (CDS, LDS) else 0
        order = number % ORDERS + 1 if type_url == EDS and self._views > 1 else 0
        key = _Kind(connection.delta, view, order), type_url
        shared = self._encoded.get(key)
        version = f"2026-11-23T19:21:57Z/{self._version:03}"
        self._number += 1
        nonce = f"{version}{self._number:08x}-a290-4b95-9ae8-b933e8d52819"
        own = nonce_field(nonce)
        if shared is None:
            data = encoded(
                content.view(view),
                TypeUrl(type_url),
                version=version,
                delta=connection.delta,
                order=order,
            )
            prefix = b"\0" + (len(data) + len(own)).to_bytes(4, "big")
            shared = self._encoded[key] = memoryview(prefix + data)
        connection.nonces[type_url] = nonce
        connection.unanswered += 1
        self.sent += 1
        self.bytes += len(shared) + len(own)
        connection.send(shared, own)


def _secured(host: str) -> tuple[ssl.SSLContext, str]:
    """Make the context of a TLS server that speaks h2, and the certificate to verify it by."""
    from pyload.embedded.controlplane.ca import Authority  # noqa: PLC0415 - slow

    authority = Authority()
    certificate = authority.for_server(host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.key + certificate.chain)
        file.flush()
        context.load_cert_chain(file.name)
    return context, authority.root.decode()


async def main() -> None:
    """Serve."""
    options = _options()
    raise_limit()
    tls, root = _secured(options.host) if options.tls else (None, "")
    content = recorded(options.recording) if options.recording else generated(options.services)
    replay = Replay(content, views=options.views, token=options.tls)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(replay, tls), options.host, 0, backlog=LISTENS
    )
    host, port = server.sockets[0].getsockname()

    async def obey(command: list[str]) -> dict[str, Any]:
        match command:
            case ["wait", number, *acks]:
                return await replay.wait(int(number), acknowledged=bool(acks))
            case ["push", kind, *acks]:
                return await replay.push(kind, acknowledged=bool(acks))
        return replay.counts()

    with contextlib.closing(server):
        await answer({"target": f"{host}:{port}", "root": root}, obey)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--recording", type=Path, help="folder of a recording; generates without")
    parser.add_argument("--services", type=int, default=200, help="services to generate")
    parser.add_argument("--views", type=int, default=1, help="kinds of proxies")
    parser.add_argument("--tls", action="store_true", help="TLS and a token, not plaintext")
    return parser.parse_args()


if __name__ == "__main__":
    run(main())
