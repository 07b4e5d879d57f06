"""Many proxies in many workers: counted together, and outliving each other's deaths.

The workers are the real ones, but in memory, and so is the control plane. What the pool does with
workers that misbehave is tested with fakes; single workers have `test_worker_handle`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import CertificateError, PyloadError, UsageError
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.counts import FleetCounts
from pyload.proxies.fleet import NO_EVENTS, FleetEvents
from pyload.proxies.late import Late
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.pool.messages import End, Setup, StatusUpdate
from pyload.proxies.pool.pool import END_SECONDS, REFRESH_SECONDS, WorkerPool
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target, TargetResolver
from pyload.report.metrics import Metrics
from pyload.xds.marks import name_of
from pyload.xds.types import CDS
from tests.proxies.pool.memory import KILLED, FakeWorkers, MemoryWorkers
from tests.proxies.resolvers import resolver_of
from tests.xds.messages import cluster, delta_response
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.proxies.fleet import Fleet
    from pyload.proxies.pool.process import Spawn
    from pyload.xds.credentials import Principal
    from pyload.xds.tls import TlsConfig
    from pyload.xds.transport import Transport

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

ADDRESS = "istiod:15010"
RUN = "abc"


def spec(number: int, **changes: Any) -> ProxySpec:
    """Describe a proxy."""
    return replace(
        ProxySpec(
            key=f"p{number}",
            type="sidecar",
            ip=f"10.0.0.{number}",
            name=f"p{number}",
            namespace="mesh",
            service_account="ab"[number % 2],
        ),
        **changes,
    )


def pool_of(
    workers: int,
    spawn: Spawn | None = None,
    *,
    metrics: Metrics | None = None,
    resolver: Callable[[Principal], Target | Awaitable[Target]] = lambda _: Target(ADDRESS),
    events: FleetEvents = NO_EVENTS,
    behavior: ProxyBehavior | None = None,
) -> WorkerPool:
    """Return a pool; its workers are real ones with a control plane in memory unless given."""
    peer = Peer()
    return WorkerPool(
        workers,
        Setup(
            delta=True,
            behavior=behavior or ProxyBehavior(),
            transport="lean",
            sources={ADDRESS: ("127.0.0.2", "127.0.0.3")},
            run_id=RUN,
        ),
        resolver=resolver,
        metrics=metrics or Metrics(),
        events=events,
        spawn=spawn or MemoryWorkers(lambda _address, _tls: peer),
    )


class Events(FleetEvents):
    """Notes the keys of the proxies that are configured, stopped or die, and the marks."""

    def __init__(self) -> None:
        self.configured: list[str] = []
        self.stopped: list[str] = []
        self.died: list[str] = []
        self.marks: list[tuple[str, tuple[int, ...], float]] = []

    def on_stopped(self, spec: ProxySpec) -> None:
        """Note one."""
        self.stopped.append(spec.key)

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Note them."""
        self.marks.append((spec.key, numbers, at))

    def on_configured(self, spec: ProxySpec) -> None:
        """Note one."""
        self.configured.append(spec.key)

    def on_died(self, spec: ProxySpec) -> None:
        """Note one."""
        self.died.append(spec.key)


async def all_started(pool: WorkerPool) -> None:
    """Start the processes, one proxy in each."""
    for number in range(len(pool._workers)):
        pool.start(spec(number))
    await moment(0.1)


