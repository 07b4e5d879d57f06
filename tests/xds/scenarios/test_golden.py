"""The protocol against what istiod sent and pilot-load answered.

Accepted differences from pilot-load, each for a reason:

* the node is in a stream's first request only, as Envoy sends it (istio-xds.md §1.2);
* acknowledgements, and the first request for listeners, go when Envoy sends them; so streams are
  compared type by type, and a response of a type that was not asked for yet comes once it was;
* a ztunnel sends its node with each type, and a waypoint asks for workloads too;
* lists of names are sorted, and without duplicates (D19);
* endpoints that nothing refers to any more are unsubscribed (D6), and secrets are asked for in
  delta too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from google.protobuf import any_pb2

from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.resources import decode
from pyload.xds.sotw import Sotw
from pyload.xds.types import CDS, EDS, LDS, RDS, SDS, TypeUrl, short
from pyload.xds.wire import discovery_pb2
from tests.xds.messages import NODE_BYTES, read_delta, read_sotw
from tests.xds.recordings import read_recording, read_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pyload.xds.subscriptions import Subscriptions
    from pyload.xds.types import Received
    from tests.xds.recordings import Request

pytestmark = pytest.mark.golden


def raw(golden: Path, name: str) -> dict[int, list[bytes]]:
    """Return a recording's responses by stream, in order."""
    streams: dict[int, list[bytes]] = defaultdict(list)
    for path in sorted((golden / "xds" / "raw" / name).glob("*.pb")):
        stream = int(path.name.split("-")[1].removeprefix("stream"))
        streams[stream].append(path.read_bytes())
    return streams


def by_type(requests: Iterable[Request]) -> dict[str, list[Request]]:
    """Return requests in order, type by type, as if none carried a node."""
    found = defaultdict(list)
    for request in requests:
        found[request.type].append(replace(request, node=False))
    return found


def play(stream: Subscriptions, messages: Iterable[bytes]) -> Iterator[tuple[bytes, Received]]:
    """Yield each response and what it led to, those of a type only once it was asked for."""
    waiting = list(messages)
    while waiting:
        for message in waiting:
            received = stream.receive(Message(message))
            if received.error != "not subscribed to":
                waiting.remove(message)
                yield message, received
                break
        else:
            return


def test_sotw_sends_what_pilot_load_sends(golden: Path) -> None:
    """A mesh of 200 services would load istiod with other requests than pilot-load's."""
    (recorded,) = read_recording(golden, "sotw-200-services").streams
    stream = Sotw()
    send = stream.start(NODE_BYTES)
    for _, received in play(stream, (one.message for one in recorded.responses)):
        send += received.send
    requests = [read_request(one, delta=False) for one in send]

    assert [one.node for one in requests] == [True] + [False] * 7
    assert by_type(requests) == by_type(request for _, request in recorded.requests)
    assert stream.configured


def test_delta_sends_what_pilot_load_sends(golden: Path) -> None:
    """Waypoints and ztunnels would load istiod with other requests than pilot-load's."""
    for recorded in read_recording(golden, "delta-waypoint-ztunnel").streams:
        ztunnel = recorded.entries[0].type == "Address"
        stream = Delta(node_type="ztunnel" if ztunnel else "waypoint")
        send = stream.start(NODE_BYTES)
        for _, received in play(stream, (one.message for one in recorded.responses)):
            send += received.send
        requests = [read_request(one, delta=True) for one in send]

        nodes = [one.node for one in requests]
        assert nodes == sorted(nodes, reverse=True)
        assert sum(nodes) == (2 if ztunnel else 1)
        found = [one for one in requests if one.type != "Workload"]
        assert by_type(found) == by_type(request for _, request in recorded.requests)
        assert stream.configured


