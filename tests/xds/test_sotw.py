"""One SotW stream: the requests that must follow, whatever the control plane sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import ProtocolError, RemoteProtocolError
from pyload.xds.messages import Message
from pyload.xds.sotw import Sotw
from pyload.xds.types import CDS, ECDS, EDS, LDS, RDS, SDS, Push, TypeUrl
from pyload.xds.wire import discovery_pb2
from tests.xds.messages import (
    GARBAGE,
    NODE,
    NODE_BYTES,
    UNREADABLE,
    Request,
    cluster,
    listener,
    named,
    read_sotw,
    sotw_response,
)


def started() -> Sotw:
    """Return a stream that has sent its first request."""
    stream = Sotw()
    stream.start(NODE_BYTES)
    return stream


def receive(stream: Sotw, message: bytes) -> list[Request]:
    """Return the answers to a message in words."""
    return [read_sotw(request) for request in stream.receive(Message(message)).send]


def test_the_first_request_alone_carries_the_node() -> None:
    """Istiod would parse every proxy's metadata again with each acknowledgement."""
    stream = Sotw()
    first = [discovery_pb2.DiscoveryRequest.FromString(one) for one in stream.start(NODE_BYTES)]

    assert first == [discovery_pb2.DiscoveryRequest(type_url=CDS, node=NODE)]
    assert [one.node for one in receive(stream, sotw_response(CDS, cluster("a")))] == [False] * 2


def test_a_sidecar_starts_as_envoy_does() -> None:
    """Istiod would be loaded by an order of requests that no proxy produces."""
    stream = started()
    answers = [
        receive(stream, sotw_response(CDS, cluster("b"), cluster("a"), nonce="c1", version="v1")),
        receive(stream, sotw_response(EDS, named(EDS, "a"), nonce="e1", version="v1")),
        receive(stream, sotw_response(EDS, named(EDS, "b"), nonce="e2", version="v1")),
        receive(stream, sotw_response(LDS, listener("l", routes=["80"]), nonce="l1")),
        receive(stream, sotw_response(RDS, named(RDS, "80"), nonce="r1", version="v2")),
    ]

    assert answers == [
        [
            Request("cds", nonce="c1", version="v1"),
            Request("eds", ("a", "b")),
        ],
        [Request("eds", ("a", "b"), nonce="e1", version="v1")],
        [Request("lds"), Request("eds", ("a", "b"), nonce="e2", version="v1")],
        [Request("rds", ("80",)), Request("lds", nonce="l1", version="v1")],
        [Request("rds", ("80",), nonce="r1", version="v2")],
    ]


def test_configured_means_every_wanted_type_has_come() -> None:
    """A report would call proxies ready that still wait for routes."""
    stream = started()
    seen = [stream.configured]
    for message in (
        sotw_response(CDS, cluster("a")),
        sotw_response(EDS, named(EDS, "a")),
        sotw_response(LDS, listener("l", routes=["80"])),
        sotw_response(RDS, named(RDS, "80")),
    ):
        stream.receive(Message(message))
        seen.append(stream.configured)

    assert seen == [False, False, False, False, True]


def test_types_without_names_are_not_waited_for() -> None:
    """A proxy of an empty mesh would never count as ready (D16)."""
    stream = started()
    stream.receive(Message(sotw_response(CDS, cluster("static", eds=False))))
    assert not stream.configured
    stream.receive(Message(sotw_response(LDS, listener("l"))))

    assert stream.configured


def test_a_partial_push_is_acknowledged_with_the_whole_subscription() -> None:
    """Istiod would take the shorter list for a new subscription (pilot-load issue 5)."""
    stream = started()
    stream.receive(Message(sotw_response(CDS, cluster("a"), cluster("b"))))
    stream.receive(Message(sotw_response(EDS, named(EDS, "a"), named(EDS, "b"), nonce="e1")))

    assert receive(stream, sotw_response(EDS, named(EDS, "b"), nonce="e2")) == [
        Request("eds", ("a", "b"), nonce="e2", version="v1")
    ]


def test_a_changed_subscription_carries_the_last_nonce_and_version() -> None:
    """Istiod ignores a request with a stale nonce, and the new cluster would stay empty."""
    stream = started()
    stream.receive(Message(sotw_response(CDS, cluster("a"), nonce="c1")))
    stream.receive(Message(sotw_response(EDS, named(EDS, "a"), nonce="e1", version="v7")))

    assert receive(stream, sotw_response(CDS, cluster("a"), cluster("b"), nonce="c2")) == [
        Request("eds", ("a", "b"), nonce="e1", version="v7"),
    ]