async def moment(seconds: float = 3.0) -> None:
    """Let everything happen that happens within some time."""
    await asyncio.sleep(seconds)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log about workers."""
    return [one.message for one in caplog.records if "worker" in one.message]


# Workers that do what they should.


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
async def test_the_figures_are_the_same_however_many_processes_there_are(workers: int) -> None:
    """The result of a run would depend on the machine that it ran on."""
    metrics, events = Metrics(), Events()
    proxies: Fleet
    if workers:
        proxies = pool_of(workers, metrics=metrics, events=events)
    else:
        resolver = resolver_of(Peer())
        proxies = LocalFleet(resolver, delta=True, metrics=metrics, rng=Random(1), events=events)
    async with proxies:
        for number in range(10):
            proxies.start(spec(number))
        assert len(proxies) == 10
        await moment()
        stopped, unknown = await proxies.stop("p3"), await proxies.stop("p3")
        await proxies.refresh()

        counts, snapshot = proxies.counts, metrics.snapshot()
        assert [stopped, unknown, "p3" in proxies, "p4" in proxies] == [True, False, False, True]
        assert (counts.wanted, counts.connected, counts.configured) == (10, 10, 10)
        assert (counts.connected_now, counts.configured_now, len(proxies)) == (9, 9, 9)
        assert snapshot.proxies["sidecar", "configured"] == 9
        assert snapshot.pushes == {"cds": 10, "eds": 10, "lds": 10, "rds": 10}
        assert snapshot.disconnects == {"local": 1}
        assert (snapshot.connect.count, snapshot.first_config.count) == (10, 10)
        assert len(snapshot.worker_rss) == workers
        assert snapshot.caches["responses"] > 0

    assert sorted(events.configured) == [f"p{number}" for number in range(10)]
    assert metrics.snapshot().disconnects == {"local": 10}
    assert (proxies.counts.connected_now, len(proxies)) == (0, 0)


def push_mark(peer: Peer, number: int) -> None:
    """Push a cluster that marks a probe to all proxies."""
    name = f"outbound|80||{name_of(RUN, number)}.example.com"
    for stream in peer.streams:
        if stream.status is None:
            stream.push(delta_response(CDS, {name: cluster(name)}, nonce=f"probe-{number}"))


@pytest.mark.parametrize("workers", [0, 1, 2])
async def test_marks_are_the_same_however_many_processes_there_are(workers: int) -> None:
    """How long a change takes would depend on where the proxies run."""
    events, peer = Events(), Peer()
    proxies: Fleet
    if workers:
        spawn = MemoryWorkers(lambda _address, _tls: peer)
        proxies = pool_of(workers, spawn, events=events)
    else:
        resolver = resolver_of(peer)
        proxies = LocalFleet(
            resolver, delta=True, metrics=Metrics(), rng=Random(1), events=events, run_id=RUN
        )
    async with proxies:
        for number in range(4):
            proxies.start(spec(number))
        await moment()
        push_mark(peer, 7)
        await moment()
        await proxies.stop("p3")
        push_mark(peer, 7)
        push_mark(peer, 8)
        await moment()
        places = {proxies.worker_of(f"p{number}") for number in range(3)}
        assert places == ({*range(workers)} if workers else {None})

    expected = [(f"p{number}", (7,), 3.0) for number in range(4)]
    expected += [(f"p{number}", (8,), 6.0) for number in range(3)]
    assert sorted(events.marks, key=lambda one: (one[1], one[0])) == expected
    assert events.stopped == ["p3"]


@pytest.mark.parametrize("workers", [0, 1, 3])
async def test_the_spread_of_a_push_is_the_same_however_many_processes_there_are(
    workers: int,
) -> None:
    """Half of a mesh would look as if it got everything at once."""
    metrics, peer = Metrics(), Peer()
    proxies: Fleet
    if workers:
        spawn = MemoryWorkers(lambda _address, _tls: peer)
        proxies = pool_of(workers, spawn, metrics=metrics)
    else:
        proxies = LocalFleet(resolver_of(peer), delta=True, metrics=metrics, rng=Random(1))
    async with proxies:
        for number in range(5):
            proxies.start(spec(number))
        await moment()
        for stream in peer.streams:
            message = delta_response(CDS, {"a": cluster("a")}, nonce="c2", system_version="v2")
            stream.push(message)
            await moment(0.5)
        await moment(5.5)
        await proxies.refresh()
        metrics.snapshot()
    pushes = metrics.spreads.last_pushes(started=3.0)
    assert [(one.version, one.type, one.proxies) for one in pushes] == [("v2", "cds", 5)]
    found = (pushes[0].began, pushes[0].p50, pushes[0].last)
    assert found == pytest.approx((0.0, 1.0, 2.0), abs=0.0011)


async def test_what_a_killed_worker_has_not_reported_is_reported_by_the_next() -> None:
    """Proxies that have the change would count as never reached, or be counted unseen."""
    events, peer = Events(), Peer()
    spawn = MemoryWorkers(lambda _address, _tls: peer)
    async with pool_of(1, spawn, events=events) as pool:
        pool.start(spec(1))
        await moment()
        push_mark(peer, 7)
        await moment(0.001)
        spawn.spawned[0].kill()
        await moment()
        assert events.marks == []
        push_mark(peer, 7)
        await moment()
    assert [(key, numbers) for key, numbers, _ in events.marks] == [("p1", (7,))]


async def test_the_workers_have_equal_shares_and_a_key_is_free_at_once() -> None:
    """One core would do the work of all; a pod that is replaced under its name would be lost."""
    async with pool_of(3) as pool:
        for number in range(10):
            pool.start(spec(number))
        assert [len(worker.assignments) for worker in pool._workers] == [4, 3, 3]
        with pytest.raises(UsageError, match="p4 is running already"):
            pool.start(spec(4))
        ends = [pool.stop(f"p{number}") for number in range(10)]
        for number in range(10):
            pool.start(spec(number))
        assert await asyncio.gather(*ends) == [True] * 10
        await moment()
        assert (pool.counts.configured_now, pool.counts.wanted) == (10, 20)


async def test_a_killed_worker_is_replaced_with_its_proxies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The kernel kills one process for memory, and half of the mesh would be missing."""
    metrics, events = Metrics(), Events()
    peer = Peer()
    spawn = MemoryWorkers(lambda _address, _tls: peer)
    async with pool_of(2, spawn, metrics=metrics, events=events) as pool:
        for number in range(20):
            pool.start(spec(number))
        await moment()
        await pool.refresh()

        spawn.spawned[0].kill()
        await moment(0.1)
        assert pool.counts.connected_now == 10
        await moment()
        assert pool.counts.configured_now == 20
        assert await pool.stop("p0")
        await pool.refresh()
        counts, snapshot = pool.counts, metrics.snapshot()
        assert (counts.wanted, counts.connected, counts.configured) == (20, 20, 20)
        assert (counts.reconnects, len(events.configured)) == (10, 20)
        assert snapshot.disconnects == {"worker": 10, "local": 1}
        assert snapshot.first_config.count == 20
        assert snapshot.worker_restarts == {"0": 1, "1": 0}
        assert len(peer.streams) == 30
    assert lines(caplog) == ["worker 0 died of signal 9: it is started again with its proxies (10)"]


