"""The floor: a client on grpc.aio that reads bytes and throws them away.

No client on grpc.aio can be cheaper. It subscribes to the four types at once and acknowledges
nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from pyload.proxies.identity import node_of
from pyload.xds.client import bearer
from pyload.xds.tls import ISTIOD
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD
from pyload.xds.wire import discovery_pb2
from tests.bench.fleet.content import ORDER
from tests.bench.fleet.mesh import token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.proxies.spec import ProxySpec

DIALLING: Final = 512
"""Clients that connect at the same time, as many as in a `Fleet`."""

_OPTIONS: Final = (
    # Every client has its own connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.ssl_target_name_override", ISTIOD),
)


class Floor:
    """Many such clients.

    Args:
        target: ``HOST:PORT``.
        root: Certificate of the server's authority in PEM; empty for plaintext without a token.
        delta: Whether they speak delta.

    Attributes:
        messages: Messages received.
    """

    def __init__(self, target: str, root: str, *, delta: bool) -> None:
        self._target = target
        self._credentials = grpc.ssl_channel_credentials(root.encode()) if root else None
        self._delta = delta
        self._tasks: list[asyncio.Task[None]] = []
        self._gate = asyncio.Semaphore(DIALLING)
        self.messages = 0

    def start(self, specs: Sequence[ProxySpec]) -> None:
        """Connect a client for each proxy."""
        self._tasks += [asyncio.create_task(self._run(spec), name=spec.key) for spec in specs]

    async def aclose(self) -> None:
        """Disconnect all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _channel(self) -> Any:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        return grpc.aio.secure_channel(self._target, self._credentials, options=_OPTIONS)

    async def _run(self, spec: ProxySpec) -> None:
        async with self._channel() as channel:
            async with self._gate:
                await channel.channel_ready()
            metadata = bearer(token(spec), spec.cluster_id) if self._credentials else ()
            method = DELTA_METHOD if self._delta else SOTW_METHOD
            call = channel.stream_stream(method)(metadata=metadata)
            for request in self._requests(spec):
                await call.write(request)
            while await call.read() is not _EOF:
                # The message is free again before the next is waited for.
                self.messages += 1

    def _requests(self, spec: ProxySpec) -> list[bytes]:
        kind = (
            discovery_pb2.DeltaDiscoveryRequest if self._delta else discovery_pb2.DiscoveryRequest
        )
        node = discovery_pb2.Node.FromString(node_of(spec))
        return [
            kind(type_url=type_url, node=node if not at else None).SerializeToString()
            for at, type_url in enumerate(ORDER)
        ]


_EOF: Final[Any] = vars(grpc.aio)["EOF"]
