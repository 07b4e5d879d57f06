"""The server's side of the xDS protocol, by istiod's rules."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.embedded.controlplane.stream import Names, Outcome, Push, Stream
from pyload.errors import StreamError
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, RDS
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.moving import MovingMesh, ask, delta_answer, sotw_answer
from tests.embedded.controlplane.support import (
    HTTP,
    delta,
    new_stream,
    pod,
    proxy_node,
    service,
    sotw,
)

_A, _B = (f"outbound|80||{name}.mesh.svc.cluster.local" for name in ("a", "b"))
_HEALTH = "type.googleapis.com/istio.v1.HealthInformation"


def _delta_pushed(
    stream: Stream, push: Push, mesh: MovingMesh
) -> dict[str, tuple[list[str], list[str]]]:
    pushed = {}
    for reply in stream.push(push, mesh.view):
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(reply.message)
        names = [resource.name for resource in response.resources]
        pushed[response.type_url] = (names, list(response.removed_resources))
    return pushed


def _subscribed(mesh: MovingMesh, *, delta_stream: bool) -> Stream:
    """Give a stream that has asked for everything that a sidecar asks for."""
    stream = new_stream(delta=delta_stream)
    make: Any = delta if delta_stream else sotw
    ask(stream, make(CDS, node=proxy_node()), mesh)
    ask(stream, make(EDS, [_A, _B]), mesh)
    ask(stream, make(LDS), mesh)
    ask(stream, make(RDS, ["80"]), mesh)
    return stream


@pytest.mark.parametrize("is_delta", [False, True])
def test_the_first_request_must_say_who_asks(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Istiod ends such streams; a client that relies on less would fail there."""
    stream = new_stream(delta=is_delta)
    request: Any = delta(CDS) if is_delta else sotw(CDS)

    with pytest.raises(StreamError, match="missing node information") as caught:
        stream.read(request.SerializeToString())

    assert caught.value.name == "INVALID_ARGUMENT"


def test_requests_that_are_no_protobuf_end_the_stream() -> None:
    """Garbage must not be a crash of the control plane."""
    with pytest.raises(StreamError, match="cannot be decoded"):
        new_stream(delta=False).read(b"\xff\xff")


def test_unknown_types_end_the_stream() -> None:
    """As istiod without a control plane identity does."""
    with pytest.raises(StreamError) as caught:
        new_stream(delta=False).read(
            sotw("istio.io/debug/syncz", node=proxy_node()).SerializeToString()
        )

    assert caught.value.name == "UNAUTHENTICATED"


def test_health_reports_are_taken_without_an_answer() -> None:
    """An agent may report before it asks for anything."""
    stream = new_stream(delta=False)

    assert stream.read(sotw(_HEALTH).SerializeToString()) is None
    assert stream.proxy is None


def test_sotw_walks_through_a_sidecars_start() -> None:
    """Each first request is answered at once, and acknowledgements are not."""
    mesh, stream = MovingMesh(), new_stream(delta=False)

    clusters = sotw_answer(ask(stream, sotw(CDS, node=proxy_node()), mesh))
    assert (clusters.version_info, clusters.nonce, len(clusters.resources)) == ("v/1", "v/1-0", 5)
    assert ask(stream, sotw(CDS, nonce=clusters.nonce, version="v/1"), mesh) == Outcome()

    endpoints = sotw_answer(ask(stream, sotw(EDS, [_A, _B]), mesh))
    assert len(endpoints.resources) == 2
    assert ask(stream, sotw(EDS, [_A, _B], nonce=endpoints.nonce), mesh) == Outcome()

    routes = sotw_answer(ask(stream, sotw(RDS, ["80", "nowhere"]), mesh))
    assert len(routes.resources) == 1
    assert stream.subscriptions[CDS].acked == clusters.nonce


def test_sotw_answers_only_the_added_names() -> None:
    """A proxy with 600 clusters that learns of one more must not get 601 answers."""
    mesh, stream = MovingMesh(), new_stream(delta=False)
    first = sotw_answer(ask(stream, sotw(EDS, [_A], node=proxy_node()), mesh))

    more = sotw_answer(ask(stream, sotw(EDS, [_A, _B], nonce=first.nonce), mesh))
    assert len(more.resources) == 1
    assert _B.encode() in more.resources[0]
    assert ask(stream, sotw(EDS, [_B], nonce=more.nonce), mesh) == Outcome()
    assert stream.subscriptions[EDS].names == {_B}