def test_an_unchanged_subscription_is_not_repeated() -> None:
    """Each push of clusters would cause a needless request and response."""
    stream = started()
    stream.receive(Message(sotw_response(CDS, cluster("a"))))

    assert receive(stream, sotw_response(CDS, cluster("a"), nonce="c2")) == [
        Request("cds", nonce="c2", version="v1")
    ]


def test_an_emptied_subscription_is_ended_once() -> None:
    """Istiod would go on sending endpoints of clusters that are gone (D19)."""
    stream = started()
    stream.receive(Message(sotw_response(CDS, cluster("a"))))
    stream.receive(Message(sotw_response(EDS, named(EDS, "a"), nonce="e1")))
    empty = sotw_response(CDS, nonce="c2")

    assert receive(stream, empty) == [
        Request("eds", nonce="e1", version="v1"),
        Request("cds", nonce="c2", version="v1"),
    ]
    assert receive(stream, empty) == [Request("cds", nonce="c2", version="v1")]
    # A response that was on its way: answered with neither ACK nor NACK.
    assert receive(stream, sotw_response(EDS, named(EDS, "a"), nonce="e2")) == []
    assert receive(stream, sotw_response(CDS, cluster("b"), nonce="c3")) == [
        Request("eds", ("b",), nonce="e1", version="v1")
    ]


def test_a_gateway_asks_for_extensions_routes_and_secrets_in_this_order() -> None:
    """Envoy holds back routes and secrets until it has handled all listeners."""
    stream = started()
    stream.receive(
        Message(sotw_response(CDS, cluster("a", eds=False, secrets=["kubernetes://up"])))
    )
    answer = receive(
        stream,
        sotw_response(
            LDS,
            listener("l", routes=["80", "80"], secrets=["kubernetes://gw"], extensions=["wasm"]),
        ),
    )

    assert answer == [
        Request("ecds", ("wasm",)),
        Request("rds", ("80",)),
        Request("sds", ("kubernetes://gw", "kubernetes://up")),
        Request("lds", nonce="n1", version="v1"),
    ]
    assert not stream.configured
    for type_url in (SDS, ECDS, RDS):
        stream.receive(Message(sotw_response(type_url, named(type_url, "x"))))
    assert stream.configured


def test_a_broken_response_is_nacked_and_what_was_known_stands() -> None:
    """Istiod would believe that a broken push was taken, or the proxy drop its endpoints."""
    stream = started()
    stream.receive(Message(sotw_response(CDS, cluster("a"), nonce="c1", version="v1")))
    received = stream.receive(Message(sotw_response(CDS, GARBAGE, nonce="c2", version="v2")))

    assert [read_sotw(one) for one in received.send] == [
        Request("cds", nonce="c2", version="v1", error=UNREADABLE)
    ]
    assert received.push is not None
    assert received.push.error == UNREADABLE
    assert receive(stream, sotw_response(CDS, cluster("a"), nonce="c3", version="v3")) == [
        Request("cds", nonce="c3", version="v3")
    ]


def test_a_broken_first_response_does_not_count_as_received() -> None:
    """A proxy without clusters would count as configured."""
    stream = started()
    assert receive(stream, sotw_response(CDS, GARBAGE)) == [
        Request("cds", nonce="n1", error=UNREADABLE),
        Request("lds"),
    ]
    assert not stream.configured
    assert receive(stream, sotw_response(CDS, nonce="c2")) == [
        Request("cds", nonce="c2", version="v1")
    ]
    stream.receive(Message(sotw_response(LDS, GARBAGE)))

    assert not stream.configured


def test_a_push_says_what_came() -> None:
    """Counters of pushes, bytes and resources would be wrong."""
    message = sotw_response(CDS, cluster("a"), cluster("b"), nonce="c1", version="v9")

    assert started().receive(Message(message)).push == Push(
        type_url=CDS, size=len(message), resources=2, removed=0, nonce="c1", version="v9"
    )


def test_a_push_in_detail_has_names_and_bodies() -> None:
    """A consumer of the library could not look into what it was sent."""
    stream = Sotw(with_resources=True)
    stream.start(NODE_BYTES)
    bodies = (cluster("a"), GARBAGE)
    push = stream.receive(Message(sotw_response(CDS, *bodies))).push

    assert push is not None
    assert push.names == ("a", "")
    assert push.bodies == bodies


