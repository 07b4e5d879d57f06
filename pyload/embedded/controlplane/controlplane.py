"""The embedded control plane: follows an API server, and pushes changes to proxies.

A `PushLoop` follows the mesh and makes a snapshot of encoded resources for each round of changes.
In each round, a `PushScope` decides which types and names every connected proxy is sent. A
connection works off its requests and pushes by itself; pushes that a slow proxy misses are merged.
Connections come in by the plaintext port, by the ports with TLS, and in memory.
"""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import TYPE_CHECKING

from pyload import tasks
from pyload.embedded.controlplane import envoy_modules, generate
from pyload.embedded.controlplane.auth import authenticate, may_list_secrets
from pyload.embedded.controlplane.connection import ProxyConnection
from pyload.embedded.controlplane.effort import Effort
from pyload.embedded.controlplane.fragments import NameInterner
from pyload.embedded.controlplane.memory import MemoryXdsTransport
from pyload.embedded.controlplane.push_loop import PushLoop
from pyload.embedded.controlplane.snapshot import Audience
from pyload.embedded.controlplane.stats import Stats
from pyload.embedded.controlplane.stream import ServerStream
from pyload.errors import PyloadError, StreamError
from pyload.version import __version__
from pyload.xds.types import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from pyload.embedded.controlplane.ca import Authority
    from pyload.embedded.controlplane.connected_proxy import ConnectedProxy, WorkloadIdentity
    from pyload.embedded.controlplane.connection import StreamPeer
    from pyload.embedded.controlplane.faults import PushFaults
    from pyload.embedded.controlplane.mesh_state import MeshChanges
    from pyload.embedded.controlplane.push_scope import PushScope
    from pyload.embedded.controlplane.server import ListenAddresses
    from pyload.embedded.controlplane.snapshot import View
    from pyload.kube.client import Client
    from pyload.xds.transport import Transport

log = logging.getLogger("pyload.controlplane")


