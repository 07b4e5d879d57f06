"""A mesh on in-memory servers, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.cluster.command import claimed_mesh
from pyload.commands.cluster.planning import plan_run
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from pyload.tasks import Shutdown, Supervisor
from pyload.xds.transport import CANCELLED
from pyload.xds.wire.discovery_pb2 import DeltaDiscoveryRequest, Node
from tests.mesh.meshes import UNJUDGED
from tests.mesh.recording import Recorded, Recorder
from tests.proxies.resolvers import resolver_of
from tests.virtual import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pyload.commands.cluster.options import ClusterOptions
    from pyload.embedded.controlplane.faults import PushFaults
    from pyload.harness.outcome import Outcome
    from pyload.xds.transport import Metadata, Sink, Status, Stream, Transport

RUN_LEASES = "/namespaces/default/leases"


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    """Virtual time."""
    return VIRTUAL


@dataclass
class NodeIds:
    """An xDS transport that remembers the nodes that introduced themselves, and their ids."""

    transport: Transport
    ids: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> Stream:
        """Open a stream whose first message is looked at."""
        return _Introduced(self.transport.open(method, metadata=metadata, sink=sink), self)

    async def aclose(self) -> None:
        """Close what is shared."""
        await self.transport.aclose()


@dataclass
class _Introduced:
    stream: Stream
    seen: NodeIds

    def send(self, message: bytes) -> None:
        node = DeltaDiscoveryRequest.FromString(message).node
        if node.id:
            self.seen.ids.add(node.id)
            self.seen.nodes.append(node)
        self.stream.send(message)

    def close(self, status: Status = CANCELLED) -> None:
        self.stream.close(status)

    def pause(self) -> None:
        self.stream.pause()

    def resume(self) -> None:
        self.stream.resume()


@dataclass
class World:
    """In-memory servers and everything that a run asked of the API server."""

    server: ApiServer
    plane: ControlPlane
    recorder: Recorder
    nodes: NodeIds
    claim: list[Recorded] = field(default_factory=list)
    """What the last run asked before its first object, which pilot-load does not."""

    @property
    def requests(self) -> list[Recorded]:
        """The requests of the last run, without its Lease and what came before."""
        after = self.recorder.requests[len(self.claim) :]
        return [one for one in after if RUN_LEASES not in one.path]

    async def run(
        self,
        options: ClusterOptions,
        shutdown: Shutdown | None = None,
        *,
        authenticated: bool = False,
    ) -> Outcome:
        """Run a mesh to its end, and judge it by nothing; `authenticated` proxies show tokens."""
        options = replace(options, thresholds=UNJUDGED)
        client = Client(self.recorder)
        resolver = resolver_of(self.nodes)
        if authenticated:
            transport = self.plane.transport(tokens=True)
            resolver = resolver_of(transport, auth="jwt", tokens=Tokens(client))
        servers = Servers(client, "memory", resolver, authenticated=authenticated)
        async with claimed_mesh(options, plan_run(options), servers) as command:
            self.claim = list(self.recorder.requests)
            return await command.run(shutdown or Shutdown())

    @property
    def client(self) -> Client:
        """Another client of the same API server."""
        return Client(self.server.transport())

    def names(self, kind: str) -> list[str]:
        """Name the objects of a kind that the API server has now."""
        return sorted(
            obj["metadata"]["name"]
            for resource, obj in self.server.store.objects()
            if resource.kind == kind
        )


@contextlib.asynccontextmanager
async def open_world(faults: PushFaults | None = None) -> AsyncIterator[World]:
    """Run servers in memory, with faults of the control plane, until the context is left."""
    async with contextlib.AsyncExitStack() as stack:
        server = ApiServer()
        plane = ControlPlane(Client(server.transport()), faults=faults)
        background = await stack.enter_async_context(Supervisor())
        background.spawn(plane.run(), name="control-plane")
        recorder = Recorder(server.transport(), asyncio.get_running_loop().time)
        yield World(server, plane, recorder, NodeIds(plane.transport()))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Servers in memory."""
    async with open_world() as opened:
        yield opened