async def test_stopping_while_proxies_start_leaves_nothing() -> None:
    """Ctrl-C in the middle of the ramp would leave connections or processes."""
    peer = Peer()
    spawn = MemoryWorkers(lambda _address, _tls: peer)
    async with pool_of(2, spawn, behavior=ProxyBehavior(connect_rate=100)) as pool:
        for number in range(200):
            pool.start(spec(number))
        await moment(0.5)
        assert 0 < pool.counts.connected_now < 200
    assert pool.counts.connected_now == 0
    assert all(stream.closed for stream in peer.streams)
    assert [process.code for process in spawn.spawned] == [0, 0]


async def test_tokens_go_to_workers_once_per_account() -> None:
    """The API server would be asked for a token by each of ten thousand proxies."""
    asked = list[tuple[str, str]]()
    peer = Peer()

    async def token(namespace: str, account: str) -> str:
        asked.append((namespace, account))
        return f"secret-{account}"

    resolver = TargetResolver(address=ADDRESS, auth="plaintext-jwt", tokens=token)
    spawn = MemoryWorkers(lambda _address, _tls: peer)
    async with pool_of(3, spawn, resolver=resolver) as pool:
        for number in range(12):
            pool.start(spec(number))
        await moment()
        assert pool.counts.configured_now == 12
    # `Tokens` fetches one once for all workers.
    assert sorted(asked) == [("mesh", "a")] * 3 + [("mesh", "b")] * 3
    shown = [dict(stream.metadata)["authorization"] for stream in peer.streams]
    assert sorted(shown) == ["Bearer secret-a"] * 6 + ["Bearer secret-b"] * 6