def test_sotw_ignores_stale_nonces() -> None:
    """A request that crossed a push on the wire is about what is no longer current."""
    mesh, stream = MovingMesh(), new_stream(delta=False)
    ask(stream, sotw(EDS, [_A], node=proxy_node()), mesh)

    assert ask(stream, sotw(EDS, [_A, _B], nonce="old"), mesh) == Outcome()
    assert stream.subscriptions[EDS].names == {_A}


def test_sotw_answers_a_nonce_of_an_earlier_stream() -> None:
    """After a reconnect, Envoy repeats what it last knew."""
    mesh, stream = MovingMesh(), new_stream(delta=False)

    answer = sotw_answer(ask(stream, sotw(CDS, nonce="before", node=proxy_node()), mesh))

    assert len(answer.resources) == 5


def test_sotw_unsubscribes_with_an_empty_list() -> None:
    """A proxy without EDS clusters is not to be told of endpoints any more."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=False)
    nonce = stream.subscriptions[EDS].nonce

    assert ask(stream, sotw(EDS, nonce=nonce), mesh) == Outcome()

    push = mesh.move("pods", "ADDED", pod("a-1", app="a"))
    assert list(stream.push(push, mesh.view)) == []


@pytest.mark.parametrize("is_delta", [False, True])
def test_refusals_are_recorded_and_not_answered(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Answering a NACK would make a client that cannot accept ask for ever."""
    mesh, stream = MovingMesh(), new_stream(delta=is_delta)
    make: Any = delta if is_delta else sotw
    ask(stream, make(CDS, node=proxy_node()), mesh)
    nonce = stream.subscriptions[CDS].nonce

    outcome = ask(stream, make(CDS, nonce=nonce, error="no such thing"), mesh)

    assert outcome == Outcome(rejected="no such thing")
    assert stream.subscriptions[CDS].error == "no such thing"
    assert stream.subscriptions[CDS].acked == ""


