"""One delta stream: the requests that must follow, whatever the control plane sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds import requests
from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.types import (
    ADDRESS,
    AUTHORIZATION,
    CDS,
    ECDS,
    EDS,
    LDS,
    RDS,
    SDS,
    WORKLOAD,
    Push,
    TypeUrl,
)
from pyload.xds.wire import discovery_pb2
from tests.xds.messages import (
    GARBAGE,
    NODE,
    NODE_BYTES,
    UNREADABLE,
    Request,
    cluster,
    delta_response,
    listener,
    named,
    read_delta,
)


def started(node_type: str = "sidecar") -> Delta:
    """Return a stream that has sent its first requests."""
    stream = Delta(node_type=node_type)
    stream.start(NODE_BYTES)
    return stream


def receive(stream: Delta, message: bytes) -> list[Request]:
    """Return the answers to a message in words."""
    return [read_delta(request) for request in stream.receive(Message(message)).send]


def clusters(*names: str, nonce: str = "c", removed: tuple[str, ...] = ()) -> bytes:
    """Encode a push of clusters that are called as their endpoints are."""
    return delta_response(
        CDS, {name: cluster(name) for name in names}, removed=removed, nonce=nonce
    )


def test_the_first_request_alone_carries_the_node() -> None:
    """Istiod would parse every proxy's metadata again with each acknowledgement."""
    stream = Delta()
    first = [
        discovery_pb2.DeltaDiscoveryRequest.FromString(one) for one in stream.start(NODE_BYTES)
    ]

    assert first == [discovery_pb2.DeltaDiscoveryRequest(type_url=CDS, node=NODE)]
    assert [one.node for one in receive(stream, clusters("a"))] == [False] * 2


@pytest.mark.parametrize("node_type", ["sidecar", "router", "waypoint"])
def test_envoys_start_as_envoy_does(node_type: str) -> None:
    """Istiod would be loaded by an order of requests that no proxy produces."""
    stream = started(node_type)
    answers = [
        receive(stream, clusters("b", "a", nonce="c1")),
        receive(stream, delta_response(EDS, {"a": b"", "b": b""}, nonce="e1")),
        receive(stream, delta_response(LDS, {"l": listener("l", routes=["80"])}, nonce="l1")),
        receive(stream, delta_response(RDS, {"80": b""}, nonce="r1")),
    ]

    assert answers == [
        [Request("cds", nonce="c1"), Request("eds", ("a", "b"))],
        [Request("lds"), Request("eds", nonce="e1")],
        [Request("rds", ("80",)), Request("lds", nonce="l1")],
        [Request("rds", nonce="r1")],
    ]
    assert stream.configured


def test_a_ztunnel_asks_for_workloads_and_policies_and_nothing_else() -> None:
    """A ztunnel that behaves as a sidecar would get a sidecar's configuration."""
    stream = Delta(node_type="ztunnel")

    assert [read_delta(one) for one in stream.start(NODE_BYTES)] == [
        Request("wds", node=True),
        Request("wads", node=True),
    ]
    assert receive(stream, delta_response(ADDRESS, {"w": b""}, nonce="w1")) == [
        Request("wds", nonce="w1")
    ]
    before = stream.configured
    assert receive(stream, delta_response(AUTHORIZATION, nonce="p1")) == [
        Request("wads", nonce="p1")
    ]
    assert (before, stream.configured) == (False, True)
    assert receive(stream, delta_response(CDS, {"c": cluster("c")})) == []


def test_a_waypoint_also_asks_for_all_workloads_and_does_not_wait_for_them() -> None:
    """Istiod would be spared its pushes to waypoints, or one without ambient mode hold them up."""
    stream = Delta(node_type="waypoint")
    first = stream.start(NODE_BYTES)
    types = [discovery_pb2.DeltaDiscoveryRequest.FromString(one).type_url for one in first]
    assert [read_delta(one) for one in first] == [Request("cds", node=True), Request("wds")]
    assert types == [CDS, WORKLOAD]
    receive(stream, clusters())
    receive(stream, delta_response(LDS))
    assert stream.configured

    workloads = {"w1": b"", "w2": b""}
    assert receive(stream, delta_response(WORKLOAD, workloads, version="7", nonce="w1")) == [
        Request("wds", nonce="w1")
    ]
    assert read_delta(stream.start(NODE_BYTES)[1]) == Request("wds", has=("w1@7", "w2@7"))