async def test_the_rate_and_the_behavior_are_those_of_all_workers_together() -> None:
    """With four workers, --connect-rate 100 would be 400."""
    behavior = ProxyBehavior(connect_rate=500, nack_fraction=1.0)
    async with pool_of(2, behavior=behavior) as pool:
        for number in range(4):
            pool.start(spec(number))
        await moment()
        await pool.refresh()
        assert pool.pacing.rate == pytest.approx(500)
        setups = [worker.setup for worker in pool._workers]
        assert [setup.behavior.dialling for setup in setups] == [256, 256]
        assert [setup.sources[ADDRESS] for setup in setups] == [
            ("127.0.0.2", "127.0.0.3"),
            ("127.0.0.3", "127.0.0.2"),
        ]
        assert all(setup.levels["pyload"] > 0 for setup in setups)


# Faults of proxies and of the pool.


@pytest.mark.parametrize(
    ("error", "reason"), [(PyloadError("no"), "token"), (CertificateError("no"), "certificate")]
)
async def test_a_target_that_cannot_be_found_is_a_reason_and_not_a_crash(
    error: PyloadError, reason: str
) -> None:
    """An API server that refuses tokens would end the workers instead of being counted."""
    metrics = Metrics()

    def nowhere(_: Principal) -> Target:
        raise error

    async with pool_of(1, metrics=metrics, resolver=nowhere) as pool:
        pool.start(spec(0))
        await moment()
        assert metrics.snapshot().disconnects.keys() == {reason}
        assert pool.counts.failed == 0


async def test_a_fault_of_the_pool_ends_the_run() -> None:
    """Proxies would wait for an answer that never comes."""

    def broken(_: Principal) -> Target:
        raise ZeroDivisionError

    async with pool_of(1, resolver=broken) as pool:
        pool.start(spec(0))
        pool.start(spec(1))
        with pytest.raises(ZeroDivisionError):
            await pool.run()


async def test_a_proxy_that_dies_of_a_fault_is_counted_and_forgotten() -> None:
    """A worker's restart would bring it back, or the run would wait for it."""
    peer = Peer()

    def connect(address: str, _: TlsConfig | None) -> Transport:
        if address == "broken:1":
            raise ZeroDivisionError
        return peer

    events = Events()
    spawn = MemoryWorkers(connect)

    def resolver(one: Principal) -> Target:
        return Target(one.address or ADDRESS)

    async with pool_of(1, spawn, resolver=resolver, events=events) as pool:
        for number in (4, 5, 6):
            pool.start(spec(number, address="broken:1" if number == 5 else ""))
        await moment()
        assert (pool.counts.configured_now, len(pool), pool.counts.failed) == (2, 2, 1)
        assert ("p5" in pool, await pool.stop("p5")) == (False, False)
        assert events.died == ["p5"]
        spawn.spawned[0].kill()
        await moment()
        assert (pool.counts.configured_now, len(pool), pool.counts.failed) == (2, 2, 1)


async def test_the_death_of_a_proxy_does_not_touch_its_successor() -> None:
    """A pod that was replaced under its name could never be stopped."""
    spawn = FakeWorkers()
    async with pool_of(1, spawn) as pool:
        pool.start(spec(0))
        await moment(0.1)
        spawn.spawned[0].hang()
        stopping = asyncio.create_task(pool.stop("p0"))
        pool.start(spec(0))
        spawn.spawned[0].send(StatusUpdate((), (1,), FleetCounts()))
        spawn.spawned[0].resume()
        await moment(0.1)
        assert stopping.done()
        assert "p0" in pool