@pytest.mark.parametrize(
    "message",
    [b"\xff", b"", sotw_response(CDS, nonce=""), sotw_response("", nonce="n")],
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
    st.one_of(
        st.tuples(st.just("cds"), NAMES, NAMES),
        st.tuples(st.just("lds"), NAMES, NAMES),
        st.tuples(st.sampled_from(["eds", "rds", "sds", "ecds", "bad"]), NAMES, NAMES),
    ),
    max_size=12,
)
URLS: dict[str, TypeUrl] = {
    "cds": CDS, "lds": LDS, "eds": EDS, "rds": RDS, "sds": SDS, "ecds": ECDS, "bad": CDS,
}  # fmt: skip


@given(PUSHES)
def test_the_control_plane_always_knows_what_is_wanted(
    pushes: list[tuple[str, set[str], set[str]]],
) -> None:
    """After some sequence of pushes the proxy would miss or hoard resources, unnoticed."""
    stream = started()
    subscribed: dict[str, tuple[str, ...]] = {"cds": ()}
    nonces: dict[str, str] = {}
    eds: set[str] = set()
    rds: set[str] = set()
    upstream: set[str] = set()
    downstream: set[str] = set()
    good: set[str] = set()
    awaited: set[str] = set()
    refusal_held = False
    for number, (kind, names, secrets) in enumerate(pushes):
        type_name = "cds" if kind == "bad" else kind
        nonce = f"n{number}"
        secret_names = {f"kubernetes://{name}" for name in secrets}
        if kind == "cds":
            bodies = [cluster(name, secrets=secret_names) for name in names]
        elif kind == "lds":
            bodies = [listener("l", routes=names, secrets=secret_names)]
        else:
            bodies = [GARBAGE] if kind == "bad" else [named(URLS[kind], name) for name in names]
        received = stream.receive(Message(sotw_response(URLS[kind], *bodies, nonce=nonce)))
        answers = [read_sotw(one) for one in received.send]
        if received.draining:
            answers += [read_sotw(one) for one in stream.drained()]

        active = type_name in ("cds", "lds") or bool(subscribed.get(type_name))
        active = active and type_name in subscribed
        acknowledged = [one for one in answers if one.nonce == nonce and one.type == type_name]
        if kind == "cds":
            awaited = (awaited & names) | (names - eds)
        elif kind == "eds" and active:
            awaited -= names
        held = type_name == "cds" and "lds" in subscribed and bool(awaited)
        assert bool(acknowledged) == (active and not held)
        if active:
            nonces[type_name] = nonce
            refusal_held = kind == "bad" if type_name == "cds" else refusal_held
            waits = "lds" in subscribed and bool(awaited)
            assert any(one.error for one in answers) == (refusal_held and not waits)
            refusal_held = refusal_held and waits
            if kind == "cds":
                eds, upstream = names, secret_names if names else set()
                good.add("cds")
            elif kind == "lds":
                rds, downstream = names, secret_names
                good.add("lds")
            elif kind != "bad":
                good.add(kind)
        for answer in answers:
            assert not answer.node
            assert answer.nonce == nonces.get(answer.type, "")
            assert answer.subscribe == tuple(sorted(set(answer.subscribe)))
            subscribed[answer.type] = answer.subscribe

        assert set(subscribed.get("eds", ())) == eds
        assert set(subscribed.get("rds", ())) == rds
        assert set(subscribed.get("sds", ())) == upstream | downstream
        wanted = {"cds", "lds"} | {kind for kind, names in subscribed.items() if names}
        assert stream.configured == (wanted <= good)


@given(PUSHES)
def test_a_stream_never_raises_for_well_formed_responses(
    pushes: list[tuple[str, set[str], set[str]]],
) -> None:
    """A control plane that answers unasked would end the proxy's stream."""
    stream = started()
    for kind, names, _ in pushes:
        try:
            stream.receive(
                Message(sotw_response(URLS[kind], *[named(URLS[kind], name) for name in names]))
            )
        except ProtocolError as error:
            pytest.fail(str(error))


def test_a_new_stream_repeats_the_subscriptions_with_their_versions() -> None:
    """Envoy goes on where it was; a proxy that forgets would be loaded in another order."""
    stream = started()
    receive(stream, sotw_response(CDS, cluster("a"), nonce="c1", version="v1"))
    receive(stream, sotw_response(EDS, named(EDS, "a"), nonce="e1", version="v2"))
    receive(stream, sotw_response(LDS, listener("l", routes=["80"]), nonce="l1", version="v3"))
    receive(stream, sotw_response(RDS, named(RDS, "80"), nonce="r1", version="v4"))

    assert [read_sotw(one) for one in stream.start(NODE_BYTES)] == [
        Request("cds", version="v1", node=True),
        Request("eds", ("a",), version="v2"),
        Request("lds", version="v3"),
        Request("rds", ("80",), version="v4"),
    ]
    assert not stream.configured