def test_sotw_invariants_hold_on_other_recordings(golden: Path) -> None:
    """Sidecars and gateways under churn would miss an acknowledgement or a subscription."""
    for messages in raw(golden, "sotw-sidecar-gateway").values():
        stream = Sotw()
        stream.start(NODE_BYTES)
        subscribed: dict[str, tuple[str, ...]] = {}
        wanted: dict[str, set[str]] = {}
        for message, received in play(stream, messages):
            response = discovery_pb2.DiscoveryResponse.FromString(message)
            send = [*received.send, *(stream.drained() if received.draining else ())]
            requests = [read_sotw(one) for one in send]
            acknowledged = [one for one in requests if one.nonce == response.nonce]

            held = response.type_url == CDS and any(one.type == "eds" for one in requests)
            assert held or [(one.type, one.version, one.error) for one in acknowledged] == [
                (short(response.type_url), response.version_info, "")
            ]
            for one in requests:
                subscribed[one.type] = one.subscribe
            if response.type_url in (CDS, LDS):
                found = [decode(response.type_url, body) for body in response.resources]
                for type_url in (EDS,) if response.type_url == CDS else (RDS, SDS):
                    wanted[short(type_url)] = {
                        name
                        for resource in found
                        for target, names in resource.refs
                        for name in names
                        if target == type_url
                    }
            for kind, names in wanted.items():
                assert subscribed.get(kind, ()) == tuple(sorted(names))


def test_delta_invariants_hold_on_other_recordings(golden: Path) -> None:
    """Sidecars and gateways under churn would miss an acknowledgement or a subscription."""
    for messages in raw(golden, "delta-sidecar-gateway").values():
        stream = Delta()
        stream.start(NODE_BYTES)
        subscribed: dict[str, set[str]] = defaultdict(set)
        held: dict[TypeUrl, dict[str, bytes]] = {CDS: {}, LDS: {}}
        nonces: list[tuple[str, str]] = []
        acknowledged: list[tuple[str, str]] = []
        for message, received in play(stream, messages):
            response = discovery_pb2.DeltaDiscoveryResponse.FromString(message)
            type_url = TypeUrl(response.type_url)
            nonces.append((short(type_url), response.nonce))
            send = [*received.send, *(stream.drained() if received.draining else ())]
            requests = [read_delta(one) for one in send]

            acknowledged += [(one.type, one.nonce) for one in requests if one.nonce]
            for one in requests:
                subscribed[one.type] |= set(one.subscribe)
                subscribed[one.type] -= set(one.unsubscribe)
            if type_url in held:
                for name in response.removed_resources:
                    held[type_url].pop(name, None)
                held[type_url] |= {one.name: one.resource for one in response.resources}
            for target in (EDS, RDS, SDS):
                assert subscribed[short(target)] == {
                    name
                    for kind, bodies in held.items()
                    for body in bodies.values()
                    for one, names in decode(kind, body).refs
                    for name in names
                    if one == target
                }
        assert sorted(acknowledged) == sorted(nonces)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sotw-200-services", "sotw"),
        ("sotw-sidecar-gateway", "sotw"),
        ("delta-sidecar-gateway", "delta"),
        ("delta-waypoint-ztunnel", "delta"),
    ],
)
def test_every_recorded_resource_has_its_name(golden: Path, name: str, kind: str) -> None:
    """A field number of the slim messages would be wrong for what istiod really sends."""
    for messages in raw(golden, name).values():
        for message in messages:
            if kind == "sotw":
                sotw = discovery_pb2.DiscoveryResponse.FromString(message)
                bodies = [("", body) for body in sotw.resources]
                type_url = sotw.type_url
            else:
                delta = discovery_pb2.DeltaDiscoveryResponse.FromString(message)
                bodies = [(one.name, one.resource) for one in delta.resources]
                type_url = delta.type_url
            for expected, body in bodies:
                assert any_pb2.Any.FromString(body).type_url == type_url
                if short(type_url) in ("cds", "eds", "lds", "rds", "sds"):
                    decoded = decode(type_url, body)
                    assert decoded.name == expected or not expected
