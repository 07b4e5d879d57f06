"""What both variants of xDS have in common: the order of requests, ACK or NACK, and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.errors import LocalProtocolError
from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.sotw import Sotw
from pyload.xds.types import CDS, EDS, LDS, NDS, PCDS, RDS
from tests.xds.messages import (
    GARBAGE,
    NODE_BYTES,
    UNREADABLE,
    Request,
    cluster,
    delta_response,
    listener,
    named,
    read_delta,
    read_sotw,
    sotw_response,
)

if TYPE_CHECKING:
    from pyload.xds.subscriptions import Subscriptions

pytestmark = pytest.mark.parametrize("variant", [Sotw, Delta])


def receive(
    stream: Subscriptions, type_url: str, bodies: dict[str, bytes] | None = None, *, nonce: str
) -> list[Request]:
    """Receive a response, and return the answers in words."""
    if stream.delta:
        message, read = delta_response(type_url, bodies, nonce=nonce), read_delta
    else:
        message, read = sotw_response(type_url, *(bodies or {}).values(), nonce=nonce), read_sotw
    return [read(request) for request in stream.receive(Message(message)).send]


def test_inputs_out_of_order_are_the_callers_mistake(variant: type[Sotw | Delta]) -> None:
    """A response before the first request would be answered on a stream without a node."""
    with pytest.raises(LocalProtocolError):
        receive(variant(), CDS, nonce="c1")


def test_the_agent_asks_for_its_types_with_the_listeners_and_nobody_waits_for_them(
    variant: type[Sotw | Delta],
) -> None:
    """Istiod's name tables would never be asked for, or hold up every proxy."""
    stream = variant(agent_types=(NDS, PCDS))
    stream.start(NODE_BYTES)
    answers = receive(stream, CDS, {"a": cluster("a")}, nonce="c1")
    assert [one.type for one in answers] == ["cds", "eds"]
    answers = receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
    assert [one.type for one in answers] == ["lds", "nds", "pcds", "eds"]
    receive(stream, LDS, nonce="l1")
    assert stream.configured
    assert receive(stream, NDS, nonce="t0") == []
    (answer,) = receive(stream, NDS, {"": named(NDS, "")}, nonce="t1")
    assert (answer.type, answer.nonce, answer.error) == ("nds", "t1", "")


def test_a_proxy_that_nacks_on_purpose_accepts_the_first_response_of_each_type(
    variant: type[Sotw | Delta],
) -> None:
    """It would never be configured, or send a NACK of a type that has not come."""
    stream = variant(nack=True)
    stream.start(NODE_BYTES)
    assert receive(stream, CDS, {"a": cluster("a")}, nonce="c1")[0].error == ""
    receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
    receive(stream, LDS, nonce="l1")
    assert stream.configured
    (answer,) = receive(stream, CDS, {"b": cluster("b")}, nonce="c2")
    assert (answer.type, answer.nonce, answer.version, answer.error) == (
        "cds",
        "c2",
        "" if stream.delta else "v1",
        "refused on purpose by pyload",
    )
    stream.start(NODE_BYTES)
    assert receive(stream, CDS, {"a": cluster("a")}, nonce="c3")[0].error == ""


def test_secrets_are_waited_for_only_where_the_control_plane_sends_them(
    variant: type[Sotw | Delta],
) -> None:
    """A gateway on the plaintext port would never count as ready, one with TLS too early."""
    stream = variant()
    stream.start(NODE_BYTES)
    receive(stream, CDS, {"a": cluster("a", eds=False)}, nonce="c1")
    gateway = {"l": listener("l", secrets=["kubernetes://gw"])}
    answers = receive(stream, LDS, gateway, nonce="l1")
    before = stream.configured
    stream.secrets = False

    assert [one.type for one in answers] == ["sds", "lds"]
    assert (before, stream.configured) == (False, True)


def test_only_what_was_not_asked_for_is_unsolicited(variant: type[Sotw | Delta]) -> None:
    """The spread of a push would count proxies that connect long after it, or proxies twice."""
    stream = variant()
    stream.start(NODE_BYTES)

    def unsolicited(type_url: str, version: str) -> bool:
        message = (
            delta_response(type_url, system_version=version)
            if stream.delta
            else sotw_response(type_url, version=version)
        )
        return stream.receive(Message(message)).unsolicited

    assert not unsolicited(CDS, "v1")
    assert not unsolicited(LDS, "v2")
    assert unsolicited(CDS, "v2")
    assert not unsolicited(CDS, "v2"), "the answer to a request that followed the push"
    assert not unsolicited(EDS, "v3"), "nobody subscribed"
    stream.start(NODE_BYTES)
    assert not unsolicited(CDS, "v3")
    assert unsolicited(CDS, "v4")


