"""Many processes of proxies: counted together, and outliving each other's deaths."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.errors import PyloadError, UsageError
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.fleet import NO_EVENTS, FleetEvents
from pyload.proxies.identity import principal_of
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.pool import worker_handle as slots
from pyload.proxies.pool.messages import Setup
from pyload.proxies.pool.pool import WorkerPool
from pyload.proxies.pool.process import SystemProcess
from pyload.proxies.proxy import Proxy
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target, TargetResolver
from pyload.report.metrics import Metrics
from pyload.xds.client import Channel
from pyload.xds.lean import LeanTransport
from tests.embedded.controlplane.mesh import running_mesh
from tests.proxies.pool.processes import runs
from tests.proxies.resolvers import resolver_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path as FilePath

    from pyload.proxies.fleet import Fleet
    from pyload.xds.credentials import Principal

pytestmark = [pytest.mark.grpc, pytest.mark.process]


def spec(number: int) -> ProxySpec:
    """Describe a proxy."""
    return ProxySpec(
        key=f"p{number}",
        type="sidecar",
        ip=f"10.0.0.{number}",
        name=f"p{number}",
        namespace="mesh",
        service_account="ab"[number % 2],
    )


def pool_of(
    workers: int,
    address: str,
    *,
    metrics: Metrics | None = None,
    resolver: Callable[[Principal], Target] | None = None,
    tokens: Callable[[str, str], str] | None = None,
    events: FleetEvents = NO_EVENTS,
    behavior: ProxyBehavior | None = None,
) -> WorkerPool:
    """Make a pool."""
    auth = "plaintext-jwt" if tokens else "plaintext"
    return WorkerPool(
        workers,
        Setup(
            delta=True,
            behavior=behavior or ProxyBehavior(),
            transport="lean",
            sources={address: ("127.0.0.2", "127.0.0.3")},
        ),
        resolver=resolver or TargetResolver(address=address, auth=auth, tokens=tokens),
        metrics=metrics or Metrics(),
        events=events,
    )


class Configured(FleetEvents):
    """Notes the keys of the proxies that are configured."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def on_configured(self, spec: ProxySpec) -> None:
        """Note one."""
        self.keys.append(spec.key)


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[str]:
    """Serve a control plane, and give its address."""
    async with running_mesh() as mesh, mesh.plane.serve() as addresses:
        yield addresses.plaintext


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - what other processes do has no event
            await asyncio.sleep(0.005)


def process_of(pool: WorkerPool, number: int = 0) -> int:
    """Give the process id of a worker."""
    process = pool._workers[number]._process
    assert isinstance(process, SystemProcess)
    return process.pid


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
async def test_the_figures_are_the_same_however_many_processes_there_are(workers: int) -> None:
    """The result of a run would depend on the machine that it ran on."""
    metrics, configured = Metrics(), Configured()

    async with served() as address:
        proxies: Fleet
        if workers:
            proxies = pool_of(workers, address, metrics=metrics, events=configured)
        else:
            resolver = resolver_of(LeanTransport(address))
            proxies = LocalFleet(
                resolver, delta=True, metrics=metrics, rng=Random(1), events=configured
            )
        async with proxies:
            for number in range(10):
                proxies.start(spec(number))
            assert len(proxies) == 10
            await until(lambda: len(configured.keys) == 10)
            stopped, unknown = await proxies.stop("p3"), await proxies.stop("p3")
            await proxies.refresh()

            counts, snapshot = proxies.counts, metrics.snapshot()
            assert (stopped, unknown, "p3" in proxies, "p4" in proxies) == (
                True,
                False,
                False,
                True,
            )
            assert (counts.wanted, counts.connected, counts.configured) == (10, 10, 10)
            assert (counts.connected_now, counts.configured_now, len(proxies)) == (9, 9, 9)
            assert snapshot.proxies["sidecar", "configured"] == 9
            assert snapshot.pushes == {"cds": 10, "eds": 10, "lds": 10}
            assert snapshot.disconnects == {"local": 1}
            assert (snapshot.connect.count, snapshot.first_config.count) == (10, 10)
            assert len(snapshot.worker_rss) == workers
            assert snapshot.caches["responses"] > 0
            assert all(10e6 < size < 200e6 for size in snapshot.worker_rss.values())

        assert sorted(configured.keys) == [f"p{number}" for number in range(10)]
        assert metrics.snapshot().disconnects == {"local": 10}
        assert (proxies.counts.connected_now, len(proxies)) == (0, 0)


async def test_the_workers_have_equal_shares_and_a_key_is_free_at_once() -> None:
    """One core would do the work of all; a pod that is replaced under its name would be lost."""
    async with served() as address, pool_of(3, address) as pool:
        for number in range(10):
            pool.start(spec(number))
        assert [len(worker.assignments) for worker in pool._workers] == [4, 3, 3]
        with pytest.raises(UsageError, match="p4 is running already"):
            pool.start(spec(4))
        ends = [pool.stop(f"p{number}") for number in range(10)]
        for number in range(10):
            pool.start(spec(number))
        assert await asyncio.gather(*ends) == [True] * 10
        await until(lambda: pool.counts.configured_now == 10)
        assert pool.counts.wanted == 20


