"""Starts and stops, one after the other, none lost and none done twice."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from pyload.pods.cache import PodCache
from pyload.pods.desired import Policy
from pyload.pods.reconciler import Reconciler
from tests.pods.cluster import node
from tests.pods.fleets import Recording
from tests.pods.injected import pod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.kube.resources import Obj


pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Bench:
    """A cache, a fleet, and what keeps them equal."""

    def __init__(self, **policy: Any) -> None:
        self.cache = PodCache(policy=Policy(**policy))
        self.fleet = Recording()
        self.times: list[tuple[str, float]] = []
        self.reconciler = Reconciler(
            self.cache,
            self.fleet,
            timed=lambda what, seconds: self.times.append((what, seconds)),
        )

    def node(self, type_: str, obj: Obj) -> None:
        """Handle a node's event."""
        now = asyncio.get_running_loop().time()
        record = self.cache.read_node(obj)
        self.reconciler.apply(self.cache.node_event(type_, record, now))

    def pod(self, type_: str, obj: Obj) -> None:
        """Handle a pod's event."""
        now = asyncio.get_running_loop().time()
        record = self.cache.read_pod(obj)
        self.reconciler.apply(self.cache.pod_event(type_, record, now))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Reconcile, on a cluster with one kwok node, while the context is open."""
        self.node("ADDED", node("kwok-0"))
        task = asyncio.create_task(self.reconciler.run(), name="reconciler")
        await asyncio.sleep(0)
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_proxies_start_and_stop_at_once() -> None:
    """Every turn that a start waits is latency that the control plane seems to have."""
    bench = Bench()
    async with bench.running():
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(0.001)
        assert bench.fleet.names() == {"a"}
        bench.pod("DELETED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(0.001)

    assert [(when, what) for when, what, _ in bench.fleet.log] == [(0, "start"), (0.001, "stop")]
    assert bench.times == [("ip to start", 0)]


async def test_the_way_to_the_first_config_is_timed() -> None:
    """How long a pod is without config is what users of a mesh feel."""
    bench = Bench()
    async with bench.running():
        bench.pod("ADDED", pod("a", ip="10.0.0.1", ready=False))
        await asyncio.sleep(1)
        bench.pod("MODIFIED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(2)
        bench.reconciler.on_configured("uid-a")
        bench.reconciler.on_configured("uid-unknown")

    assert bench.times == [("ip to start", 0), ("ip to config", 3), ("ready to config", 2)]


async def test_a_pod_that_has_left_the_queue_never_connects() -> None:
    """Istiod would see proxies of pods that are long gone."""
    bench = Bench()
    async with bench.running():
        for name in "abc":
            bench.pod("ADDED", pod(name, ip="10.0.0.1"))
        assert bench.reconciler.snapshot().queued == 3
        bench.pod("DELETED", pod("b", ip="10.0.0.1"))
        await asyncio.sleep(10)

    assert bench.fleet.did("start") == ["a", "c"]
    snapshot = bench.reconciler.snapshot()
    assert (snapshot.queued, snapshot.running, snapshot.started, snapshot.withdrawn) == (0, 2, 2, 1)


async def test_others_get_their_turn_while_thousands_start() -> None:
    """Proxies that are connected could not answer the control plane for seconds."""
    bench = Bench()
    async with bench.running():
        for number in range(1000):
            bench.pod("ADDED", pod(f"p{number}", ip="10.0.0.1"))
        turns = 0
        while bench.reconciler.snapshot().queued:
            turns += 1
            await asyncio.sleep(0)

    assert turns >= 1000 / 20
    assert len(bench.fleet.running) == 1000


async def test_a_new_ip_waits_until_the_old_proxy_is_gone() -> None:
    """Two proxies of one pod would be connected at the same time."""
    bench = Bench()
    bench.fleet.seconds = 3
    async with bench.running():
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(1)
        bench.pod("MODIFIED", pod("a", ip="10.0.0.2"))
        await asyncio.sleep(1)
        assert bench.reconciler.snapshot().stopping == 1
        assert bench.fleet.names() == set()
        await asyncio.sleep(2.1)

    assert [spec.ip for spec in bench.fleet.running.values()] == ["10.0.0.2"]
    assert [when for when, *_ in bench.fleet.log] == [0, 1, 4]
    assert bench.reconciler.snapshot().withdrawn == 0


async def test_a_pod_that_flaps_while_its_proxy_stops_is_where_it_should_be_in_the_end() -> None:
    """Selectors make pods come and go faster than streams close."""
    bench = Bench()
    bench.fleet.seconds = 1
    async with bench.running():
        for count in range(21):
            bench.pod("DELETED" if count % 2 else "ADDED", pod("a", ip="10.0.0.1"))
            await asyncio.sleep(0.3)
        await asyncio.sleep(3)
        assert bench.fleet.names() == {"a"}
        bench.pod("DELETED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(0.1)
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(0.1)
        bench.pod("DELETED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(3)

    assert bench.fleet.names() == set()


async def test_time_alone_stops_proxies() -> None:
    """A pod that a finalizer holds, and the pods of a node that was deleted, send no event."""
    bench = Bench()
    async with bench.running():
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        bench.pod("ADDED", pod("b", ip="10.0.0.2"))
        await asyncio.sleep(1)
        bench.pod("MODIFIED", pod("a", ip="10.0.0.1", deletion=30))
        await asyncio.sleep(1)
        bench.node("DELETED", node("kwok-0"))
        await asyncio.sleep(10)

    assert [(when, name) for when, what, name in bench.fleet.log if what == "stop"] == [
        (6, "a"),
        (7, "b"),
    ]


def test_a_time_that_is_over_is_waited_for_by_uvloop_too() -> None:
    """Its handle has no time of its own then: a run ended when many pods went at once."""

    async def main() -> None:
        bench = Bench()
        bench.node("ADDED", node("kwok-0"))
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        late = asyncio.get_running_loop().time() - 60
        gone = bench.cache.read_pod(pod("a", ip="10.0.0.1", deletion=30))
        bench.reconciler.apply(bench.cache.pod_event("MODIFIED", gone, late))
        assert bench.cache.due is not None
        bench.node("MODIFIED", node("kwok-0"))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_nothing_starts_and_no_time_runs_out_while_the_server_is_away() -> None:
    """A restart of the API server would restart the mesh."""
    bench = Bench()
    async with bench.running():
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(1)
        bench.node("DELETED", node("kwok-0"))
        bench.reconciler.set_stale("nodes", stale=True)
        bench.reconciler.set_stale("pods", stale=True)
        bench.pod("ADDED", pod("b", ip="10.0.0.2"))
        await asyncio.sleep(60)
        assert bench.reconciler.snapshot().away == 60
        assert bench.fleet.names() == {"a"}
        bench.reconciler.set_stale("nodes", stale=False)
        await asyncio.sleep(5)
        bench.reconciler.set_stale("pods", stale=False)
        await asyncio.sleep(0.5)
        assert bench.fleet.names() == {"a"}
        # What was missed arrives a moment after the server is back.
        bench.node("ADDED", node("kwok-0"))
        await asyncio.sleep(20)
        assert bench.reconciler.snapshot().away == 0

    assert [(when, what, name) for when, what, name in bench.fleet.log] == [
        (0, "start", "a"),
        (67, "start", "b"),
    ]


async def test_a_server_that_leaves_again_at_once_is_still_away() -> None:
    """A load balancer lets one request through and drops the next."""
    bench = Bench()
    async with bench.running():
        bench.reconciler.set_stale("pods", stale=True)
        await asyncio.sleep(1)
        bench.reconciler.set_stale("pods", stale=False)
        await asyncio.sleep(0.5)
        bench.reconciler.set_stale("pods", stale=True)
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(10)
        assert bench.fleet.names() == set()
        bench.reconciler.set_stale("pods", stale=False)
        await asyncio.sleep(1)
        await asyncio.sleep(0)
        assert bench.fleet.names() == {"a"}


async def test_a_deletion_that_is_seen_stops_a_proxy_even_when_another_watch_is_stale() -> None:
    """Only what is not known has to wait."""
    bench = Bench()
    async with bench.running():
        bench.pod("ADDED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(1)
        bench.reconciler.set_stale("nodes", stale=True)
        bench.pod("DELETED", pod("a", ip="10.0.0.1"))
        await asyncio.sleep(1)

    assert bench.fleet.names() == set()
