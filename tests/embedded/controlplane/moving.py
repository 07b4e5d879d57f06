"""A mesh whose state a test changes, and the answers and pushes of a stream in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.embedded.controlplane.configs import FOLLOWED, ConfigStore
from pyload.embedded.controlplane.generate import SnapshotGenerator
from pyload.embedded.controlplane.push_scope import PushRequest, PushScope
from pyload.xds.types import CDS, EDS, LDS, RDS
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.support import (
    HTTP,
    audience,
    delta,
    mesh_of,
    new_stream,
    plural_of,
    proxy_node,
    service,
    snapshot_of,
    sotw,
)

if TYPE_CHECKING:
    from pyload.embedded.controlplane.snapshot import View
    from pyload.embedded.controlplane.stream import RequestOutcome, ServerStream

A, B = (f"outbound|80||{name}.mesh.svc.cluster.local" for name in ("a", "b"))


class MovingMesh:
    """A mesh of two services whose state a test changes."""

    def __init__(self, *objects: Any) -> None:
        self.registry = mesh_of(
            service("a", ports=[HTTP]), service("b", ip="10.0.0.2", ports=[HTTP])
        )
        self.configs = ConfigStore()
        for obj in objects:
            self._handle("ADDED", obj)
        self._generator = SnapshotGenerator()
        self._version = 0
        self.audience = audience()
        self._generate()

    @property
    def view(self) -> View:
        """The resources for the proxy in the current snapshot."""
        return self.snapshot.view(self.audience)

    def move(self, type_: str, obj: Any) -> PushRequest:
        """Handle an event, and return the push that follows from it."""
        old = self.snapshot
        self._handle(type_, obj)
        changes, refs = self.registry.pop_changes(), self.configs.pop_changes()
        self._generate()
        return PushScope(changes, refs, old, self.snapshot).push(self.audience, self.audience)

    def _handle(self, type_: str, obj: Any) -> None:
        kind = plural_of(obj)
        (self.configs if kind in FOLLOWED else self.registry).event(kind, type_, obj)

    def _generate(self) -> None:
        self._version += 1
        self.snapshot = snapshot_of(
            self.registry,
            self._generator,
            configs=self.configs,
            version=f"v/{self._version}",
        )


def ask(stream: ServerStream, request: Any, mesh: MovingMesh) -> RequestOutcome:
    """Send a request, and return its outcome."""
    read = stream.read(request.SerializeToString())
    assert read is not None
    return stream.answer(read, mesh.view)


def sotw_answer(outcome: RequestOutcome) -> discovery_pb2.DiscoveryResponse:
    """Decode the only response."""
    (reply,) = outcome.replies
    return discovery_pb2.DiscoveryResponse.FromString(reply.message)


def delta_answer(outcome: RequestOutcome) -> discovery_pb2.DeltaDiscoveryResponse:
    """Decode the only response."""
    (reply,) = outcome.replies
    return discovery_pb2.DeltaDiscoveryResponse.FromString(reply.message)


def delta_pushed(
    stream: ServerStream, push: PushRequest, mesh: MovingMesh
) -> dict[str, tuple[list[str], list[str]]]:
    """Return the names of the resources and removals that a push sends, by type."""
    pushed = {}
    for reply in stream.push(push, mesh.view):
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(reply.message)
        names = [resource.name for resource in response.resources]
        pushed[response.type_url] = (names, list(response.removed_resources))
    return pushed


def subscribed(mesh: MovingMesh, *, delta_stream: bool) -> ServerStream:
    """Return a stream that has asked for everything that a sidecar asks for."""
    stream = new_stream(delta=delta_stream)
    make: Any = delta if delta_stream else sotw
    ask(stream, make(CDS, node=proxy_node()), mesh)
    ask(stream, make(EDS, [A, B]), mesh)
    ask(stream, make(LDS), mesh)
    ask(stream, make(RDS, ["80"]), mesh)
    return stream