def test_listeners_are_asked_for_when_all_endpoints_have_come(
    variant: type[Sotw | Delta],
) -> None:
    """Istiod would compute listeners for proxies whose clusters an Envoy still warms."""
    stream = variant()
    stream.start(NODE_BYTES)
    receive(stream, CDS, {name: cluster(name) for name in "abcd"}, nonce="c1")
    lacks = [stream.lack]
    answers = []
    for number, name in enumerate("dcba"):
        answers.append(receive(stream, EDS, {name: named(EDS, name)}, nonce=f"e{number}"))
        lacks.append(stream.lack)

    assert [[one.type for one in some] for some in answers] == [["eds"]] * 3 + [["lds", "eds"]]
    assert lacks == [
        "waiting for 4 endpoints of a, b and 2 more",
        "waiting for 3 endpoints of a, b and 1 more",
        "waiting for 2 endpoints of a, b",
        "waiting for 1 endpoint of a",
        "no lds",
    ]
    assert not stream.configured


def test_a_new_stream_goes_on_waiting_for_endpoints(variant: type[Sotw | Delta]) -> None:
    """A control plane that restarts meanwhile would be asked for listeners too early, or never."""
    stream = variant()
    stream.start(NODE_BYTES)
    receive(stream, CDS, {name: cluster(name) for name in "ab"}, nonce="c1")
    receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
    assert len(stream.start(NODE_BYTES)) == 2
    answers = [
        receive(stream, CDS, {name: cluster(name) for name in "ab"}, nonce="c2"),
        receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e2"),
        receive(stream, EDS, {"b": named(EDS, "b")}, nonce="e3"),
    ]

    assert [[one.type for one in some] for some in answers] == [["cds"], ["eds"], ["lds", "eds"]]


def test_clusters_that_go_are_not_waited_for(variant: type[Sotw | Delta]) -> None:
    """A service that is deleted while a proxy starts would keep it from its listeners for ever."""
    stream = variant()
    stream.start(NODE_BYTES)
    receive(stream, CDS, {name: cluster(name) for name in "ab"}, nonce="c1")
    receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
    if stream.delta:
        message = delta_response(CDS, removed=["b"], nonce="c2")
    else:
        message = sotw_response(CDS, cluster("a"), nonce="c2")
    read = read_delta if stream.delta else read_sotw
    answers = [read(one) for one in stream.receive(Message(message)).send]

    assert [one.type for one in answers] == ["cds", "eds", "lds"]


def configured(variant: type[Sotw | Delta]) -> Subscriptions:
    """Return a proxy with a cluster, a listener and a route, all answered."""
    stream = variant()
    stream.start(NODE_BYTES)
    receive(stream, CDS, {"a": cluster("a")}, nonce="c1")
    receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
    receive(stream, LDS, {"l": listener("l", routes=["80"])}, nonce="l1")
    receive(stream, RDS, {"80": named(RDS, "80")}, nonce="r1")
    assert stream.configured
    return stream


def test_new_clusters_are_acknowledged_when_their_endpoints_have_come(
    variant: type[Sotw | Delta],
) -> None:
    """Istiod would see clusters acknowledged that an Envoy is still warming."""
    stream = configured(variant)
    both = {name: cluster(name) for name in "ab"}
    answers = [
        receive(stream, CDS, both, nonce="c2"),
        receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e2"),
        receive(stream, LDS, {"l": listener("l", routes=["80", "81"])}, nonce="l2"),
        receive(stream, RDS, {"80": named(RDS, "80")}, nonce="r2"),
        receive(stream, EDS, {"b": named(EDS, "b")}, nonce="e3"),
        receive(stream, CDS, both, nonce="c3"),
    ]

    # A new subscription in SotW names the last nonce of its type.
    last = ("", "") if stream.delta else ("e1", "r1")
    assert [[(one.type, one.nonce) for one in some] for some in answers] == [
        [("eds", last[0])],
        [("eds", "e2")],
        [("rds", last[1]), ("lds", "l2")],
        [("rds", "r2")],
        [("cds", "c2"), ("eds", "e3")],
        [("cds", "c3")],
    ]
    assert stream.configured


