"""What both variants of xDS have in common: the order of requests, ACK or NACK, and readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.errors import LocalProtocolError
from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.sotw import Sotw
from pyload.xds.types import CDS, EDS, LDS, NDS, PCDS
from tests.xds.messages import (
    NODE_BYTES,
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
    assert [one.type for one in answers] == ["cds", "eds", "lds", "nds", "pcds"]
    receive(stream, EDS, {"a": named(EDS, "a")}, nonce="e1")
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

    assert [one.type for one in answers] == ["lds", "sds"]
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