@pytest.mark.parametrize("is_delta", [False, True])
def test_endpoints_alone_are_pushed_alone(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """This is what keeps a starting deployment from reloading the mesh."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=is_delta)

    push = mesh.move("pods", "ADDED", pod("a-1", app="a"))
    (reply,) = stream.push(push, mesh.view)

    assert reply.type_url == EDS
    assert _A.encode() in reply.message
    assert _B.encode() not in reply.message


def test_sotw_pushes_a_changed_service_in_order() -> None:
    """Listeners before clusters would refer to what a proxy does not have."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=False)

    push = mesh.move("services", "MODIFIED", service("a", ip="10.0.0.9", ports=[HTTP]))
    replies = list(stream.push(push, mesh.view))

    assert [reply.type_url for reply in replies] == [CDS, EDS, LDS, RDS]
    counts = [
        len(discovery_pb2.DiscoveryResponse.FromString(reply.message).resources)
        for reply in replies
    ]
    assert counts == [5, 1, 2, 1]


def test_delta_pushes_only_the_clusters_that_changed() -> None:
    """Delta exists so that a change costs what the change is worth."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=True)
    new = "outbound|80||c.mesh.svc.cluster.local"

    push = mesh.move("services", "ADDED", service("c", ip="10.0.0.3", ports=[HTTP]))
    pushed = _delta_pushed(stream, push, mesh)
    assert list(pushed) == [CDS, LDS, RDS]
    assert pushed[CDS] == ([new], [])
    assert pushed[RDS] == (["80"], [])

    push = mesh.move("services", "DELETED", service("a"))
    pushed = _delta_pushed(stream, push, mesh)
    assert list(pushed) == [CDS, EDS, LDS, RDS]
    assert pushed[CDS] == ([], [_A])
    assert pushed[EDS] == ([], [_A])


def test_delta_removes_listeners_and_routes_that_are_gone() -> None:
    """A proxy would otherwise keep listening for a service that does not exist."""
    mesh = MovingMesh()
    mesh.move("services", "ADDED", service("c", ip="10.0.0.3", ports=[{"name": "tcp", "port": 9}]))
    mesh.move("services", "ADDED", service("d", ports=[{"name": "http", "port": 8080}]))
    stream = _subscribed(mesh, delta_stream=True)
    ask(stream, delta(RDS, ["8080"]), mesh)

    mesh.move("services", "DELETED", service("d"))
    push = mesh.move("services", "DELETED", service("c"))
    pushed = _delta_pushed(stream, push, mesh)

    assert pushed[LDS][1] == ["0.0.0.0_8080", "10.0.0.3_9"]
    assert pushed[RDS] == (["80"], ["8080"])


def test_delta_answers_names_as_they_are_subscribed() -> None:
    """Unsubscribing is silent; unknown names are removals, so that nobody waits for them."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    first = delta_answer(ask(stream, delta(EDS, [_A], node=proxy_node()), mesh))
    assert [resource.name for resource in first.resources] == [_A]
    second = delta_answer(ask(stream, delta(EDS, [_B, "nothing"]), mesh))
    assert [resource.name for resource in second.resources] == [_B]
    assert list(second.removed_resources) == ["nothing"]
    assert ask(stream, delta(EDS, (), [_A]), mesh) == Outcome()
    assert ask(stream, delta(EDS, nonce=second.nonce), mesh) == Outcome()
    assert ask(stream, delta(EDS, nonce="old", subscribe=[_A]), mesh) == Outcome()
    assert stream.subscriptions[EDS].names == {_B, "nothing"}


def test_delta_reconnects_with_what_the_proxy_kept() -> None:
    """All is sent again, and what is gone meanwhile is removed, as by istiod."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    clusters = delta_answer(
        ask(stream, delta(CDS, node=proxy_node(), held=[_A, "outbound|80||gone"]), mesh)
    )
    assert len(clusters.resources) == 5
    assert list(clusters.removed_resources) == ["outbound|80||gone"]

    endpoints = delta_answer(ask(stream, delta(EDS, [_A], held=[_B]), mesh))
    assert sorted(resource.name for resource in endpoints.resources) == [_A, _B]


def test_ztunnel_gets_empty_answers() -> None:
    """Ambient is not modelled, but a ztunnel that waits for ever would stop a run."""
    mesh, stream = MovingMesh(), new_stream(delta=True)
    node = proxy_node(type_="ztunnel", namespace="istio-system")

    for request in (delta(ADDRESS, node=node), delta(AUTHORIZATION, node=node)):
        answer = delta_answer(ask(stream, request, mesh))
        assert (len(answer.resources), len(answer.removed_resources)) == (0, 0)


def test_a_slow_proxys_pushes_are_merged() -> None:
    """Skipped pushes must be contained in the one that comes."""
    early = Push(full=True, clusters=frozenset({"a"}))
    late = Push(full=False, clusters=frozenset({"b"}))

    assert early.merge(late) == Push(full=True, clusters=frozenset({"a", "b"}))


def test_equal_sets_of_names_are_one_object() -> None:
    """A thousand proxies with six hundred names each would need gigabytes otherwise."""
    names = Names(limit=2)

    assert names.intern(frozenset({"a"})) is names.intern(frozenset({"a"}))
    for number in range(10):
        names.intern(frozenset({str(number)}))
    assert len(names._known) <= 2


def test_proxies_share_the_bytes_of_a_push() -> None:
    """Per proxy, a push may cost no more than a copy and a nonce."""
    mesh = MovingMesh()
    streams = [_subscribed(mesh, delta_stream=False) for _ in range(2)]

    push = mesh.move("services", "MODIFIED", service("a", ip="10.0.0.9", ports=[HTTP]))
    one, other = (list(stream.push(push, mesh.view)) for stream in streams)

    assert [reply.message for reply in one] == [reply.message for reply in other]
    assert mesh.view.snapshot.clusters.all(delta=False) is mesh.view.snapshot.clusters.all(
        delta=False
    )
