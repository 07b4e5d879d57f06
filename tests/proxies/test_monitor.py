"""What of one proxy's life counts; `test_local_fleet` has the lives of whole fleets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from pyload.proxies.fleet import FleetEvents
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.monitor import ProxyMonitor, StopLatch
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.xds.marks import RING
from pyload.xds.responses import Response
from pyload.xds.types import CDS, Received
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import Peer

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

RECEIVED = Received([], Response(CDS, "v", size=100, count=1), "n")
SPEC = ProxySpec(key="p", type="sidecar", ip="10.0.0.1", name="p", namespace="mesh")


class Arrivals(FleetEvents):
    """Notes the marks that arrive."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[int, ...], float]] = []

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Note them."""
        self.seen.append((spec.key, numbers, at))


class Configured(FleetEvents):
    """Counts the proxies that are configured for the first time."""

    def __init__(self) -> None:
        self.count = 0

    def on_configured(self, spec: ProxySpec) -> None:
        """Count one."""
        del spec
        self.count += 1


def fleet_of(events: FleetEvents) -> LocalFleet:
    """Make a fleet without proxies."""
    resolver = resolver_of(Peer())
    return LocalFleet(
        resolver, delta=True, metrics=Metrics(), rng=Random(1), events=events, run_id="abc"
    )


def live(proxy: ProxyMonitor) -> None:
    """Live through one stream, from its dial to its end."""
    proxy.connecting()
    proxy.connected(0.1)
    proxy.push(RECEIVED)
    proxy.configured(0.2)
    proxy.disconnected("unavailable", "gone", 1.0)


@pytest.mark.parametrize(("restarted", "ever"), [(False, 1), (True, 0)])
async def test_what_is_counted_once_is_counted_once(restarted: bool, ever: int) -> None:  # noqa: FBT001
    """A worker that dies would make its proxies count twice, and a mesh look bigger than it is."""
    events = Configured()
    fleet = fleet_of(events)
    proxy = ProxyMonitor(SPEC, fleet, restarted=restarted)
    for _ in range(3):
        live(proxy)

    counts = fleet.counts
    assert (counts.connected, counts.configured, events.count) == (ever, ever, ever)
    assert counts.reconnects == (3 if restarted else 2)
    assert (counts.connected_now, counts.configured_now) == (0, 0)
    assert fleet.metrics.snapshot().first_config.count == ever
    assert fleet.metrics.snapshot().connect.count == 3


async def test_a_stream_that_brings_nothing_is_no_reconnect() -> None:
    """Each stream that istiod's limiter refuses is open for a moment, and would count."""
    fleet = fleet_of(FleetEvents())
    proxy = ProxyMonitor(SPEC, fleet, restarted=False)
    live(proxy)
    proxy.connecting()
    proxy.connected(0.1)
    proxy.disconnected("resource_exhausted", "slow down", 1.0)
    assert fleet.counts.reconnects == 0


async def test_answers_are_counted_by_type() -> None:
    """Refusals, on purpose or not, would be missing from the summary."""
    fleet = fleet_of(FleetEvents())
    proxy = ProxyMonitor(SPEC, fleet, restarted=False)
    for error, ignored in (("", False), ("", False), ("bad", False), ("none", True), ("", True)):
        proxy.push(RECEIVED._replace(error=error, ignored=ignored))
    snapshot = fleet.metrics.snapshot()

    assert snapshot.pushes == {"cds": 5}
    assert (snapshot.acknowledged, snapshot.refused) == ({"cds": 2}, {"cds": 1})


async def test_a_latch_opens_with_the_last_proxy() -> None:
    """A run would end while streams are still open, or wait for ten seconds at each end."""
    fleet = fleet_of(FleetEvents())
    proxies = [ProxyMonitor(SPEC, fleet, restarted=False) for _ in range(3)]
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    latch = StopLatch(set(proxies), waiter)
    for proxy in proxies:
        proxy.latch = latch
    for proxy in proxies[:2]:
        proxy.ended(None)
    assert not waiter.done()
    assert latch.left == {proxies[2]}
    proxies[2].ended(None)
    assert waiter.done()
    assert all(proxy.over for proxy in proxies)


def marked(*numbers: int, run: str = "abc") -> Received:
    """Return what follows from a response with marks of a run."""
    response = Response(CDS, "v", size=100, count=1, marks={run: numbers, "other": (90,)})
    return Received([], response, "n", unsolicited=True)


async def test_a_mark_is_reported_once_for_a_proxy() -> None:
    """In SotW every push repeats all clusters: the proxy would have a change again and again."""
    events = Arrivals()
    proxy = ProxyMonitor(SPEC, fleet_of(events), restarted=False)
    proxy.push(marked(7))
    proxy.push(marked(7))
    await asyncio.sleep(1)
    proxy.push(marked(7, 8, 9))
    proxy.push(marked(8, 9))
    assert events.seen == [("p", (7,), 0.0), ("p", (8, 9), 1.0)]


async def test_a_mark_that_is_overtaken_by_the_next_is_reported_too() -> None:
    """A probe whose write took longer than that of the next would reach nobody."""
    events = Arrivals()
    proxy = ProxyMonitor(SPEC, fleet_of(events), restarted=False)
    for numbers in ((7,), (9,), (8, 9), (8, 9)):
        proxy.push(marked(*numbers))
    assert [numbers for _, numbers, _ in events.seen] == [(7,), (9,), (8,)]


async def test_a_mark_in_the_first_response_of_a_stream_counts_too() -> None:
    """A proxy that was away while a change was pushed gets it with the first response."""
    events = Arrivals()
    proxy = ProxyMonitor(SPEC, fleet_of(events), restarted=False)
    live(proxy)
    proxy.connecting()
    proxy.connected(0.1)
    proxy.push(marked(7)._replace(unsolicited=False))
    assert events.seen == [("p", (7,), 0.0)]


async def test_a_mark_after_the_last_of_the_ring_is_new() -> None:
    """After a day and a half of probes each second, no probe would arrive any more."""
    events = Arrivals()
    proxy = ProxyMonitor(SPEC, fleet_of(events), restarted=False)
    proxy.push(marked(RING - 1))
    proxy.push(marked(0, RING - 1))
    proxy.push(marked(0, 1))
    assert [numbers for _, numbers, _ in events.seen] == [(RING - 1,), (0,), (1,)]


async def test_marks_of_other_runs_are_not_reported() -> None:
    """Two runs in one cluster would measure each other's probes."""
    events = Arrivals()
    proxy = ProxyMonitor(SPEC, fleet_of(events), restarted=False)
    proxy.push(marked(7, run="another"))
    assert not events.seen


async def test_a_proxy_that_is_stopped_is_reported_but_not_the_end_of_all() -> None:
    """A probe would wait for a proxy that is gone, or ten thousand proxies be told of their end."""
    stopped: list[str] = []

    class Stops(FleetEvents):
        def on_stopped(self, spec: ProxySpec) -> None:
            stopped.append(spec.key)

    async with fleet_of(Stops()) as fleet:
        fleet.start(SPEC)
        fleet.start(replace(SPEC, key="q"))
        await fleet.stop("p")
        await fleet.stop("p")
    assert stopped == ["p"]
