"""Responses that Envoy refuses: istiod must hear of the same faults, and push to the same proxies.

What is expected here a real Envoy did, which was sent the same responses.
"""

from __future__ import annotations

import pytest

from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.refusals import Judgement, judge_delta, judge_sotw
from pyload.xds.resources import NO_BODY, Resource, mismatch
from pyload.xds.sotw import Sotw
from pyload.xds.types import ADDRESS, CDS, EDS, LDS, PREFIX, RDS, TypeUrl
from pyload.xds.wire import config_pb2, discovery_pb2
from tests.xds.messages import (
    GARBAGE,
    HCM,
    NODE_BYTES,
    UNREADABLE,
    UPSTREAM_TLS,
    Request,
    cluster,
    delta_response,
    listener,
    named,
    packed,
    read_delta,
    read_sotw,
    sotw_response,
)

BROKEN = f"Unable to unpack as {UPSTREAM_TLS.removeprefix(PREFIX)}"
WRAPPER = f"{PREFIX}envoy.service.discovery.v3.Resource"
TTL = b"\x32\x02\x08\x1e"
"""The field ``ttl`` of a resource: 30 s."""


def started(kind: type[Delta | Sotw]) -> Delta | Sotw:
    """Return a stream that has begun."""
    stream = kind()
    stream.start(NODE_BYTES)
    return stream


def receive(stream: Delta | Sotw, message: bytes) -> list[Request]:
    """Deliver a response, and return the requests."""
    read = read_delta if stream.delta else read_sotw
    return [read(one) for one in stream.receive(Message(message)).send]


def broken_cluster(name: str) -> bytes:
    """Encode a cluster whose TLS socket cannot be read."""
    built = config_pb2.Cluster(name=name, type=config_pb2.Cluster.EDS)
    built.transport_socket.typed_config.type_url = UPSTREAM_TLS
    built.transport_socket.typed_config.value = b"\xff"
    return packed(CDS, built)


def broken_listener(name: str) -> bytes:
    """Encode a listener whose HTTP filter cannot be read."""
    built = config_pb2.Listener(name=name)
    one = built.filter_chains.add().filters.add()
    one.typed_config.type_url = HCM
    one.typed_config.value = b"\xff"
    return packed(LDS, built)


def resource(
    name: str, body: bytes = b"", *, version: str = "", lives: bytes = TTL
) -> discovery_pb2.Resource:
    """Build a resource with a time to live; without a body it is a heartbeat."""
    built = discovery_pb2.Resource(name=name, version=version, resource=body)
    built.MergeFromString(lives)
    return built


def response(type_url: TypeUrl, *sent: discovery_pb2.Resource, nonce: str) -> bytes:
    """Encode a delta response."""
    return discovery_pb2.DeltaDiscoveryResponse(
        type_url=type_url, resources=sent, nonce=nonce, system_version_info="v1"
    ).SerializeToString()


@pytest.mark.parametrize(("type_url", "body"), [(CDS, cluster("x")), (EDS, named(EDS, "x"))])
def test_delta_refuses_a_name_that_comes_twice(type_url: TypeUrl, body: bytes) -> None:
    """A control plane that sends it would look well in a test, and fail with Envoys."""
    stream = started(Delta)
    receive(stream, delta_response(CDS, {"a": cluster("a"), "x": cluster("x")}))
    twice = [resource("x", body, version=version) for version in "12"]
    answers = receive(stream, response(type_url, resource("a", body), *twice, nonce="n2"))

    assert answers[-1].error == "duplicate name x found among added/updated resources"
    assert answers[-1].nonce == "n2"


@pytest.mark.parametrize("removed", [["x"], ["y", "y"]], ids=["sent and removed", "removed twice"])
def test_delta_refuses_a_name_that_comes_and_goes(removed: list[str]) -> None:
    """The proxy would keep or drop it as the order of two fields has it."""
    stream = started(Delta)
    receive(stream, delta_response(CDS, {"a": cluster("a")}))
    receive(stream, delta_response(EDS, {"a": b""}, nonce="e1"))
    answers = receive(
        stream, delta_response(CDS, {"x": cluster("x")}, removed=[*removed, "a"], nonce="n2")
    )

    error = f"duplicate name {removed[0]} found in the union of added+removed resources"
    assert answers == [Request("cds", nonce="n2", error=error)]


