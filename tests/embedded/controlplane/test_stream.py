"""The server's side of the xDS protocol, by istiod's rules."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.embedded.controlplane.fragments import NameInterner
from pyload.embedded.controlplane.push_scope import PushRequest
from pyload.embedded.controlplane.stream import RequestOutcome, ServerStream
from pyload.errors import StreamError
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, NDS, RDS, SDS
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.moving import MovingMesh, ask, delta_answer, sotw_answer
from tests.embedded.controlplane.support import (
    HTTP,
    audience,
    delta,
    istio,
    new_stream,
    pod,
    proxy_node,
    service,
    sotw,
)

_A, _B = (f"outbound|80||{name}.mesh.svc.cluster.local" for name in ("a", "b"))
# What istiod sends again with every push of clusters.
_SPECIAL = [
    "BlackHoleCluster",
    "PassthroughCluster",
    "InboundPassthroughCluster",
    "connect_originate",
]
_HEALTH = "type.googleapis.com/istio.v1.HealthInformation"


def _delta_pushed(
    stream: ServerStream, push: PushRequest, mesh: MovingMesh
) -> dict[str, tuple[list[str], list[str]]]:
    pushed = {}
    for reply in stream.push(push, mesh.view):
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(reply.message)
        names = [resource.name for resource in response.resources]
        pushed[response.type_url] = (names, list(response.removed_resources))
    return pushed


def _subscribed(mesh: MovingMesh, *, delta_stream: bool) -> ServerStream:
    """Return a stream that has asked for everything that a sidecar asks for."""
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
    assert (clusters.version_info, clusters.nonce, len(clusters.resources)) == ("v/1", "v/1-0", 6)
    assert ask(stream, sotw(CDS, nonce=clusters.nonce, version="v/1"), mesh) == RequestOutcome()

    endpoints = sotw_answer(ask(stream, sotw(EDS, [_A, _B]), mesh))
    assert len(endpoints.resources) == 2
    assert ask(stream, sotw(EDS, [_A, _B], nonce=endpoints.nonce), mesh) == RequestOutcome()

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
    assert ask(stream, sotw(EDS, [_B], nonce=more.nonce), mesh) == RequestOutcome()
    assert stream.subscriptions[EDS].names == {_B}


def test_sotw_ignores_stale_nonces() -> None:
    """A request that crossed a push on the wire is about what is no longer current."""
    mesh, stream = MovingMesh(), new_stream(delta=False)
    ask(stream, sotw(EDS, [_A], node=proxy_node()), mesh)

    assert ask(stream, sotw(EDS, [_A, _B], nonce="old"), mesh) == RequestOutcome()
    assert stream.subscriptions[EDS].names == {_A}


def test_sotw_answers_a_nonce_of_an_earlier_stream() -> None:
    """After a reconnect, Envoy repeats what it last knew."""
    mesh, stream = MovingMesh(), new_stream(delta=False)

    answer = sotw_answer(ask(stream, sotw(CDS, nonce="before", node=proxy_node()), mesh))

    assert len(answer.resources) == 6


def test_sotw_unsubscribes_with_an_empty_list() -> None:
    """A proxy without EDS clusters is not to be told of endpoints any more."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=False)
    nonce = stream.subscriptions[EDS].nonce

    assert ask(stream, sotw(EDS, nonce=nonce), mesh) == RequestOutcome()

    push = mesh.move("ADDED", pod("a-1", app="a"))
    assert list(stream.push(push, mesh.view)) == []