async def test_a_killed_worker_is_replaced_with_its_proxies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The kernel kills one process for memory, and half of the mesh would be missing."""
    metrics, configured = Metrics(), Configured()
    async with (
        served() as address,
        pool_of(2, address, metrics=metrics, events=configured) as pool,
    ):
        for number in range(20):
            pool.start(spec(number))
        await until(lambda: len(configured.keys) == 20)
        await pool.refresh()

        os.kill(process_of(pool), signal.SIGKILL)
        begun = time.monotonic()
        await until(lambda: pool.counts.connected_now == 10)
        waiting = asyncio.create_task(pool.stop("p0"))
        await until(lambda: pool.counts.configured_now == 19)

        assert time.monotonic() - begun < 5
        assert await waiting
        await pool.refresh()
        counts, snapshot = pool.counts, metrics.snapshot()
        assert (counts.wanted, counts.connected, counts.configured) == (20, 20, 20)
        assert (counts.reconnects, len(configured.keys)) == (9, 20)
        assert snapshot.disconnects == {"worker": 10}
        assert snapshot.first_config.count == 20
        assert snapshot.worker_restarts == {"0": 1, "1": 0}
    lines = [one.message for one in caplog.records if "worker" in one.message]
    assert lines == ["worker 0 died of signal 9: it is started again with its proxies (10)"]


async def test_a_worker_that_hangs_is_replaced_with_its_proxies(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of the mesh would be as dead as with a worker that is gone, and nobody would know."""
    monkeypatch.setattr(slots, "LOOK_SECONDS", 0.1)
    configured = Configured()
    async with served() as address, pool_of(1, address, events=configured) as pool:
        pool.start(spec(0))
        await until(lambda: len(configured.keys) == 1)
        hanging = process_of(pool)
        os.kill(hanging, signal.SIGSTOP)
        await until(lambda: pool._workers[0].totals.restarts == 1)
        await until(lambda: pool.counts.configured_now == 1)
        assert process_of(pool) != hanging
    lines = [one.message for one in caplog.records if "worker" in one.message]
    assert lines == [
        "worker 0 hangs, and is killed",
        "worker 0 died of signal 9: it is started again with its proxies (1)",
    ]


async def test_a_proxy_of_the_library_goes_the_same_way() -> None:
    """A library's user with a thousand of them would pay for a gRPC channel each."""
    async with served() as address, Proxy(spec(0), address) as proxy:
        await proxy.wait_configured()
        channel = proxy._resolver(principal_of(spec(0)))
        assert isinstance(channel, Channel)
        assert isinstance(channel.transport, LeanTransport)


async def test_a_worker_that_dies_again_and_again_ends_the_run() -> None:
    """A run on a machine without memory would restart processes for ever."""
    async with served() as address, pool_of(1, address) as pool:
        pool.start(spec(0))
        ending = asyncio.create_task(pool.run())
        while not ending.done():
            await until(lambda: pool._workers[0].ready.is_set() or ending.done())
            if not ending.done():
                killed = process_of(pool)
                os.kill(killed, signal.SIGKILL)
                await until(
                    lambda pid=killed: (
                        ending.done()  # type: ignore[misc] # bound in the loop
                        or (pool._workers[0].ready.is_set() and process_of(pool) != pid)
                    )
                )
        with pytest.raises(PyloadError, match="worker 0 has died 4 times within 60s"):
            await ending