def test_types_without_names_are_not_waited_for() -> None:
    """A proxy of an empty mesh would never count as ready (D16)."""
    stream = started()
    stream.receive(Message(delta_response(CDS)))
    assert not stream.configured
    stream.receive(Message(delta_response(LDS)))

    assert stream.configured


def test_only_changes_are_subscribed_and_unsubscribed() -> None:
    """Each push would repeat the whole subscription, which delta is there to avoid."""
    stream = started()
    receive(stream, clusters("a", "b"))

    assert receive(stream, clusters("c", removed=("a",), nonce="c2")) == [
        Request("cds", nonce="c2"),
        Request("eds", ("c",), ("a",)),
    ]
    assert receive(stream, clusters("c", nonce="c3")) == [Request("cds", nonce="c3")]


def test_references_shared_with_others_survive_a_removal() -> None:
    """The endpoints of a cluster that is still there would be given up (D6)."""
    stream = started()
    receive(
        stream,
        delta_response(
            CDS, {"one": cluster("one", service="s"), "two": cluster("two", service="s")}
        ),
    )

    assert receive(stream, delta_response(CDS, removed=["one"], nonce="c2")) == [
        Request("cds", nonce="c2")
    ]
    assert receive(stream, delta_response(CDS, removed=["two"], nonce="c3")) == [
        Request("cds", nonce="c3"),
        Request("eds", (), ("s",)),
        Request("lds"),
    ]


def test_references_that_an_update_drops_are_unsubscribed_once_it_has_drained() -> None:
    """A listener's old routes would be pushed to it for ever (D6)."""
    stream = started()
    receive(stream, clusters())
    receive(stream, delta_response(LDS, {"l": listener("l", routes=["80", "81"])}))

    assert receive(
        stream, delta_response(LDS, {"l": listener("l", routes=["82", "81"])}, nonce="l2")
    ) == [Request("rds", ("82",)), Request("lds", nonce="l2")]
    assert [read_delta(one) for one in stream.drained()] == [Request("rds", (), ("80",))]


def test_a_subscription_that_was_emptied_can_start_again() -> None:
    """After scaling to zero and back a proxy would stay without endpoints."""
    stream = started()
    receive(stream, clusters("a"))
    receive(stream, clusters(removed=("a",)))

    assert receive(stream, clusters("a", nonce="c3")) == [Request("eds", ("a",))]
    assert receive(stream, delta_response(EDS, {"a": b""}, nonce="e3")) == [
        Request("cds", nonce="c3"),
        Request("eds", nonce="e3"),
    ]


def test_a_gateway_asks_for_extensions_routes_and_secrets_in_this_order() -> None:
    """Envoy holds back routes and secrets until it has handled all listeners."""
    stream = started("router")
    receive(
        stream,
        delta_response(CDS, {"a": cluster("a", eds=False, secrets=["kubernetes://up"])}),
    )
    body = listener("l", routes=["80"], secrets=["kubernetes://gw"], extensions=["wasm"])

    assert receive(stream, delta_response(LDS, {"l": body}, nonce="l1")) == [
        Request("ecds", ("wasm",)),
        Request("rds", ("80",)),
        Request("sds", ("kubernetes://gw",)),
        Request("lds", nonce="l1"),
    ]


def test_a_broken_response_is_nacked_and_what_was_known_stands() -> None:
    """Istiod would believe that a broken push was taken, or the proxy drop its endpoints."""
    stream = started()
    receive(stream, clusters("a"))
    received = stream.receive(
        Message(delta_response(CDS, {"b": cluster("b"), "x": GARBAGE}, removed=["a"], nonce="c2"))
    )

    assert [read_delta(one) for one in received.send] == [
        Request("cds", nonce="c2", error=UNREADABLE)
    ]
    assert received.push is not None
    assert received.push.error == UNREADABLE
    assert receive(stream, clusters("a", nonce="c3")) == [Request("cds", nonce="c3")]