class ControlPlane:
    """Serves a mesh's configuration over xDS, like a small istiod.

    It follows Services, pods, Endpoints, EndpointSlices and nodes, Istio's configuration of traffic
    and security as far as it shows in what proxies are sent, and the waypoints of the Gateway API.

    Args:
        client: The API server.
        work: Seconds of work for each push to each proxy, for tests that need a limit.
        faults: What goes wrong with pushes, for tests.

    Attributes:
        stats: Counters.
        clock: Returns the time in seconds, once `run` was called.
        effort: The work of pushes.
        ready: Set once the mesh has been read; until then proxies wait for their first answer.
            Set too when `run` has ended, so that nobody waits for ever.
        authority: Signs certificates; None until the TLS port is served.
    """

    def __init__(
        self, client: Client, *, work: float = 0.0, faults: PushFaults | None = None
    ) -> None:
        self.stats = Stats()
        self.clock: Callable[[], float] = float
        self._started = 0.0
        self.effort = Effort(work)
        self.ready = asyncio.Event()
        self._client = client
        self._faults = faults
        self._rng = Random()  # noqa: S311 - nonces need only differ
        self._loop = PushLoop(self.stats)
        self._names = NameInterner()
        self._connections: set[ProxyConnection] = set()
        self._streams: set[asyncio.Task[None]] = set()
        self._ended = False
        self.authority: Authority | None = None

    async def run(self) -> None:
        """Follow the API server and push what changes, until cancelled.

        Streams in memory end with it.

        Raises:
            ApiError: The API server does not let the control plane watch.
        """
        self.clock = tasks.clock()
        self._started = self.clock()
        reflectors = self._loop.reflectors(self._client, self._rng)
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for reflector in reflectors:
                    group.create_task(reflector.run(), name="control-plane-watch")
                if not envoy_modules.loaded():
                    await tasks.in_detached_thread(generate.preload)
                for reflector in reflectors:
                    await reflector.synced.wait()
                await self._loop.start()
                self.ready.set()
                await self._loop.run(self._push)
        except* PyloadError as errors:
            failure = errors.exceptions[0]
        finally:
            self._ended = True
            self.ready.set()
            await tasks.cancel(list(self._streams))
        if failure is not None:
            raise failure

    def transport(self, *, tokens: bool = False) -> Transport:
        """Return a transport in memory to this control plane.

        Args:
            tokens: Whether streams need a good token, as on the TLS port.
        """
        return MemoryXdsTransport(
            self._serve_with_token if tokens else self._serve_any, self._streams
        )

    def serve(
        self, *, host: str = "127.0.0.1", port: int = 0, tls_port: int | None = None
    ) -> AbstractAsyncContextManager[ListenAddresses]:
        """Listen until the context is left, which ends all streams at once.

        Args:
            host: Address to listen on.
            port: Port without TLS; 0 for any.
            tls_port: Port with TLS where tokens are needed and certificates are signed, 0 for any;
                beside it comes a port with TLS where a signed certificate is needed. None for
                neither.

        Raises:
            ControlPlaneUnreachable: A port is taken.
        """
        from pyload.embedded.controlplane import server  # noqa: PLC0415 - grpc is slow to import

        secured = None
        if tls_port is not None:
            from pyload.embedded.controlplane import ca  # noqa: PLC0415 - so is cryptography

            if self.authority is None:
                self.authority = ca.Authority()
            signing = ca.CertificateService(self.authority, self._authenticate)
            secured = server.TlsPorts(
                signing,
                tls_port,
                token=self._serve_with_token,
                certificate=self._serve_with_certificate,
            )
        return server.listen(self._serve_any, host=host, port=port, secured=secured)

    async def join(self, connection: ProxyConnection) -> None:
        """Register a connection, once there is a snapshot to serve.

        Raises:
            StreamError: UNAVAILABLE: `run` has ended.
        """
        await self.ready.wait()
        if self._ended:
            raise StreamError(
                code=14, name="UNAVAILABLE", message="the control plane is shutting down"
            )
        self._connections.add(connection)
        if self._faults is not None:
            self._faults.joined(connection.proxy.id)
        self.stats.accepted += 1
        self.stats.connections = len(self._connections)
        log.debug("ADS: new connection for node:%s", connection.proxy.id)

    def leave(self, connection: ProxyConnection) -> None:
        """Unregister a connection."""
        if connection in self._connections:
            self._connections.remove(connection)
            self.stats.connections = len(self._connections)
            log.debug("ADS: %s terminated", connection.proxy.id)

    def audience(self, proxy: ConnectedProxy, *, verified: bool) -> Audience:
        """Return all about a proxy that decides its resources, as of now."""
        registry = self._loop.registry
        claimed = proxy.labels if proxy.known_cluster else frozenset()
        return Audience(
            type=proxy.type,
            namespace=proxy.namespace,
            labels=registry.labels(proxy.pod, claimed),
            inbound=registry.inbound(proxy.pod, claimed),
            verified=verified,
        )

    def view(self, audience: Audience) -> View:
        """Return the resources for such a proxy in the current snapshot."""
        assert self._loop.snapshot is not None, "connections join when there is a snapshot"
        return self._loop.snapshot.view(audience)

    def metrics_page(self) -> bytes:
        """Return the metrics as istiod serves them, as far as this control plane has them."""
        now = self.clock()
        page = self.stats.metrics_page(version=__version__, uptime=now - self._started)
        return page + self.effort.metrics_page(now)

    async def may_list_secrets(self, identity: WorkloadIdentity) -> bool:
        """Return whether an account may list its namespace's Secrets."""
        return await may_list_secrets(self._client, identity)

    def sent(self, type_url: str) -> None:
        """Count a response."""
        self.stats.pushes[short(type_url)] += 1

    def rejected(self, type_url: str, proxy: ConnectedProxy, reason: str) -> None:
        """Count and log a response that a proxy refused."""
        self.stats.nacks[short(type_url)] += 1
        log.warning("ADS:%s: ACK ERROR %s %s", short(type_url).upper(), proxy.id, reason)

    async def _serve_any(self, peer: StreamPeer, headers: dict[str, str], delta: bool) -> None:  # noqa: FBT001 - the signature that servers call
        del headers  # The plaintext port ignores tokens.
        await ProxyConnection(self, peer, self._stream(delta=delta), authenticate=None).run()

    async def _serve_with_token(
        self,
        peer: StreamPeer,
        headers: dict[str, str],
        delta: bool,  # noqa: FBT001 - the signature that servers call
    ) -> None:
        await ProxyConnection(
            self,
            peer,
            self._stream(delta=delta),
            authenticate=lambda: self._authenticate(headers),
        ).run()

    async def _serve_with_certificate(
        self,
        peer: StreamPeer,
        certificate: bytes,
        delta: bool,  # noqa: FBT001 - the signature that servers call
    ) -> None:
        async def identify() -> WorkloadIdentity:
            from pyload.embedded.controlplane.ca import identity_in  # noqa: PLC0415 - see `serve`

            return identity_in(certificate)

        await ProxyConnection(self, peer, self._stream(delta=delta), authenticate=identify).run()

    async def _authenticate(self, headers: Mapping[str, str]) -> WorkloadIdentity:
        return await authenticate(self._client, headers)

    def _stream(self, *, delta: bool) -> ServerStream:
        return ServerStream(delta=delta, new_id=self._new_id, names=self._names)

    def _new_id(self) -> str:
        digits = f"{self._rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _push(self, changes: MeshChanges, scope: PushScope) -> None:
        """Offer a round's changes to every connection that they concern."""
        began = self.clock()
        for connection in self._connections:
            before = connection.audience
            if before is None:
                continue
            audience = before
            if changes.services or connection.proxy.pod in changes.pods:
                audience = self.audience(connection.proxy, verified=connection.verified)
            push = scope.push(audience, before)
            if not push:
                continue
            if self._faults is None:
                connection.offer(push, began)
            elif (delay := self._faults.delay_of(connection.proxy.id)) is not None:
                asyncio.get_running_loop().call_later(delay, connection.offer, push, began)
