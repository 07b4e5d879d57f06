"""A mesh whose state a test moves on, and what a stream says about it."""

from __future__ import annotations

from typing import Any

from pyload.embedded.controlplane.generate import Generator
from pyload.embedded.controlplane.stream import Outcome, Push, Stream
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.support import HTTP, mesh_of, service, sidecar_view, snapshot_of


class MovingMesh:
    """A mesh of two services whose state a test moves on."""

    def __init__(self) -> None:
        self.registry = mesh_of(
            service("a", ports=[HTTP]), service("b", ip="10.0.0.2", ports=[HTTP])
        )
        self._generator = Generator()
        self._version = 0
        self.view = sidecar_view(self._next())

    def _next(self) -> Any:
        self._version += 1
        return snapshot_of(self.registry, self._generator, version=f"v/{self._version}")

    def move(self, plural: str, type_: str, obj: Any) -> Push:
        """Take an event, and give the push that follows from it."""
        old = self.view.snapshot
        self.registry.event(plural, type_, obj)
        self.view = sidecar_view(self._next())
        changed = self.view.snapshot.endpoints.changed(old.endpoints)
        return Push(full=plural == "services", clusters=changed)


def ask(stream: Stream, request: Any, mesh: MovingMesh) -> Outcome:
    """Send a request, and give what follows from it."""
    read = stream.read(request.SerializeToString())
    assert read is not None
    return stream.answer(read, mesh.view)


def sotw_answer(outcome: Outcome) -> discovery_pb2.DiscoveryResponse:
    """Decode the only response."""
    (reply,) = outcome.replies
    return discovery_pb2.DiscoveryResponse.FromString(reply.message)


def delta_answer(outcome: Outcome) -> discovery_pb2.DeltaDiscoveryResponse:
    """Decode the only response."""
    (reply,) = outcome.replies
    return discovery_pb2.DeltaDiscoveryResponse.FromString(reply.message)