@pytest.mark.parametrize(
    ("program", "says"),
    [("/no/such/python", "cannot start a worker process"), ("/bin/false", "exit code 1")],
)
async def test_workers_that_cannot_start_are_an_error(
    monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    """A run would wait for ever for proxies that nobody runs."""
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(PyloadError, match=says):
        async with pool_of(2, "127.0.0.1:1"):
            pass


async def test_a_worker_that_never_gets_ready_is_replaced_until_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: FilePath
) -> None:
    """A process that hangs in its start would hold up the run."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(slots, "START_SECONDS", 0.05)
    monkeypatch.setattr(slots, "CLOSE_SECONDS", 0.05)
    with pytest.raises(PyloadError, match="worker 0 has died 4 times"):
        async with pool_of(1, "127.0.0.1:1"):
            pass


async def test_stopping_while_proxies_start_leaves_nothing() -> None:
    """Ctrl-C in the middle of the ramp would leave connections or processes."""
    async with served() as address:
        pool = pool_of(2, address)
        async with pool:
            for number in range(200):
                pool.start(spec(number))
            await until(lambda: pool.counts.connected_now > 0)
            processes = [process_of(pool, number) for number in range(2)]
        assert pool.counts.connected_now == 0
        assert not any(runs(pid) for pid in processes)

        pool = pool_of(2, address)
        entering = asyncio.create_task(pool.__aenter__())
        await until(lambda: pool._workers[0]._process is not None)
        entering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await entering
        assert all(worker._process is None for worker in pool._workers)


async def test_a_way_that_cannot_be_found_is_a_reason_and_not_a_crash() -> None:
    """An API server that gives no tokens would end the workers instead of being counted."""
    metrics = Metrics()

    def nowhere(_: Principal) -> Target:
        raise PyloadError("no")

    async with pool_of(1, "127.0.0.1:1", metrics=metrics, resolver=nowhere) as pool:
        pool.start(spec(0))
        await until(lambda: metrics.snapshot().disconnects.get("token", 0) > 0)
        assert pool.counts.failed == 0


async def test_a_fault_of_the_pool_ends_the_run() -> None:
    """Proxies would wait for an answer that never comes."""

    def broken(_: Principal) -> Target:
        raise ZeroDivisionError

    async with pool_of(1, "127.0.0.1:1", resolver=broken) as pool:
        pool.start(spec(0))
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(10):
                await pool.run()


async def test_tokens_go_to_workers_once_per_account() -> None:
    """The API server would be asked for a token by each of ten thousand proxies."""
    asked = list[tuple[str, str]]()

    def token(namespace: str, account: str) -> str:
        asked.append((namespace, account))
        return "secret"

    async with served() as address, pool_of(2, address, tokens=token) as pool:
        for number in range(12):
            pool.start(spec(number))
        await until(lambda: pool.counts.configured_now == 12)
    assert sorted(set(asked)) == [("mesh", "a"), ("mesh", "b")]
    # Once per worker and account; `Tokens` fetches it once for all of them.
    assert len(asked) <= 4


async def test_the_rate_and_the_habits_are_those_of_all_workers_together() -> None:
    """With four workers, --connect-rate 100 would be 400."""
    behavior = ProxyBehavior(connect_rate=500, nack_fraction=1.0)
    metrics = Metrics()
    async with (
        served() as address,
        pool_of(2, address, behavior=behavior, metrics=metrics) as pool,
    ):
        for number in range(4):
            pool.start(spec(number))
        await until(lambda: pool.counts.configured_now == 4)
        await pool.refresh()
        assert pool.pacing.rate == pytest.approx(500)
        assert [worker._setup.behavior.dialling for worker in pool._workers] == [256, 256]
        assert pool._workers[0]._setup.sources != pool._workers[1]._setup.sources


async def test_log_lines_of_workers_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Scripts search the log for each proxy's lines."""
    with caplog.at_level(logging.INFO, "pyload.adsc"):
        async with served() as address, pool_of(1, address) as pool:
            pool.start(spec(7))
            await until(lambda: pool.counts.configured_now == 1)
    lines = [one for one in caplog.records if one.name == "pyload.adsc"]
    texts = [one.getMessage() for one in lines]
    assert texts[:2] == ["Connecting: 10.0.0.7", texts[1]]
    assert "Closing: 10.0.0.7" in texts
    assert vars(lines[0])["labels"] == {"workload": "p7"}
    assert (lines[0].filename, lines[0].levelname) == ("client.py", "INFO")


FAULT = """
from pyload.proxies import identity

node_of = identity.node_of
identity.node_of = lambda spec: 1 / 0 if spec.key == "p5" else node_of(spec)
"""


async def test_a_proxy_that_dies_of_a_fault_is_counted_and_forgotten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: FilePath, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker's restart would bring it back, or the run would wait for it."""
    # Python imports this module at its start, if it is there.
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with served() as address, pool_of(1, address) as pool:
        for number in (4, 5, 6):
            pool.start(spec(number))
        await until(lambda: pool.counts.configured_now == 2 and len(pool) == 2)
        assert ("p5" in pool, await pool.stop("p5"), pool.counts.failed) == (False, False, 1)
    assert "proxy p5 failed: division by zero\nTraceback" in caplog.text


async def test_a_proxy_that_cannot_be_described_to_a_worker_ends_the_run() -> None:
    """It would be missing, and nobody would know."""
    async with pool_of(1, "127.0.0.1:1") as pool:
        pool.start(replace(spec(1), metadata={"x": object()}))
        with pytest.raises(TypeError):
            async with asyncio.timeout(10):
                await pool.run()


async def test_signals_for_all_processes_leave_workers_alone() -> None:
    """Ctrl-C would kill the proxies before the run has measured and stopped them."""
    async with pool_of(1, "127.0.0.1:1") as pool:
        pid = process_of(pool)
        assert os.getsid(pid) == pid
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        await pool.refresh()
        assert process_of(pool) == pid
        assert pool._workers[0].totals.restarts == 0