def test_ztunnel_and_the_agent_take_a_name_that_comes_twice() -> None:
    """They have other clients than Envoy's; a refusal would be load that they do not make."""
    twice = (Resource("x", (), "1"), Resource("x", (), "2"))

    assert judge_delta(ADDRESS, twice, ["x"]) == Judgement(twice)


@pytest.mark.parametrize("kind", [Delta, Sotw])
def test_a_response_with_a_resource_that_cannot_be_read_is_refused_as_a_whole(
    kind: type[Delta | Sotw],
) -> None:
    """The proxy would ask for endpoints of clusters that Envoy does not use."""
    bodies = {"a": cluster("a"), "b": GARBAGE}
    message = delta_response(CDS, bodies) if kind is Delta else sotw_response(CDS, *bodies.values())

    # Envoy makes do without clusters, and goes on to the listeners.
    assert receive(started(kind), message) == [
        Request("cds", nonce="n1", error=UNREADABLE),
        Request("lds"),
    ]


@pytest.mark.parametrize("kind", [Delta, Sotw])
def test_of_a_cluster_that_cannot_be_used_the_others_are(kind: type[Delta | Sotw]) -> None:
    """Envoy asks for the endpoints of the good clusters, and says which one is bad."""
    bodies = {"a": cluster("a"), "b": broken_cluster("b")}
    message = delta_response(CDS, bodies) if kind is Delta else sotw_response(CDS, *bodies.values())

    assert receive(started(kind), message) == [
        Request("cds", nonce="n1", error=f"Error adding/updating cluster(s) b: {BROKEN}"),
        Request("eds", ("a",)),
    ]


@pytest.mark.parametrize("kind", [Delta, Sotw])
def test_of_a_listener_that_cannot_be_used_the_others_are(kind: type[Delta | Sotw]) -> None:
    """Envoy asks for the routes of the good listeners, and keeps what the bad one had before."""
    stream = started(kind)

    def send(type_url: TypeUrl, bodies: dict[str, bytes], nonce: str) -> list[Request]:
        if stream.delta:
            return receive(stream, delta_response(type_url, bodies, nonce=nonce))
        return receive(stream, sotw_response(type_url, *bodies.values(), nonce=nonce))

    send(CDS, {}, "c1")
    send(LDS, {"bad": listener("bad", routes=["80"])}, "l1")
    bodies = {"good": listener("good", routes=["81"]), "bad": broken_listener("bad")}
    routes, nack = send(LDS, bodies, "l2")

    assert (routes.type, set(routes.subscribe) | {"80"}) == ("rds", {"80", "81"})
    assert routes.unsubscribe == ()
    assert nack.error == (
        f"Error adding/updating listener(s) bad: Unable to unpack as {HCM.removeprefix(PREFIX)}"
    )


def test_a_new_stream_tells_only_what_was_acknowledged() -> None:
    """Istiod would think that the proxy has what it refused, or not what it has."""
    stream = started(Delta)
    receive(stream, delta_response(CDS, {"a": cluster("a"), "old": cluster("old")}, version="1"))
    receive(stream, delta_response(EDS, dict.fromkeys(["a", "old"], b""), nonce="e1"))
    bodies = {"a": cluster("a", service="s"), "new": cluster("new"), "b": broken_cluster("b")}
    receive(stream, delta_response(CDS, bodies, version="2", removed=["old"], nonce="c2"))
    again = [read_delta(one) for one in stream.start(NODE_BYTES)]

    assert again[0].has == ("a@1", "old@1")
    assert again[1].subscribe == ("new", "s")


def test_sotw_uses_the_first_of_two_clusters_with_one_name() -> None:
    """Envoy does so, and refuses the response; it would look well in a test."""
    first, second = cluster("x", service="1"), cluster("x", service="2")

    assert receive(started(Sotw), sotw_response(CDS, first, second, cluster("y"))) == [
        Request(
            "cds",
            nonce="n1",
            error="Error adding/updating cluster(s) x: duplicate cluster x found",
        ),
        Request("eds", ("1", "y")),
    ]