def test_a_resource_under_another_name_is_known_by_the_name_that_it_was_sent_under() -> None:
    """Envoy takes it; its removal would not be understood, and its endpoints never be given up."""
    stream = started()
    (ack, endpoints) = receive(stream, delta_response(CDS, {"a": cluster("b")}))
    gone = receive(stream, delta_response(CDS, removed=["a"], nonce="c2"))

    assert (ack.error, endpoints.subscribe) == ("", ("b",))
    assert Request("eds", unsubscribe=("b",)) in gone


def test_resources_that_nobody_asked_for_are_named_and_acknowledged() -> None:
    """Istiod's mistakes would go unnoticed, or block it without an acknowledgement."""
    stream = started()
    stream.receive(Message(clusters("a")))
    received = stream.receive(Message(delta_response(EDS, {"a": b"", "z": b""}, nonce="e1")))

    assert received.unmatched == ("z",)
    assert [read_delta(one) for one in received.send] == [
        Request("lds"),
        Request("eds", nonce="e1"),
    ]


def test_resources_that_were_just_given_up_are_expected() -> None:
    """Each service that goes would be a warning per proxy: its endpoints are on their way."""
    stream = started()
    stream.receive(Message(clusters("a", "b")))
    stream.receive(Message(clusters(removed=("b",))))
    late = stream.receive(Message(delta_response(EDS, {"b": b"", "z": b""}, nonce="e1")))
    stream.receive(Message(clusters(removed=("a",))))
    later = stream.receive(Message(delta_response(EDS, {"a": b"", "b": b""}, nonce="e2")))
    stream.start(NODE_BYTES)
    stream.receive(Message(clusters("c")))
    anew = stream.receive(Message(delta_response(EDS, {"a": b""}, nonce="e3")))

    assert (late.unmatched, later.unmatched, anew.unmatched) == (("z",), ("b",), ("a",))


def test_a_type_that_was_never_subscribed_to_is_not_answered() -> None:
    """Its acknowledgement would be the subscription to all of it."""
    received = started().receive(Message(delta_response(EDS, {"a": b""})))

    assert received.send == []
    assert received.push is not None
    assert received.push.error == "not subscribed to"


def test_a_push_says_what_came() -> None:
    """Counters of pushes, bytes, resources and removals would be wrong."""
    message = clusters("a", "b", removed=("x",), nonce="c1")

    assert started().receive(Message(message)).push == Push(
        type_url=CDS, size=len(message), resources=2, removed=1, nonce="c1", version="v1"
    )


def test_a_push_in_detail_has_names_and_bodies() -> None:
    """A consumer of the library could not look into what it was sent."""
    stream = Delta(with_resources=True)
    stream.start(NODE_BYTES)
    push = stream.receive(Message(clusters("a", removed=("x",)))).push

    assert push is not None
    assert (push.names, push.removed_names, push.bodies) == (("a",), ("x",), (cluster("a"),))


@pytest.mark.parametrize(
    "message",
    [b"\xff", b"", delta_response(CDS, nonce=""), delta_response("", nonce="n")],
    ids=["garbage", "empty", "no nonce", "no type"],
)
def test_what_cannot_be_answered_ends_the_stream(message: bytes) -> None:
    """An answer without a nonce is a new subscription: it would be answered for ever."""
    with pytest.raises(RemoteProtocolError):
        started().receive(Message(message))


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_random_bytes_get_the_protocols_answer_or_end_the_stream(messages: list[bytes]) -> None:
    """A garbled message would kill the proxy with an error that nothing handles."""
    stream = started()
    for message in messages:
        try:
            stream.receive(Message(message))
        except RemoteProtocolError:
            return


