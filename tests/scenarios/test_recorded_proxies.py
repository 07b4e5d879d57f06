"""Commands that run the proxies of recorded pods, beside the real Envoy and ztunnel of these pods.

What istiod sent to the real proxy is played to pyload's, and what pyload says is compared with what
the real one said, message by message. How the two may differ stands in one place, a table of
``docs/compatibility.md``, which is read here: a difference that it does not list fails, and so does
one that it lists and that is no more.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pyload.commands.adsc import AdscCommand, AdscOptions
from pyload.commands.impersonate.command import ImpersonateCommand, ImpersonateOptions
from pyload.harness.connection import Connection
from pyload.harness.servers import Servers
from pyload.tasks import Shutdown
from pyload.xds import session
from pyload.xds.delta import Delta
from pyload.xds.lean import LeanTransport
from pyload.xds.messages import Message
from pyload.xds.sotw import Sotw
from pyload.xds.wire import discovery_pb2
from tests.conftest import ROOT
from tests.pods.cluster import Cluster
from tests.proxies.resolvers import resolver_of
from tests.scenarios import differences
from tests.xds.messages import NODE_BYTES
from tests.xds.playback import Playback
from tests.xds.recordings import read_recording, read_request

with warnings.catch_warnings():
    # The library uses what pydantic has deprecated.
    warnings.simplefilter("ignore")
    from betterproto2 import Casing
    from envoy_data_plane.envoy.config.core.v3 import Node

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyload.kube.resources import Obj
    from pyload.proxies.channels import ChannelResolver
    from tests.xds.playback import Heard
    from tests.xds.recordings import Recording

pytestmark = [pytest.mark.anyio, pytest.mark.golden, pytest.mark.virtual]

PROXIES = {
    "sidecar": ("envoy-sidecar-delta", "envoy-sidecar-pod"),
    "sidecar (SotW)": ("envoy-sidecar-sotw", "envoy-sidecar-pod"),
    "waypoint": ("envoy-waypoint-delta", "real-waypoint-pod"),
    "ztunnel": ("real-ztunnel-delta", "real-ztunnel-pod"),
}
"""The recording and the pod of each proxy, by its name in the table."""

ENVOYS = ("sidecar", "sidecar (SotW)", "waypoint")
"""What the table calls Envoys."""

CONNECT_SECONDS = 0.1
"""The time from the end of a wait to a stream, at most."""

ADDRESS = ("10.96.0.10", 15010)
TARGET = "10.96.0.10:15010"


def listed() -> dict[str, set[str]]:
    """Return the differences that the documentation lists, by proxy."""
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    section = page.partition("## Proxies beside a real Envoy and ztunnel\n")[2].partition("\n## ")[
        0
    ]
    found: dict[str, set[str]] = {proxy: set() for proxy in PROXIES}
    for line in section.splitlines():
        if line.startswith("|") and not line.startswith(("|---", "| proxies")):
            proxies, difference, why = (cell.strip() for cell in line.strip("|").split(" | "))
            assert why, f"no reason for {difference!r}"
            for proxy in ENVOYS if proxies == "Envoys" else proxies.split(", "):
                assert difference not in found[proxy], f"{difference!r} is listed twice"
                found[proxy].add(difference)
    return found


def read_pod(golden: Path, name: str) -> Obj:
    """Return a recorded pod as the API server sent it."""
    pod: Obj = json.loads((golden / "xds" / f"{name}.json").read_text())
    return pod


def of_protocol(recording: Recording, *, node_type: str) -> set[str]:
    """Return how the protocol's requests differ, each response being handled before the next."""
    protocol = Delta(node_type=node_type) if recording.delta else Sotw()
    found = set()
    for stream in recording.streams:
        requests = [(0, message) for message in protocol.start(NODE_BYTES)]
        for count, response in enumerate(stream.responses, 1):
            requests += [(count, one) for one in protocol.receive(Message(response.message)).send]
        heard = [(count, read_request(one, delta=recording.delta)) for count, one in requests]
        found |= differences.of_requests(stream, heard, delta=recording.delta)
    return found


async def heard_by_istiod(
    recording: Recording, create: Callable[[ChannelResolver], ImpersonateCommand | AdscCommand]
) -> list[Heard]:
    """Run a command beside what plays a recording, and return what its one proxy says.

    The proxy is connected over HTTP/2, in the time of the recording.
    """
    playback = Playback(recording)
    asyncio.get_running_loop().servers[ADDRESS] = playback.accept  # type: ignore[attr-defined]
    transport = LeanTransport(TARGET)
    resolver = resolver_of(transport, auth="plaintext-jwt", tokens=lambda _namespace, _account: "t")
    shutdown = Shutdown()
    task = asyncio.create_task(create(resolver).run(shutdown), name="command")
    await playback.done.wait()
    shutdown.signal()
    await task
    return playback.heard