def test_all_that_is_wrong_is_named() -> None:
    """Whoever mends a control plane would find one fault a run."""
    bad = Resource("b", error="broken")
    sent = (Resource("a"), bad, Resource("a"), bad, Resource("b"))

    assert judge_sotw(LDS, sent) == Judgement(
        resources=(Resource("a"),),
        refused=("b", "b", "b"),
        error="Error adding/updating listener(s) b: broken, a: duplicate listener a found,"
        " b: duplicate listener b found, b: duplicate listener b found",
    )


def test_refused_endpoints_end_the_wait_for_all() -> None:
    """Envoy makes do without any, and goes on: the proxy would never ask for listeners."""
    stream = started(Delta)
    receive(stream, delta_response(CDS, {"a": cluster("a"), "b": cluster("b")}))
    sent = [resource("a", named(EDS, "a"))] * 2
    listeners, nack = receive(stream, response(EDS, *sent, nonce="e1"))

    assert listeners == Request("lds")
    assert (nack.nonce, bool(nack.error)) == ("e1", True)


def test_a_heartbeat_is_acknowledged_and_changes_nothing() -> None:
    """A control plane that prolongs what it sent would seem to be refused by all proxies."""
    stream = started(Delta)
    sent = resource("a", cluster("a"), version="7")
    receive(stream, response(CDS, sent, nonce="c1"))
    receive(stream, delta_response(EDS, {"a": b""}, nonce="e1"))

    assert receive(stream, response(CDS, resource("a", version="7"), nonce="c2")) == [
        Request("cds", nonce="c2")
    ]
    # As Envoy, with or without the time to live.
    without = resource("a", version="7", lives=b"")
    assert receive(stream, response(CDS, without, nonce="c3")) == [Request("cds", nonce="c3")]
    assert read_delta(stream.start(NODE_BYTES)[0]).has == ("a@7",)


@pytest.mark.parametrize("name", ["a", "z"], ids=["other version", "unknown"])
@pytest.mark.parametrize("type_url", [CDS, EDS])
def test_a_heartbeat_of_what_is_not_there_is_refused(type_url: TypeUrl, name: str) -> None:
    """Control plane and proxy differ in what the proxy has, which Envoy tells."""
    stream = started(Delta)
    receive(stream, response(CDS, resource("a", cluster("a"), version="7"), nonce="c1"))
    receive(stream, response(EDS, resource("a", named(EDS, "a"), version="7"), nonce="e1"))
    (answer,) = receive(stream, response(type_url, resource(name, version="8"), nonce="n2"))

    assert answer.error == mismatch("", type_url)


def test_sotw_takes_wrapped_resources_and_heartbeats() -> None:
    """A time to live comes in a wrapper there; what comes without a body is there no more."""
    stream = started(Sotw)
    wrapped = packed(WRAPPER, resource("a", cluster("a"), version="v1"))
    heartbeat = packed(WRAPPER, resource("a", version="v1"))

    first = receive(stream, sotw_response(CDS, wrapped, cluster("b")))
    receive(stream, sotw_response(EDS, named(EDS, "a"), named(EDS, "b"), nonce="e1"))
    # In another version it is no heartbeat, and Envoy keeps what it has.
    other = sotw_response(CDS, heartbeat, cluster("b"), nonce="c2", version="v2")
    second = receive(stream, other)
    third = receive(stream, sotw_response(CDS, heartbeat, nonce="c3", version="v2"))

    assert Request("eds", ("a", "b")) in first
    assert second == [Request("cds", nonce="c2", version="v2")]
    assert Request("eds", nonce="e1", version="v1") in third
    assert [one.error for one in (*first, *third)] == [""] * 4


def test_wrapped_resources_have_names_and_bodies() -> None:
    """A dump would show a wrapper's version in place of a cluster's name."""
    stream = Sotw(with_resources=True)
    stream.start(NODE_BYTES)
    wrapped = packed(WRAPPER, resource("a", cluster("a"), version="v1"))

    assert stream.receive(Message(sotw_response(CDS, wrapped))).push.names == ("a",)


def test_faults_of_types_that_are_not_looked_into_are_those_of_their_names() -> None:
    """Routes and endpoints are not read: what is wrong within them is beyond pyload."""
    twice = (Resource("r"), Resource("r"))

    assert judge_delta(RDS, twice, []).error
    assert judge_delta(RDS, twice[:1], ["s"]) == Judgement(twice[:1])
    assert judge_delta(RDS, (Resource("r", error=NO_BODY),), []).heartbeats
