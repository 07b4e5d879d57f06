"""The embedded control plane: follows an API server, and pushes changes to proxies.

Watches feed the `ServiceRegistry` and the `ConfigStore`, and each event restarts a debounce. When
the changes have been quiet for a while, one round begins: the changes since the last round are
collected, a new snapshot of encoded resources is generated from the new state, and a `PushScope`
decides from both which types and names each connected proxy is sent. A connection works off its
requests and pushes by itself; what a slow proxy misses is merged. There is never more than one
round at a time, as in istiod, and generation yields to the loop every few milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final

from pyload import tasks
from pyload.embedded.apiserver.kinds import KINDS
from pyload.embedded.controlplane import configs, envoy_modules, generate, registry
from pyload.embedded.controlplane.auth import authenticate, may_list_secrets
from pyload.embedded.controlplane.configs import ConfigStore
from pyload.embedded.controlplane.connection import ProxyConnection
from pyload.embedded.controlplane.debounce import Debounce
from pyload.embedded.controlplane.fragments import NameInterner
from pyload.embedded.controlplane.memory import MemoryXdsTransport
from pyload.embedded.controlplane.push_scope import PushScope
from pyload.embedded.controlplane.registry import ServiceRegistry
from pyload.embedded.controlplane.snapshot import Audience
from pyload.embedded.controlplane.stream import ServerStream
from pyload.errors import PyloadError, StreamError
from pyload.kube.watch import Reflector
from pyload.xds.types import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from pyload.embedded.controlplane.ca import Authority
    from pyload.embedded.controlplane.connected_proxy import ConnectedProxy, WorkloadIdentity
    from pyload.embedded.controlplane.connection import StreamPeer
    from pyload.embedded.controlplane.mesh_state import MeshChanges
    from pyload.embedded.controlplane.server import ListenAddresses
    from pyload.embedded.controlplane.snapshot import ResourceSnapshot, View
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj
    from pyload.xds.transport import Transport

# Seconds without a change after which a push begins, and seconds after the first change at which
# it begins in any case: istiod's.
_QUIET: Final = 0.1
_LONGEST: Final = 10.0

# How long generating resources may keep everything else on the loop waiting.
_SLICE: Final = 0.005

_RESOURCES: Final = {kind.qualified: kind.resource() for kind in KINDS}

log = logging.getLogger("pyload.controlplane")


@dataclass(slots=True)
class Stats:
    """Counters of a control plane.

    Attributes:
        connections: Proxies connected now.
        accepted: Proxies that ever connected.
        pushes: Responses sent, by short type.
        nacks: Responses that proxies refused, by short type.
        rounds: Pushes begun, each for all proxies.
    """

    connections: int = 0
    accepted: int = 0
    pushes: Counter[str] = field(default_factory=Counter)
    nacks: Counter[str] = field(default_factory=Counter)
    rounds: int = 0


class ControlPlane:
    """Serves a mesh's configuration over xDS, like a small istiod.

    It follows Services, pods, Endpoints, EndpointSlices and nodes, Istio's configuration of traffic
    and security as far as it shows in what proxies are sent, and the waypoints of the Gateway API.

    Args:
        client: The API server.

    Attributes:
        stats: Counters.
        ready: Set once the mesh has been read; until then proxies wait for their first answer.
            Set too when `run` has ended, so that nobody waits for ever.
        authority: Signs certificates; None until the TLS port is served.
    """

    def __init__(self, client: Client) -> None:
        self.stats = Stats()
        self.ready = asyncio.Event()
        self._client = client
        self._rng = Random()  # noqa: S311 - nonces need only differ
        self._registry = ServiceRegistry()
        self._configs = ConfigStore()
        self._generator = generate.SnapshotGenerator()
        self._debounce = Debounce(quiet=_QUIET, longest=_LONGEST)
        self._changed = asyncio.Event()
        self._names = NameInterner()
        self._snapshot: ResourceSnapshot | None = None
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
        reflectors = [
            Reflector(
                self._client,
                _RESOURCES[kind],
                _Feed(kind, follows, self._on_change),
                rng=self._rng,
            )
            for follows, kinds in (
                (self._registry, registry.FOLLOWED),
                (self._configs, configs.FOLLOWED),
            )
            for kind in kinds
        ]
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for reflector in reflectors:
                    group.create_task(reflector.run(), name="control-plane-watch")
                if not envoy_modules.loaded():
                    await tasks.in_detached_thread(generate.preload)
                for reflector in reflectors:
                    await reflector.synced.wait()
                await self._push_forever()
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
        claimed = proxy.labels if proxy.known_cluster else frozenset()
        return Audience(
            type=proxy.type,
            namespace=proxy.namespace,
            labels=self._registry.labels(proxy.pod, claimed),
            inbound=self._registry.inbound(proxy.pod, claimed),
            verified=verified,
        )

    def view(self, audience: Audience) -> View:
        """Return the resources for such a proxy in the current snapshot."""
        assert self._snapshot is not None, "connections join when there is a snapshot"
        return self._snapshot.view(audience)

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

    def _on_change(self) -> None:
        if self._registry.dirty or self._configs.dirty:
            self._debounce.changed(asyncio.get_running_loop().time())
            self._changed.set()

    async def _push_forever(self) -> None:
        self._registry.pop_changes()
        self._configs.pop_changes()
        await self._generate()
        assert self._snapshot is not None
        self.ready.set()
        log.info("embedded control plane is ready (%s); it is not istiod", self._snapshot.version)
        while True:
            await self._wait_until_due()
            self._debounce.started()
            await self._push()
            self._debounce.finished()

    async def _wait_until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = self._debounce.due()
            if due is None:
                self._changed.clear()
                await self._changed.wait()
            elif due > loop.time():
                # More changes only move the time away.
                await asyncio.sleep(due - loop.time())
            else:
                return

    async def _push(self) -> None:
        changes, refs = self._registry.pop_changes(), self._configs.pop_changes()
        if not changes and not refs:
            return
        old = self._snapshot
        await self._generate()
        new = self._snapshot
        assert old is not None
        assert new is not None
        log.debug(
            "XDS: Pushing Services:%d Endpoints:%d Configs:%d ConnectedEndpoints:%d Version:%s",
            len(changes.services),
            len(changes.endpoints),
            len(refs),
            len(self._connections),
            new.version,
        )
        self._offer(changes, PushScope(changes, refs, old, new))

    def _offer(self, changes: MeshChanges, push_round: PushScope) -> None:
        for connection in self._connections:
            before = connection.audience
            if before is None:
                continue
            audience = before
            if changes.services or connection.proxy.pod in changes.pods:
                audience = self.audience(connection.proxy, verified=connection.verified)
            push = push_round.push(audience, before)
            if push:
                connection.offer(push)

    async def _generate(self) -> None:
        loop = asyncio.get_running_loop()
        self.stats.rounds += 1
        version = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}/{self.stats.rounds}"
        steps = self._generator.snapshot(
            self._registry.mesh(), self._configs.state, version=version
        )
        started = loop.time()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self._snapshot = end.value
                return
            if loop.time() - started > _SLICE:
                await asyncio.sleep(0)
                started = loop.time()


class _Feed:
    """Feeds one kind of object to its store; a `pyload.kube.watch.Handler`."""

    def __init__(
        self, kind: str, store: ServiceRegistry | ConfigStore, on_change: Callable[[], None]
    ) -> None:
        self._kind = kind
        self._store = store
        self._on_change = on_change

    def replace(self, objects: list[Obj]) -> None:
        self._store.replace(self._kind, objects)
        self._on_change()

    def event(self, type_: str, obj: Obj) -> None:
        self._store.event(self._kind, type_, obj)
        self._on_change()