def test_each_held_acknowledgement_is_sent_once(variant: type[Sotw | Delta]) -> None:
    """Istiod would wait for an answer, or an old stream's nonce be sent on a new one."""
    stream = configured(variant)
    both = {name: cluster(name) for name in "ab"}
    receive(stream, CDS, both, nonce="c2")
    receive(stream, CDS, both, nonce="c3")
    answers = receive(stream, EDS, {"b": named(EDS, "b")}, nonce="e2")
    receive(stream, CDS, {name: cluster(name) for name in "abc"}, nonce="c4")
    stream.start(NODE_BYTES)
    later = receive(stream, EDS, {"c": named(EDS, "c")}, nonce="e3")

    # In SotW the last acknowledgement stands for those before it.
    expected = ["c2", "c3", "e2"] if stream.delta else ["c3", "e2"]
    assert [one.nonce for one in answers] == expected
    assert [one.nonce for one in later] == ["e3"]


def test_a_refusal_is_held_behind_an_acknowledgement(variant: type[Sotw | Delta]) -> None:
    """Istiod would hear of it before Envoy says a word; in SotW only the last one is said."""
    stream = configured(variant)
    receive(stream, CDS, {name: cluster(name) for name in "ab"}, nonce="c2")
    assert receive(stream, CDS, {"b": GARBAGE}, nonce="c3") == []
    answers = receive(stream, EDS, {"b": named(EDS, "b")}, nonce="e2")

    expected = [("c2", ""), ("c3", UNREADABLE), ("e2", "")]
    if not stream.delta:
        del expected[0]
    assert [(one.nonce, one.error) for one in answers] == expected


def test_what_a_listener_refers_to_is_given_up_when_it_has_drained(
    variant: type[Sotw | Delta],
) -> None:
    """Istiod would push fewer routes than to an Envoy, which keeps them while it drains."""
    stream = configured(variant)

    def routes(*names: str, nonce: str) -> bool:
        body = listener("l", routes=names, secrets=["kubernetes://gw"], extensions=["wasm"])
        bodies = {"l": body if names else listener("l")}
        if stream.delta:
            message = delta_response(LDS, bodies, nonce=nonce)
        else:
            message = sotw_response(LDS, *bodies.values(), nonce=nonce)
        return stream.receive(Message(message)).draining

    def asked(requests: list[bytes]) -> list[tuple[str, tuple[str, ...]]]:
        read = read_delta if stream.delta else read_sotw
        return [
            (one.type, one.unsubscribe if stream.delta else one.subscribe)
            for one in map(read, requests)
        ]

    draining = [
        routes("80", "81", nonce="l2"),
        routes("82", nonce="l3"),
        routes("81", nonce="l4"),
        routes(nonce="l5"),
        routes(nonce="l6"),
    ]
    assert draining == [False, True, True, True, False]
    gone = [asked(stream.drained()) for _ in range(3)]
    if stream.delta:
        assert gone == [
            [("rds", ("80",))],
            [("rds", ("82",))],
            [("ecds", ("wasm",)), ("rds", ("81",)), ("sds", ("kubernetes://gw",))],
        ]
    else:
        assert gone == [
            [("rds", ("81", "82"))],
            [("rds", ("81",))],
            [("ecds", ()), ("rds", ()), ("sds", ())],
        ]


def test_a_route_that_is_wanted_again_is_kept(variant: type[Sotw | Delta]) -> None:
    """A listener that comes back within 45 seconds would lose its route in the midst of use."""
    stream = configured(variant)
    receive(stream, LDS, {"l": listener("l")}, nonce="l2")
    receive(stream, LDS, {"l": listener("l", routes=["80"])}, nonce="l3")

    assert stream.drained() == []
    assert stream.configured


def test_a_proxy_that_nacks_on_purpose_accepts_the_endpoints_that_it_waits_for(
    variant: type[Sotw | Delta],
) -> None:
    """It would never ask for listeners where the first endpoints come in two responses."""
    stream = variant(nack=True)
    stream.start(NODE_BYTES)
    receive(stream, CDS, {name: cluster(name) for name in "ab"}, nonce="c1")
    receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
    answers = receive(stream, EDS, {"b": named(EDS, "b")}, nonce="e2")
    (later,) = receive(stream, EDS, {"b": named(EDS, "b")}, nonce="e3")

    assert [(one.type, one.error) for one in answers] == [("lds", ""), ("eds", "")]
    assert later.error == "refused on purpose by pyload"
