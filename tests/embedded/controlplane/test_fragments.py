"""The fragments of a stream's pushes, by istiod's rules."""

from __future__ import annotations

import pytest

from pyload.embedded.controlplane.fragments import NameInterner
from pyload.embedded.controlplane.push_scope import PushRequest
from pyload.xds.types import CDS, EDS, LDS, RDS
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.moving import (
    A,
    B,
    MovingMesh,
    ask,
    delta_pushed,
    subscribed,
)
from tests.embedded.controlplane.support import (
    HTTP,
    delta,
    pod,
    service,
)

# What istiod sends again with every push of clusters.
_SPECIAL = [
    "BlackHoleCluster",
    "PassthroughCluster",
    "InboundPassthroughCluster",
    "connect_originate",
]


@pytest.mark.parametrize("is_delta", [False, True])
def test_endpoints_alone_are_pushed_alone(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """This is what keeps a starting deployment from reloading the mesh."""
    mesh = MovingMesh()
    stream = subscribed(mesh, delta_stream=is_delta)

    push = mesh.move("ADDED", pod("a-1", app="a"))
    (reply,) = stream.push(push, mesh.view)

    assert reply.type_url == EDS
    assert A.encode() in reply.message
    assert B.encode() not in reply.message


def test_sotw_pushes_a_changed_service_in_order() -> None:
    """Listeners before clusters would refer to what a proxy does not have."""
    mesh = MovingMesh()
    stream = subscribed(mesh, delta_stream=False)

    push = mesh.move("MODIFIED", service("a", ip="10.0.0.9", ports=[HTTP]))
    replies = list(stream.push(push, mesh.view))

    assert [reply.type_url for reply in replies] == [CDS, EDS, LDS, RDS]
    counts = [
        len(discovery_pb2.DiscoveryResponse.FromString(reply.message).resources)
        for reply in replies
    ]
    assert counts == [6, 1, 4, 1]


def test_delta_pushes_only_the_clusters_that_changed() -> None:
    """Delta exists so that a change costs what the change is worth."""
    mesh = MovingMesh()
    stream = subscribed(mesh, delta_stream=True)
    new = "outbound|80||c.mesh.svc.cluster.local"

    push = mesh.move("ADDED", service("c", ip="10.0.0.3", ports=[HTTP]))
    pushed = delta_pushed(stream, push, mesh)
    assert list(pushed) == [CDS, LDS, RDS]
    assert pushed[CDS] == ([new, *_SPECIAL], [])
    assert pushed[RDS] == (["80"], [])

    push = mesh.move("DELETED", service("a"))
    pushed = delta_pushed(stream, push, mesh)
    assert list(pushed) == [CDS, EDS, LDS, RDS]
    assert pushed[CDS] == (_SPECIAL, [A])
    assert pushed[EDS] == ([], [A])


def test_delta_removes_listeners_and_routes_that_are_gone() -> None:
    """A proxy would otherwise keep listening for a service that does not exist."""
    mesh = MovingMesh()
    mesh.move("ADDED", service("c", ip="10.0.0.3", ports=[{"name": "tcp", "port": 9}]))
    mesh.move("ADDED", service("d", ports=[{"name": "http", "port": 8080}]))
    stream = subscribed(mesh, delta_stream=True)
    ask(stream, delta(RDS, ["8080"]), mesh)

    mesh.move("DELETED", service("d"))
    push = mesh.move("DELETED", service("c"))
    pushed = delta_pushed(stream, push, mesh)

    assert pushed[LDS][1] == ["0.0.0.0_8080", "10.0.0.3_9"]
    assert pushed[RDS] == (["80"], ["8080"])


def test_a_slow_proxys_pushes_are_merged() -> None:
    """Skipped pushes must be contained in the one that comes."""
    early = PushRequest({CDS: frozenset({"a"}), EDS: frozenset({"a"}), LDS: None})
    late = PushRequest({CDS: None, EDS: frozenset({"b"}), LDS: frozenset()})

    assert early.merge(late) == PushRequest({CDS: None, EDS: frozenset({"a", "b"}), LDS: None})


def test_equal_sets_of_names_are_one_object() -> None:
    """A thousand proxies with six hundred names each would need gigabytes otherwise."""
    names = NameInterner(limit=2)

    assert names.intern(frozenset({"a"})) is names.intern(frozenset({"a"}))
    for number in range(10):
        names.intern(frozenset({str(number)}))
    assert len(names._known) <= 2


def test_proxies_share_the_bytes_of_a_push() -> None:
    """Per proxy, a push may cost no more than a copy and a nonce."""
    mesh = MovingMesh()
    streams = [subscribed(mesh, delta_stream=False) for _ in range(2)]

    push = mesh.move("MODIFIED", service("a", ip="10.0.0.9", ports=[HTTP]))
    one, other = (list(stream.push(push, mesh.view)) for stream in streams)

    assert [reply.message for reply in one] == [reply.message for reply in other]
    clusters = mesh.view.of(CDS)[0]
    assert clusters.all(delta=False) is clusters.all(delta=False)
