"""Outages of the control plane, as a local fleet and a pool of workers show them."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.harness.outage_watch import watch_outages
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.pool.messages import Setup
from pyload.proxies.pool.pool import WorkerPool
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target
from pyload.report.metrics import Metrics
from pyload.report.outages import OutageDetector
from pyload.tasks import Supervisor
from tests.proxies.pool.memory import MemoryWorkers
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.proxies.fleet import Fleet
    from pyload.xds.transport import Status

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PROXIES = 10


class Istiod(Peer):
    """A control plane that can be killed and restarted."""

    def __init__(self) -> None:
        self.down = False
        super().__init__(self._refusal)

    def _refusal(self, _number: int, name: str) -> Status | None:
        return GONE if self.down and name == "open" else None

    def kill(self) -> None:
        """End all streams, and refuse others."""
        self.down = True
        for stream in self.streams:
            stream.end(GONE)


class Watched:
    """A fleet of connected proxies under watch, with or without workers."""

    def __init__(self, workers: int) -> None:
        self.istiod = Istiod()
        self.metrics = Metrics()
        self.detector = OutageDetector()
        self.spawn = MemoryWorkers(lambda _address, _tls: self.istiod)
        self.fleet: Fleet
        if workers:
            setup = Setup(delta=True, behavior=ProxyBehavior(), transport="lean")
            self.fleet = WorkerPool(
                workers,
                setup,
                resolver=lambda _: Target("istiod:15010"),
                metrics=self.metrics,
                spawn=self.spawn,
            )
        else:
            resolver = resolver_of(self.istiod)
            self.fleet = LocalFleet(resolver, delta=True, metrics=self.metrics, rng=Random(1))

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Run the fleet until the context is left."""
        async with self.fleet, Supervisor() as background:
            watch = watch_outages(self.fleet, self.metrics, self.detector)
            background.spawn(watch, name="outages")
            for number in range(PROXIES):
                name = f"p{number}"
                spec = ProxySpec(
                    key=name, type="sidecar", ip=f"10.0.0.{number}", name=name, namespace="mesh"
                )
                self.fleet.start(spec)
            await asyncio.sleep(5)
            yield


@pytest.mark.parametrize("workers", [0, 1, 2])
async def test_a_control_plane_that_is_killed_and_restarted_is_an_outage(
    workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The outage is what the test of istiod is run for, however many processes run proxies (R3)."""
    watched = Watched(workers)
    async with watched.run():
        watched.istiod.kill()
        await asyncio.sleep(20)
        watched.istiod.down = False
        await asyncio.sleep(40)

    (outage,) = watched.detector.outages().first
    assert outage.began == pytest.approx(5, abs=0.5)
    assert (outage.lost, outage.open) == (PROXIES, False)
    assert outage.first_back is not None
    assert outage.half_back is not None
    assert 19.5 <= outage.first_back <= outage.half_back <= outage.duration < 60
    assert outage.disconnects["unavailable"] == PROXIES
    assert outage.disconnects["connect"] >= PROXIES
    lines = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert lines[0].startswith("control plane: 0 of 10 proxies connected since 2s (")
    assert lines[1].startswith("control plane: 10 of 10 proxies connected again after ")


async def test_a_worker_that_is_killed_is_no_outage() -> None:
    """Istiod would be blamed for what happened on the machine of the load generator."""
    watched = Watched(1)
    async with watched.run():
        watched.spawn.spawned[0].kill()
        await asyncio.sleep(20)

        assert watched.fleet.counts.connected_now == PROXIES
    assert len(watched.spawn.spawned) == 2
    assert not watched.detector.outages().count
