"""A run waits for its proxies, and names those that are late."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.errors import StartTimeout
from pyload.harness.readiness import Readiness
from pyload.harness.start_options import NO_WAIT, StartCondition, StartOptions
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.late import Late
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.xds.types import CDS, EDS
from tests.proxies.resolvers import resolver_of
from tests.xds.messages import cluster, delta_response
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

TEN = 10


class Pods:
    """Pods that come one after another."""

    def __init__(self) -> None:
        self.waiting = ["c"]

    def missing(self, *, with_pods: bool) -> str:
        """Return what has to come."""
        waiting = self.waiting if with_pods else []
        return f"{len(waiting)} pods wait: no pod IP" if waiting else ""

    def late(self) -> Iterator[Late]:
        """Yield the pods that wait."""
        return (Late(f"mesh/{name}", "no pod IP") for name in self.waiting)


def fleet_of(peer: Peer, behavior: ProxyBehavior | None = None) -> LocalFleet:
    """Return a fleet of a control plane's proxies."""
    return LocalFleet(
        resolver_of(peer),
        delta=True,
        metrics=Metrics(),
        rng=Random(1),
        behavior=behavior or ProxyBehavior(),
    )


async def started(fleet: LocalFleet, count: int = TEN) -> None:
    """Start proxies."""
    for number in range(count):
        name = f"p{number}"
        spec = ProxySpec(key=name, type="sidecar", ip=f"10.0.0.{number}", name=name, namespace="m")
        fleet.start(spec)


async def test_a_start_up_is_over_when_all_are_configured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A short duration would end before anything is configured, as a success (A5)."""
    peer = Peer()
    async with fleet_of(peer, ProxyBehavior(connect_rate=2.0)) as fleet:
        with caplog.at_level("INFO", logger="pyload"):
            await Readiness(StartOptions(), fleet).after(started(fleet))
        assert fleet.counts.configured_now == TEN
    assert "start-up took 4.5s" in caplog.text
    assert "10 connected, 10 configured of 10 proxies" in caplog.text


@pytest.mark.parametrize(
    "behavior", [ProxyBehavior(nack_fraction=1), ProxyBehavior(slow_fraction=1)]
)
async def test_proxies_that_misbehave_on_purpose_do_not_hold_up_the_start(
    behavior: ProxyBehavior,
) -> None:
    """A run of proxies that refuse every response would wait for their config for ever."""
    async with fleet_of(Peer(), behavior) as fleet:
        await Readiness(StartOptions(), fleet).after(started(fleet))

        assert fleet.counts.configured_now == TEN


async def test_who_is_late_is_named_by_what_is_missing() -> None:
    """The user has to know whether to look at the control plane, or at one proxy's config."""
    peer = Peer(lambda number, name: GONE if name == "open" and number > 2 else None)
    peer.silent = True
    async with fleet_of(peer) as fleet:
        with pytest.raises(StartTimeout) as caught:
            await Readiness(StartOptions(timeout=30.0), fleet).after(started(fleet, 3))

    text = str(caught.value)
    assert text.startswith("waited 30s for configured=all: 0 of 3 proxies are configured; ")
    assert "no stream: m/p" in text
    assert "no cds: m/p" in text
    assert text.endswith("; raise --startup-timeout, or wait for less with --wait")
    assert caught.value.exit_code == 5


async def test_pods_that_have_no_proxy_yet_are_waited_for_and_named() -> None:
    """All of a half-started deployment would be the pods that have an IP already."""
    pods = Pods()
    options = StartOptions(StartCondition("connected"), 5.0)
    async with fleet_of(Peer()) as fleet:
        with pytest.raises(StartTimeout, match=r"1 pods wait: no pod IP; no pod IP: mesh/c"):
            await Readiness(options, fleet, pods).after(started(fleet))
        pods.waiting.clear()
        await Readiness(options, fleet, pods).after(asyncio.sleep(0))


async def test_a_pod_that_never_gets_an_ip_does_not_hold_up_a_run_that_was_not_told_to_wait() -> (
    None
):
    """In somebody else's cluster there is always a pod that is stuck."""
    async with fleet_of(Peer()) as fleet:
        await Readiness(StartOptions(), fleet, Pods()).after(started(fleet))

        assert fleet.counts.configured_now == TEN


async def test_a_part_of_the_proxies_is_enough_if_the_user_says_so() -> None:
    """One proxy that cannot connect must not stop a test of the other thousand."""
    dials = 0

    def refuse(_number: int, name: str) -> object:
        nonlocal dials
        dials += name == "open"
        return GONE if name == "open" and dials > 3 else None

    options = StartOptions(StartCondition("connected", 3), 30.0)
    async with fleet_of(Peer(refuse)) as fleet:  # type: ignore[arg-type]
        await Readiness(options, fleet).after(started(fleet))

        assert fleet.counts.connected_now == 3


async def test_the_start_itself_is_bounded_too() -> None:
    """A server that never answers would keep a job until its own limit, without a reason."""
    async with fleet_of(Peer()) as fleet:
        readiness = Readiness(StartOptions(None, 10.0), fleet)
        with pytest.raises(StartTimeout, match="waited 10s for start-up: 0 of 0 proxies"):
            await readiness.after(asyncio.sleep(3600))


async def test_a_timeout_of_the_start_itself_stays_what_it_is() -> None:
    """An error of some request would be told as proxies that are late."""

    async def fail() -> None:
        raise TimeoutError("a request")

    async with fleet_of(Peer()) as fleet:
        with pytest.raises(TimeoutError, match="a request"):
            await Readiness(StartOptions(), fleet).after(fail())


async def test_without_a_wait_the_start_is_all() -> None:
    """Scripts of pilot-load go on while proxies connect."""
    async with fleet_of(Peer(lambda _, name: GONE if name == "open" else None)) as fleet:
        await Readiness(NO_WAIT, fleet).after(started(fleet))

        assert not fleet.counts.connected_now


async def test_endpoints_that_never_come_are_named() -> None:
    """A proxy that an Envoy would warm for ever would count as configured, or not say why not."""
    peer = Peer()
    peer.silent = True
    async with fleet_of(peer) as fleet:
        waiting = asyncio.create_task(
            Readiness(StartOptions(timeout=30.0), fleet).after(started(fleet, 1))
        )
        await asyncio.sleep(1)
        (stream,) = peer.streams
        stream.push(delta_response(CDS, {name: cluster(name) for name in "abcd"}))
        stream.push(delta_response(EDS, {"d": b""}))
        with pytest.raises(StartTimeout) as caught:
            await waiting

    assert "; waiting for 3 endpoints of a, b and 1 more: m/p" in str(caught.value)