NAMES = st.sets(st.sampled_from(["a", "b", "c", "d"]), max_size=3)
PUSHES = st.lists(
    st.tuples(
        st.sampled_from(["cds", "lds", "eds", "rds", "sds", "ecds", "bad"]),
        st.dictionaries(st.sampled_from(["p", "q", "r"]), NAMES, max_size=3),
        st.sets(st.sampled_from(["p", "q", "r"]), max_size=2),
    ),
    max_size=12,
)
URLS: dict[str, TypeUrl] = {
    "cds": CDS, "lds": LDS, "eds": EDS, "rds": RDS, "sds": SDS, "ecds": ECDS, "bad": CDS,
}  # fmt: skip


@given(PUSHES)
def test_the_control_plane_always_knows_what_is_wanted(
    pushes: list[tuple[str, dict[str, set[str]], set[str]]],
) -> None:
    """After some sequence of pushes the proxy would miss or hoard resources, unnoticed."""
    stream = started()
    subscribed: dict[str, set[str]] = {}
    model: dict[str, dict[str, set[str]]] = {"cds": {}, "lds": {}}
    asked, good = {"cds"}, set[str]()
    for number, (kind, resources, removed) in enumerate(pushes):
        nonce = f"n{number}"
        type_name = "cds" if kind == "bad" else kind
        bodies = {}
        for name, targets in resources.items():
            if kind == "cds":
                bodies[name] = cluster(name, eds=False, secrets=targets)
            elif kind == "lds":
                bodies[name] = listener(name, routes=targets, secrets=targets)
            else:
                bodies[name] = GARBAGE if kind == "bad" else named(URLS[kind], name)
        message = delta_response(URLS[kind], bodies, removed=removed, nonce=nonce)
        received = stream.receive(Message(message))
        answers = [read_delta(one) for one in received.send]
        if received.draining:
            answers += [read_delta(one) for one in stream.drained()]

        acknowledged = [one for one in answers if one.nonce]
        assert [(one.type, one.nonce) for one in acknowledged] == (
            [(type_name, nonce)] if type_name in asked else []
        )
        if acknowledged:
            nacked = bool(resources if kind == "bad" else resources.keys() & removed)
            assert bool(acknowledged[0].error) == nacked
            if not nacked:
                good.add(type_name)
                state = model.get(type_name, {})
                for name in removed:
                    state.pop(name, None)
                state |= resources
        for answer in answers:
            if answer.nonce:
                continue
            asked.add(answer.type)
            before = subscribed.setdefault(answer.type, set())
            assert not before & set(answer.subscribe)
            assert before >= set(answer.unsubscribe)
            assert answer.subscribe or answer.unsubscribe or answer.type == "lds"
            subscribed[answer.type] = before - set(answer.unsubscribe) | set(answer.subscribe)

        upstream = set[str]().union(*model["cds"].values())
        downstream = set[str]().union(*model["lds"].values())
        assert subscribed.get("rds", set()) == downstream
        assert subscribed.get("sds", set()) == upstream | downstream
        wanted = {"cds", "lds"} | {kind for kind, names in subscribed.items() if names}
        assert stream.configured == (wanted <= good)


def configured(stream: Delta, *, nonce: str = "1") -> None:
    """Bring a stream to its end state: a cluster, its endpoints, a listener and its route."""
    receive(stream, clusters("a", "b", nonce=f"c{nonce}"))
    receive(stream, delta_response(EDS, {"a": b"", "b": b""}, nonce=f"e{nonce}"))
    receive(stream, delta_response(LDS, {"l": listener("l", routes=["80"])}, nonce=f"l{nonce}"))
    receive(stream, delta_response(RDS, {"80": b""}, nonce=f"r{nonce}"))


def test_a_new_stream_repeats_the_subscriptions_and_says_what_is_there() -> None:
    """Istiod would never tell the proxy what went away while it was gone."""
    stream = started()
    configured(stream)

    assert [read_delta(one) for one in stream.start(NODE_BYTES)] == [
        Request("cds", node=True, has=("a", "b")),
        Request("eds", ("a", "b"), has=("a", "b")),
        Request("lds", has=("l",)),
        Request("rds", ("80",), has=("80",)),
    ]
    assert not stream.configured