async def test_a_worker_that_is_ready_twice_ends_the_run() -> None:
    """A fault of pyload would go unnoticed."""
    spawn = FakeWorkers()
    async with pool_of(1, spawn) as pool:
        await all_started(pool)
        spawn.spawned[0].transport.write(b'\0\0\0\x09["Ready"]')
        with pytest.raises(PyloadError, match="cannot be READY while it is READY"):
            await pool.run()


async def test_processes_start_with_their_first_proxies() -> None:
    """Kwok mode took two processes and 151 MB for a cluster without a single pod (R4)."""
    spawn = FakeWorkers()
    async with pool_of(3, spawn) as pool:
        await moment()
        await pool.refresh()
        assert spawn.spawned == []
        assert pool.snapshot().worker_cpu == {}
        pool.start(spec(0))
        pool.start(spec(1))
        await moment()
        assert [len(process.running) for process in spawn.spawned] == [1, 1]
        # The proxies are dealt to all workers alike, as if all had been there from the start.
        await pool.stop("p0")
        pool.start(spec(2))
        pool.start(spec(3))
        await moment()
        assert [len(process.running) for process in spawn.spawned] == [1, 1, 1]


# Workers that misbehave.


async def test_the_processes_know_the_control_planes_version() -> None:
    """With workers a run would claim another version than without."""
    async with pool_of(2) as pool:
        pool.learn_version("1.31.0-a8d7012191eb55ad-Clean")
        await all_started(pool)
        fleets = {id(worker.setup.node): worker.setup.node for worker in pool._workers}.values()
        assert {one.assumed_version for one in fleets} == {"1.31.0"}


async def test_workers_that_cannot_start_are_an_error() -> None:
    """A run would wait for ever for proxies that nobody runs."""
    spawn = FakeWorkers(exit_code=1)
    async with pool_of(2, spawn) as pool:
        pool.start(spec(0))
        with pytest.raises(PyloadError, match="has died 4 times within 60s"):
            await pool.run()
    assert all(not process.runs() for process in spawn.spawned)


async def test_a_worker_that_dies_again_and_again_ends_the_run() -> None:
    """A run on a machine without memory would restart processes for ever."""
    spawn = FakeWorkers()
    async with pool_of(1, spawn) as pool:
        await all_started(pool)
        ending = asyncio.create_task(pool.run())
        for _ in range(4):
            await moment()
            spawn.spawned[-1].kill()
        with pytest.raises(PyloadError, match="worker 0 has died 4 times within 60s"):
            await ending


async def test_an_interrupted_start_leaves_no_process() -> None:
    """Ctrl-C while workers start would leave those that have."""
    spawn = FakeWorkers(start_seconds=10.0)
    pool = pool_of(2, spawn)
    async with pool:
        await all_started(pool)
    assert [process.code for process in spawn.spawned] == [0, 0]
    assert all(worker._process is None for worker in pool._workers)


async def test_workers_that_do_not_end_are_killed(caplog: pytest.LogCaptureFixture) -> None:
    """A run would wait for ever for its end, or leave processes."""
    spawn = FakeWorkers(refuses_to_end=True)
    loop = asyncio.get_running_loop()
    async with pool_of(3, spawn) as pool:
        await all_started(pool)
        spawn.spawned[1].exit(0)
        await moment(0.1)
        began = loop.time()
    assert loop.time() - began == pytest.approx(END_SECONDS)
    assert [process.code for process in spawn.spawned] == [KILLED, 0, KILLED, KILLED]
    assert all(End() in process.messages for process in spawn.spawned if process.code)
    assert lines(caplog)[-1] == f"3 workers did not end in {END_SECONDS:g} s, and are killed"