def of_requests(recording: Recording, heard: list[Heard]) -> set[str]:
    """Return how the requests of a proxy differ on all of its streams."""
    found: set[str] = set()
    for stream, own in zip(recording.streams, heard, strict=True):
        found |= differences.of_requests(stream, own.requests, delta=recording.delta)
    return found


def of_introductions(recording: Recording, heard: list[Heard]) -> set[str]:
    """Return how the headers and nodes of a proxy differ on all of its streams."""
    delta = recording.delta
    kind = discovery_pb2.DeltaDiscoveryRequest if delta else discovery_pb2.DiscoveryRequest
    found: set[str] = set()
    for stream, own in zip(recording.streams, heard, strict=True):
        found |= set(differences.of_metadata(stream.metadata, own.metadata))
        for request in own.introductions:
            node = kind.FromString(request).node.SerializeToString()
            found |= set(differences.of_nodes(recording.node, _read_node(node)))
    return found


@cache
def _read_node(node: bytes) -> Obj:
    """Return a node as JSON, read by messages that are not ours."""
    found: Obj = Node.parse(node).to_dict(casing=Casing.SNAKE)
    return found


def known_of_requests(proxy: str) -> set[str]:
    """Return the listed differences without those of the node and the headers."""
    # A proxy has headers and a node; its requests ask, give up and acknowledge.
    return {one for one in listed()[proxy] if not one.startswith("has ")}


def judge(found: set[str], known: set[str]) -> None:
    """Fail for a difference that is not listed, and for one that is listed and is no more."""
    new, gone = sorted(found - known), sorted(known - found)
    assert not new, "\n".join(["the page does not list that pyload ...", *new])
    assert not gone, "\n".join(["the page lists what is no more: that pyload ...", *gone])


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_protocol_says_what_the_real_proxy_says(golden: Path, proxy: str) -> None:
    """A load test would ask istiod for other things than a mesh does, or in another order."""
    name, _ = PROXIES[proxy]

    found = of_protocol(read_recording(golden, name), node_type=proxy.partition(" ")[0])
    judge(found, known_of_requests(proxy))


async def impersonated(golden: Path, proxy: str, recording: Recording) -> list[Heard]:
    """Run `impersonate` for a recorded pod, and return what istiod hears of it."""
    cluster = Cluster()
    cluster.put(read_pod(golden, PROXIES[proxy][1]))
    options = ImpersonateOptions(
        connection=Connection(metrics_addr="", delta=recording.delta), selector="both"
    )
    return await heard_by_istiod(
        recording,
        lambda resolver: ImpersonateCommand(options, Servers(cluster.client, TARGET, resolver)),
    )


@pytest.mark.parametrize("proxy", PROXIES)
async def test_an_impersonated_pod_says_what_the_real_proxy_says(golden: Path, proxy: str) -> None:
    """Istiod would see another client than it has in a mesh: another node, other requests."""
    recording = read_recording(golden, PROXIES[proxy][0])

    heard = await impersonated(golden, proxy, recording)

    found = of_requests(recording, heard) | of_introductions(recording, heard)
    judge(found, listed()[proxy])


@pytest.mark.parametrize("proxy", ["sidecar", "sidecar (SotW)"])
async def test_a_connection_of_adsc_asks_for_what_the_real_proxy_asks_for(
    golden: Path, proxy: str
) -> None:
    """The quickest way to load an istiod would load it with something else than sidecars."""
    name, _ = PROXIES[proxy]
    recording = read_recording(golden, name)
    options = AdscOptions(connection=Connection(metrics_addr="", delta=recording.delta))

    heard = await heard_by_istiod(
        recording, lambda resolver: AdscCommand(options, Servers(None, TARGET, resolver))
    )

    judge(of_requests(recording, heard), known_of_requests(proxy))


@pytest.mark.parametrize("proxy", ENVOYS)
def test_no_real_envoy_waited_longer_than_pyload_may(golden: Path, proxy: str) -> None:
    """After a restart of istiod a fleet would come back sooner than a mesh does."""
    dials = read_recording(golden, PROXIES[proxy][0]).dials
    longest = session.FIRST_INTERVAL
    # When the first stream ended is not known, and so neither is the first wait.
    for before, after in pairwise(dials[1:]):
        longest = min(longest * session.FACTOR, session.LAST_INTERVAL)
        assert after - before < longest + CONNECT_SECONDS


async def test_a_ztunnel_dials_again_when_the_real_one_does(golden: Path) -> None:
    """All ztunnels come back in step after an outage, and so must those of a load test."""
    recording = read_recording(golden, "real-ztunnel-delta")

    heard = await impersonated(golden, "ztunnel", recording)

    own = pairwise([one.began for one in heard][1:])
    real = pairwise(recording.dials[1:])
    for (before, after), (real_before, real_after) in zip(own, real, strict=True):
        assert 0 < (real_after - real_before) - (after - before) < CONNECT_SECONDS