def test_what_went_away_meanwhile_is_given_up() -> None:
    """Endpoints of a service that was deleted during an outage would stay subscribed."""
    stream = started()
    configured(stream)
    stream.start(NODE_BYTES)

    assert receive(stream, clusters("a", removed=("b",), nonce="c9")) == [
        Request("eds", (), ("b",)),
        Request("cds", nonce="c9"),
    ]
    assert [read_delta(one) for one in stream.start(NODE_BYTES)][:2] == [
        Request("cds", node=True, has=("a",)),
        Request("eds", ("a",), has=("a",)),
    ]


def test_nothing_is_nacked_on_a_new_stream_before_its_own_response() -> None:
    """A NACK left over from the last stream crashes older istiods."""
    stream = started()
    configured(stream)
    receive(stream, delta_response(CDS, {"x": GARBAGE}, nonce="bad"))
    assert [read_delta(one).error for one in stream.start(NODE_BYTES)] == [""] * 4


def test_a_ztunnel_tells_the_versions_of_what_it_has() -> None:
    """Istiod would send a mesh of workloads again at each reconnect."""
    stream = started("ztunnel")
    receive(stream, delta_response(ADDRESS, {"w1": b"", "w2": b""}, version="7f", nonce="1"))
    receive(stream, delta_response(ADDRESS, {"w1": b""}, version="80", removed=("w2",), nonce="2"))
    first = read_delta(stream.start(NODE_BYTES)[0])
    assert first == Request("wds", node=True, has=("w1@80",))


def test_versions_that_do_not_fit_are_left_out_and_everything_is_taken_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above 4 MiB istiod refuses the request, and the proxy would dial for ever."""
    monkeypatch.setattr(requests, "MAX_REQUEST", 200)
    stream = Delta(node_type="ztunnel")
    stream.start(NODE_BYTES)
    many = {f"workload-{number:04}": b"" for number in range(50)}
    receive(stream, delta_response(ADDRESS, many, version="7f", nonce="1"))
    assert read_delta(stream.start(NODE_BYTES)[0]) == Request("wds", node=True)
    receive(stream, delta_response(ADDRESS, {"w": b""}, version="7f", nonce="2"))
    assert read_delta(stream.start(NODE_BYTES)[0]).has == ("w@7f",)


def test_names_that_do_not_fit_are_asked_for_in_several_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mesh of 60,000 clusters could not be subscribed to at all."""
    monkeypatch.setattr(requests, "MAX_REQUEST", 200)
    stream = Delta()
    stream.start(NODE_BYTES)
    names = [f"cluster-{number:03}" for number in range(60)]
    answers = receive(stream, clusters(*names))
    asked = [one for one in answers if one.type == "eds"]
    assert len(asked) > 3
    assert sorted(name for one in asked for name in one.subscribe) == names
    again = [read_delta(one) for one in stream.start(NODE_BYTES)]
    assert sorted(name for one in again for name in one.subscribe) == names


def test_a_type_that_is_asked_for_again_on_a_new_stream_is_waited_for_again() -> None:
    """The proxy would count as configured without its secrets, and its times would be too short."""
    stream = started()
    with_secret = {"l": listener("l", secrets=["kubernetes://gw"])}
    receive(stream, delta_response(CDS))
    receive(stream, delta_response(LDS, with_secret))
    receive(stream, delta_response(SDS, {"kubernetes://gw": b""}))
    receive(stream, delta_response(LDS, {"l": listener("l")}))
    before = stream.configured
    stream.start(NODE_BYTES)
    receive(stream, delta_response(CDS))
    receive(stream, delta_response(LDS, with_secret))

    assert (before, stream.configured) == (True, False)
    receive(stream, delta_response(SDS, {"kubernetes://gw": b""}))
    assert stream.configured