async def test_a_refresh_waits_only_so_long_for_a_busy_worker() -> None:
    """The live view and the result would wait for a worker that hangs."""
    spawn = FakeWorkers()
    async with pool_of(2, spawn) as pool:
        await all_started(pool)
        spawn.spawned[0].counts = FleetCounts(connected_now=7)
        spawn.spawned[1].hang()
        began = asyncio.get_running_loop().time()
        await pool.refresh()
        assert asyncio.get_running_loop().time() - began == pytest.approx(REFRESH_SECONDS)
        assert pool.counts.connected_now == 7
        spawn.spawned[1].resume()


async def test_a_stop_waits_only_so_long_for_a_worker_that_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A scale-down would never end, and the proxy's name would be wanted."""
    spawn = FakeWorkers()
    async with pool_of(1, spawn) as pool:
        pool.start(spec(0))
        await moment(0.1)
        spawn.spawned[0].hang()
        began = asyncio.get_running_loop().time()
        assert await pool.stop("p0")
        assert asyncio.get_running_loop().time() - began == pytest.approx(END_SECONDS)
        spawn.spawned[0].resume()
    assert f"no worker said in {END_SECONDS:g} s that proxy p0 has stopped" in caplog.text


async def test_connected_proxies_are_never_more_than_were_wanted() -> None:
    """A summary would show 101 of 100 proxies, after a death before they were configured."""
    spawn = FakeWorkers()
    async with pool_of(1, spawn) as pool:
        pool.start(spec(0))
        for _ in range(2):
            await moment(0.1)
            spawn.spawned[-1].send(StatusUpdate((), (), FleetCounts(connected=1, connected_now=1)))
            await moment(0.1)
            spawn.spawned[-1].kill()
        await moment(0.1)
        assert (pool.counts.connected, pool.counts.wanted) == (1, 1)


async def test_a_pool_is_a_source_of_its_metrics() -> None:
    """The metrics' endpoint would show nothing of the workers."""
    metrics = Metrics()
    spawn = FakeWorkers()
    async with pool_of(2, spawn, metrics=metrics) as pool:
        await all_started(pool)
        await moment()
        assert pool.snapshot().worker_cpu == {"0": 0.5, "1": 0.5}
        assert metrics.snapshot().worker_cpu == {"0": 0.5, "1": 0.5}


async def test_proxies_that_are_not_configured_are_named_by_their_workers() -> None:
    """Only a worker knows what its proxies wait for, and the user asks the whole run."""
    peer = Peer()
    peer.silent = True
    async with pool_of(2, MemoryWorkers(lambda _address, _tls: peer)) as pool:
        for number in range(3):
            pool.start(spec(number))
        assert sorted(pool.late()) == [Late(f"mesh/p{n}", "no worker") for n in range(3)]
        await moment()
        await pool.refresh()

        assert sorted(pool.late()) == [Late(f"mesh/p{n}", "no cds") for n in range(3)]


async def test_proxies_of_a_process_that_is_only_just_starting_are_starting() -> None:
    """Who stops a run in its first second would be told that all proxies have failed."""
    async with pool_of(2, FakeWorkers()) as pool:
        pool.start(spec(0))
        pool.start(spec(1))
        await pool.refresh()
        assert pool.counts.starting == 2
        await moment(6.0)
        assert pool.counts.starting == 0


async def test_workers_report_which_proxies_are_starting() -> None:
    """Churn would fail every run that has workers."""
    peer = Peer()
    peer.silent = True
    async with pool_of(2, MemoryWorkers(lambda _address, _tls: peer)) as pool:
        for number in range(4):
            pool.start(spec(number))
        await moment(3.0)
        await pool.refresh()
        assert (pool.counts.starting, pool.counts.starting_connected) == (0, 4)
        await moment(3.0)
        await pool.refresh()
        assert (pool.counts.starting, pool.counts.starting_connected) == (0, 0)
