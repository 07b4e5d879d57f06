"""What the first response says about who sent it."""

from __future__ import annotations

import pytest

from pyload.commands.doctor.greeting import Greeting, read_greeting
from pyload.errors import RemoteProtocolError
from pyload.xds.requests import field
from pyload.xds.wire import discovery_pb2

WHO = '{"Component":"istiod","ID":"istiod-a","Info":{"version":"1.27.1"}}'


@pytest.mark.parametrize("delta", [True, False])
def test_the_sender_is_in_the_response(delta: bool) -> None:  # noqa: FBT001
    """A user who forwards the wrong port would not see to which istiod."""
    kind = discovery_pb2.DeltaDiscoveryResponse if delta else discovery_pb2.DiscoveryResponse
    # `resources` is field 2 of both; an empty one will do.
    encoded = kind(nonce="n").SerializeToString() + field(2, b"")
    encoded += field(7 if delta else 6, field(1, WHO.encode()))
    greeting = read_greeting(encoded, delta=delta, seconds=0.5)

    assert (greeting.seconds, greeting.resources) == (0.5, 1)
    assert greeting.sender == "istiod istiod-a, version 1.27.1"


@pytest.mark.parametrize(
    ("identifier", "sender"),
    [("", ""), ("envoy-cp", "envoy-cp"), ("[1]", "[1]"), ('{"Component":"istiod"}', "istiod")],
)
def test_any_identifier_is_shown(identifier: str, sender: str) -> None:
    """Other control planes have their own."""
    assert Greeting(0.1, 0, identifier).sender == sender


def test_what_is_no_response_is_an_error() -> None:
    """Another gRPC server may listen there."""
    with pytest.raises(RemoteProtocolError):
        read_greeting(b"\xff\xff\xff", delta=True, seconds=0.1)