@pytest.mark.parametrize("is_delta", [False, True])
def test_refusals_are_recorded_and_not_answered(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Answering a NACK would make a client that cannot accept ask for ever."""
    mesh, stream = MovingMesh(), new_stream(delta=is_delta)
    make: Any = delta if is_delta else sotw
    ask(stream, make(CDS, node=proxy_node()), mesh)
    nonce = stream.subscriptions[CDS].nonce

    outcome = ask(stream, make(CDS, nonce=nonce, error="no such thing"), mesh)

    assert outcome == RequestOutcome(rejected="no such thing")
    assert stream.subscriptions[CDS].error == "no such thing"
    assert stream.subscriptions[CDS].acked == ""


@pytest.mark.parametrize("is_delta", [False, True])
def test_endpoints_alone_are_pushed_alone(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """This is what keeps a starting deployment from reloading the mesh."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=is_delta)

    push = mesh.move("ADDED", pod("a-1", app="a"))
    (reply,) = stream.push(push, mesh.view)

    assert reply.type_url == EDS
    assert _A.encode() in reply.message
    assert _B.encode() not in reply.message


def test_sotw_pushes_a_changed_service_in_order() -> None:
    """Listeners before clusters would refer to what a proxy does not have."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=False)

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
    stream = _subscribed(mesh, delta_stream=True)
    new = "outbound|80||c.mesh.svc.cluster.local"

    push = mesh.move("ADDED", service("c", ip="10.0.0.3", ports=[HTTP]))
    pushed = _delta_pushed(stream, push, mesh)
    assert list(pushed) == [CDS, LDS, RDS]
    assert pushed[CDS] == ([new, *_SPECIAL], [])
    assert pushed[RDS] == (["80"], [])

    push = mesh.move("DELETED", service("a"))
    pushed = _delta_pushed(stream, push, mesh)
    assert list(pushed) == [CDS, EDS, LDS, RDS]
    assert pushed[CDS] == (_SPECIAL, [_A])
    assert pushed[EDS] == ([], [_A])


def test_delta_removes_listeners_and_routes_that_are_gone() -> None:
    """A proxy would otherwise keep listening for a service that does not exist."""
    mesh = MovingMesh()
    mesh.move("ADDED", service("c", ip="10.0.0.3", ports=[{"name": "tcp", "port": 9}]))
    mesh.move("ADDED", service("d", ports=[{"name": "http", "port": 8080}]))
    stream = _subscribed(mesh, delta_stream=True)
    ask(stream, delta(RDS, ["8080"]), mesh)

    mesh.move("DELETED", service("d"))
    push = mesh.move("DELETED", service("c"))
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
    assert ask(stream, delta(EDS, (), [_A]), mesh) == RequestOutcome()
    assert ask(stream, delta(EDS, nonce=second.nonce), mesh) == RequestOutcome()
    assert ask(stream, delta(EDS, nonce="old", subscribe=[_A]), mesh) == RequestOutcome()
    assert stream.subscriptions[EDS].names == {_B, "nothing"}


def test_delta_reconnects_with_what_the_proxy_kept() -> None:
    """All is sent again, and what is gone meanwhile is removed, as by istiod."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    clusters = delta_answer(
        ask(stream, delta(CDS, node=proxy_node(), held=[_A, "outbound|80||gone"]), mesh)
    )
    assert len(clusters.resources) == 6
    assert list(clusters.removed_resources) == ["outbound|80||gone"]

    endpoints = delta_answer(ask(stream, delta(EDS, [_A], held=[_B]), mesh))
    assert sorted(resource.name for resource in endpoints.resources) == [_A, _B]


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
    streams = [_subscribed(mesh, delta_stream=False) for _ in range(2)]

    push = mesh.move("MODIFIED", service("a", ip="10.0.0.9", ports=[HTTP]))
    one, other = (list(stream.push(push, mesh.view)) for stream in streams)

    assert [reply.message for reply in one] == [reply.message for reply in other]
    clusters = mesh.view.of(CDS)[0]
    assert clusters.all(delta=False) is clusters.all(delta=False)


def _kept(mesh: MovingMesh, names: list[str]) -> dict[str, str]:
    """Return the versions of resources, as a ztunnel has them."""
    answer = delta_answer(
        ask(new_stream(delta=True), delta(ADDRESS, names or ["*"], node=_ZTUNNEL), mesh)
    )
    return {one.name: one.version for one in answer.resources}


_ZTUNNEL = proxy_node(type_="ztunnel", namespace="istio-system")
_SERVICES = [f"mesh/{name}.mesh.svc.cluster.local" for name in ("a", "b")]


def _ambient() -> MovingMesh:
    mesh = MovingMesh()
    mesh.audience = audience("ztunnel", namespace="istio-system")
    return mesh


def test_a_ztunnel_is_not_sent_again_what_it_has_kept() -> None:
    """After a restart of the control plane, a mesh of thousands would be loaded by every node."""
    mesh = _ambient()
    kept = _kept(mesh, [])
    assert list(kept) == _SERVICES
    request = delta(ADDRESS, node=_ZTUNNEL)
    request.initial_resource_versions.update(kept)

    answer = delta_answer(ask(new_stream(delta=True), request, mesh))
    assert (list(answer.resources), list(answer.removed_resources)) == ([], [])

    request.initial_resource_versions.update({_SERVICES[0]: "stale", "mesh/gone": "1"})
    answer = delta_answer(ask(new_stream(delta=True), request, mesh))
    assert [one.name for one in answer.resources] == _SERVICES[:1]
    assert list(answer.removed_resources) == ["mesh/gone"]


