"""The server's side of the xDS protocol, by istiod's rules."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.embedded.controlplane.stream import RequestOutcome
from pyload.errors import StreamError
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, NDS, RDS, SDS
from tests.embedded.controlplane.moving import (
    A,
    B,
    MovingMesh,
    ask,
    delta_answer,
    delta_pushed,
    sotw_answer,
    subscribed,
)
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

_HEALTH = "type.googleapis.com/istio.v1.HealthInformation"


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

    endpoints = sotw_answer(ask(stream, sotw(EDS, [A, B]), mesh))
    assert len(endpoints.resources) == 2
    assert ask(stream, sotw(EDS, [A, B], nonce=endpoints.nonce), mesh) == RequestOutcome()

    routes = sotw_answer(ask(stream, sotw(RDS, ["80", "nowhere"]), mesh))
    assert len(routes.resources) == 1


def test_sotw_answers_only_the_added_names() -> None:
    """A proxy with 600 clusters that learns of one more must not get 601 answers."""
    mesh, stream = MovingMesh(), new_stream(delta=False)
    first = sotw_answer(ask(stream, sotw(EDS, [A], node=proxy_node()), mesh))

    more = sotw_answer(ask(stream, sotw(EDS, [A, B], nonce=first.nonce), mesh))
    assert len(more.resources) == 1
    assert B.encode() in more.resources[0]
    assert ask(stream, sotw(EDS, [B], nonce=more.nonce), mesh) == RequestOutcome()
    assert stream.subscriptions[EDS].names == {B}


def test_sotw_ignores_stale_nonces() -> None:
    """A request that crossed a push on the wire is about what is no longer current."""
    mesh, stream = MovingMesh(), new_stream(delta=False)
    ask(stream, sotw(EDS, [A], node=proxy_node()), mesh)

    assert ask(stream, sotw(EDS, [A, B], nonce="old"), mesh) == RequestOutcome()
    assert stream.subscriptions[EDS].names == {A}


def test_sotw_answers_a_nonce_of_an_earlier_stream() -> None:
    """After a reconnect, Envoy repeats what it last knew."""
    mesh, stream = MovingMesh(), new_stream(delta=False)

    answer = sotw_answer(ask(stream, sotw(CDS, nonce="before", node=proxy_node()), mesh))

    assert len(answer.resources) == 6


def test_sotw_unsubscribes_with_an_empty_list() -> None:
    """A proxy without EDS clusters is not to be told of endpoints any more."""
    mesh = MovingMesh()
    stream = subscribed(mesh, delta_stream=False)
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


def test_delta_answers_names_as_they_are_subscribed() -> None:
    """Unsubscribing is silent; unknown names are removals, so that nobody waits for them."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    first = delta_answer(ask(stream, delta(EDS, [A], node=proxy_node()), mesh))
    assert [resource.name for resource in first.resources] == [A]
    second = delta_answer(ask(stream, delta(EDS, [B, "nothing"]), mesh))
    assert [resource.name for resource in second.resources] == [B]
    assert list(second.removed_resources) == ["nothing"]
    assert ask(stream, delta(EDS, (), [A]), mesh) == RequestOutcome()
    assert ask(stream, delta(EDS, nonce=second.nonce), mesh) == RequestOutcome()
    assert ask(stream, delta(EDS, nonce="old", subscribe=[A]), mesh) == RequestOutcome()
    assert stream.subscriptions[EDS].names == {B, "nothing"}


def test_delta_reconnects_with_what_the_proxy_kept() -> None:
    """All is sent again, and what is gone meanwhile is removed, as by istiod."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    clusters = delta_answer(
        ask(stream, delta(CDS, node=proxy_node(), held=[A, "outbound|80||gone"]), mesh)
    )
    assert len(clusters.resources) == 6
    assert list(clusters.removed_resources) == ["outbound|80||gone"]

    endpoints = delta_answer(ask(stream, delta(EDS, [A], held=[B]), mesh))
    assert sorted(resource.name for resource in endpoints.resources) == [A, B]


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
    pushed = delta_pushed(stream, push, mesh)
    assert pushed == {ADDRESS: (["Kubernetes//Pod/mesh/a-1"], [])}
    push = mesh.move("DELETED", pod("a-1", app="a"))
    assert delta_pushed(stream, push, mesh) == {ADDRESS: ([], ["Kubernetes//Pod/mesh/a-1"])}


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
    assert delta_pushed(stream, push, mesh) == {ADDRESS: (["Kubernetes//Pod/mesh/a-1"], [])}
    push = mesh.move("ADDED", istio("AuthorizationPolicy", "p", {}))
    assert delta_pushed(stream, push, mesh) == {AUTHORIZATION: (["mesh/p"], [])}
    push = mesh.move("DELETED", istio("AuthorizationPolicy", "p", {}))
    assert delta_pushed(stream, push, mesh) == {AUTHORIZATION: ([], ["mesh/p"])}


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
    stream = subscribed(mesh, delta_stream=True)

    outcome = ask(stream, delta(CDS, ["*"]), mesh)

    assert [reply.type_url for reply in outcome.replies] == [CDS, EDS]


def test_an_agent_gets_the_table_of_names() -> None:
    """Agents with a DNS proxy ask for it on the sidecar's stream."""
    mesh, stream = MovingMesh(), new_stream(delta=True)

    (resource,) = delta_answer(ask(stream, delta(NDS, node=proxy_node()), mesh)).resources
    assert b"a.mesh.svc.cluster.local" in resource.resource
    push = mesh.move("ADDED", service("c", ip="10.0.0.3"))
    pushed = delta_pushed(stream, push, mesh)
    assert pushed == {NDS: ([""], [])}