def test_a_ztunnel_may_ask_on_demand() -> None:
    """It begins with nothing, asks for addresses, and is told of those from then on."""
    mesh, stream = _ambient(), new_stream(delta=True)
    first = delta_answer(ask(stream, delta(ADDRESS, ["*"], ["*"], node=_ZTUNNEL), mesh))
    assert (len(first.resources), len(first.removed_resources)) == (0, 0)

    found = delta_answer(ask(stream, delta(ADDRESS, ["/10.0.0.1", "/10.9.9.9"]), mesh))
    assert [one.name for one in found.resources] == _SERVICES[:1]
    assert list(found.removed_resources) == ["/10.9.9.9"]

    push = mesh.move("MODIFIED", service("b", ip="10.0.0.7", ports=[HTTP]))
    assert list(stream.push(push, mesh.view)) == []
    push = mesh.move("ADDED", pod("a-1", app="a"))
    pushed = _delta_pushed(stream, push, mesh)
    assert pushed == {ADDRESS: (["Kubernetes//Pod/mesh/a-1"], [])}
    push = mesh.move("DELETED", pod("a-1", app="a"))
    assert _delta_pushed(stream, push, mesh) == {ADDRESS: ([], ["Kubernetes//Pod/mesh/a-1"])}


def test_a_ztunnel_on_demand_keeps_what_it_has_over_a_reconnect() -> None:
    """Only what it asks for counts, and of that only what differs."""
    mesh = _ambient()
    request = delta(ADDRESS, ["/10.0.0.1", "*"], ["*"], node=_ZTUNNEL)
    request.initial_resource_versions.update(_kept(mesh, _SERVICES[:1]))

    answer = delta_answer(ask(new_stream(delta=True), request, mesh))

    assert (list(answer.resources), list(answer.removed_resources)) == ([], [])


def test_a_ztunnel_with_everything_is_told_of_changes_only() -> None:
    """One pod that starts is one address, whatever the size of the mesh."""
    mesh, stream = _ambient(), new_stream(delta=True)
    ask(stream, delta(ADDRESS, node=_ZTUNNEL), mesh)
    ask(stream, delta(AUTHORIZATION), mesh)

    push = mesh.move("ADDED", pod("a-1", app="a"))
    assert _delta_pushed(stream, push, mesh) == {ADDRESS: (["Kubernetes//Pod/mesh/a-1"], [])}
    push = mesh.move("ADDED", istio("AuthorizationPolicy", "p", {}))
    assert _delta_pushed(stream, push, mesh) == {AUTHORIZATION: (["mesh/p"], [])}
    push = mesh.move("DELETED", istio("AuthorizationPolicy", "p", {}))
    assert _delta_pushed(stream, push, mesh) == {AUTHORIZATION: ([], ["mesh/p"])}


@pytest.mark.parametrize("is_delta", [False, True])
def test_nobody_unverified_is_answered_about_certificates(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Istiod says nothing at all; a client that waits for it would wait for ever there too."""
    mesh, stream = MovingMesh(), new_stream(delta=is_delta)
    mesh.audience = audience("router")
    make: Any = delta if is_delta else sotw

    assert ask(stream, make(SDS, ["kubernetes://one"], node=proxy_node()), mesh) == RequestOutcome()


@pytest.mark.parametrize("is_delta", [False, True])
def test_certificates_are_pushed_to_those_who_asked_for_them(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A renewed certificate must reach its gateway, and nobody else."""
    secret = {
        "kind": "Secret",
        "metadata": {"name": "one", "namespace": "mesh"},
        "data": {"tls.crt": "YQ==", "tls.key": "YQ=="},
    }
    mesh, stream = MovingMesh(secret), new_stream(delta=is_delta)
    mesh.audience = audience("router", verified=True)
    make: Any = delta if is_delta else sotw
    (reply,) = ask(stream, make(SDS, ["kubernetes://one"], node=proxy_node()), mesh).replies
    assert b"kubernetes://one" in reply.message

    renewed = {**secret, "data": {"tls.crt": "Yg==", "tls.key": "YQ=="}}
    (pushed,) = stream.push(mesh.move("MODIFIED", renewed), mesh.view)
    assert pushed.type_url == SDS
    other = {**secret, "metadata": {"name": "two", "namespace": "mesh"}}
    assert list(stream.push(mesh.move("ADDED", other), mesh.view)) == []


def test_clusters_that_are_asked_for_again_bring_their_endpoints() -> None:
    """They would wait for them otherwise, as nothing about endpoints has changed."""
    mesh = MovingMesh()
    stream = _subscribed(mesh, delta_stream=True)

    outcome = ask(stream, delta(CDS, ["*"]), mesh)

    assert [reply.type_url for reply in outcome.replies] == [CDS, EDS]


def test_an_agent_gets_the_table_of_names() -> None:
    """Agents with a DNS proxy ask for it on the sidecar's stream."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    (resource,) = delta_answer(ask(stream, delta(NDS, node=proxy_node()), mesh)).resources
    assert b"a.mesh.svc.cluster.local" in resource.resource
    push = mesh.move("ADDED", service("c", ip="10.0.0.3"))
    pushed = _delta_pushed(stream, push, mesh)
    assert pushed == {NDS: ([""], [])}
