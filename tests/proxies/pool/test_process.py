"""Real worker processes: their start, their signals, and their end.

What a pool does with workers that hang, die or are slow is tested in memory; see `test_pool` and
`test_worker_handle`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pyload.errors import PyloadError
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.fleet import NO_EVENTS, FleetEvents
from pyload.proxies.pool.messages import Setup
from pyload.proxies.pool.pipe import Pipe
from pyload.proxies.pool.pool import WorkerPool
from pyload.proxies.pool.process import SystemProcess, spawn
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import TargetResolver
from pyload.report.metrics import Metrics
from tests.embedded.controlplane.mesh import running_mesh
from tests.proxies.pool.processes import children, runs

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]

PARENT = """
import asyncio, sys
from pyload.proxies.targets import TargetResolver
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.pool.messages import Setup
from pyload.proxies.pool.pool import WorkerPool
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.tasks import run

async def main():
    resolver = TargetResolver(address="127.0.0.1:1", auth="plaintext")
    setup = Setup(delta=True, behavior=ProxyBehavior(), transport="lean")
    pool = WorkerPool(2, setup, resolver=resolver, metrics=Metrics())
    async with pool:
        for key in "ab":
            pool.start(ProxySpec(key=key, type="sidecar", ip="", name=key, namespace="mesh"))
        while not all(worker.ready.is_set() for worker in pool._workers):
            await asyncio.sleep(0.01)
        print(*(worker._process.pid for worker in pool._workers), flush=True)
        await asyncio.sleep(60)

run(main())
"""


def spec(number: int) -> ProxySpec:
    """Describe a proxy."""
    return ProxySpec(
        key=f"p{number}", type="sidecar", ip=f"10.0.0.{number}", name=f"p{number}", namespace="mesh"
    )


def pool_of(
    workers: int,
    address: str = "127.0.0.1:1",
    *,
    metrics: Metrics | None = None,
    events: FleetEvents = NO_EVENTS,
) -> WorkerPool:
    """Return a pool."""
    return WorkerPool(
        workers,
        Setup(
            delta=True,
            behavior=ProxyBehavior(),
            transport="lean",
            sources={address: ("127.0.0.2", "127.0.0.3")},
        ),
        resolver=TargetResolver(address=address, auth="plaintext"),
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


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - what other processes do has no event
            await asyncio.sleep(0.005)


def process_of(pool: WorkerPool, number: int = 0) -> int:
    """Return the process id of a worker."""
    process = pool._workers[number]._process
    assert isinstance(process, SystemProcess)
    return process.pid


@pytest.mark.grpc
async def test_two_workers_run_their_proxies_to_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing else starts the program that a worker is."""
    metrics, configured = Metrics(), Configured()
    with caplog.at_level(logging.INFO, "pyload.adsc"):
        async with (
            running_mesh() as mesh,
            mesh.plane.serve() as addresses,
            pool_of(2, addresses.plaintext, metrics=metrics, events=configured) as pool,
        ):
            for number in range(10):
                pool.start(spec(number))
            await until(lambda: len(configured.keys) == 10)
            assert await pool.stop("p3")
            await pool.refresh()
            counts, snapshot = pool.counts, metrics.snapshot()
            assert (counts.wanted, counts.configured, counts.configured_now) == (10, 10, 9)
            assert snapshot.pushes == {"cds": 10, "eds": 10, "lds": 10}
            assert snapshot.disconnects == {"local": 1}
            assert (snapshot.connect.count, snapshot.first_config.count) == (10, 10)
            assert all(10e6 < size < 200e6 for size in snapshot.worker_rss.values())
            processes = [process_of(pool, number) for number in range(2)]
    assert metrics.snapshot().disconnects == {"local": 10}
    assert not any(runs(pid) for pid in processes)

    lines = [one for one in caplog.records if one.name == "pyload.adsc"]
    texts = {one.getMessage() for one in lines}
    assert {"Connecting: 10.0.0.7", "Closing: 10.0.0.7"} <= texts
    assert "labels" in vars(lines[0])
    assert (lines[0].filename, lines[0].levelname) == ("client.py", "INFO")


@pytest.mark.grpc
async def test_a_killed_worker_is_replaced_with_its_proxies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The kernel kills one process for memory, and half of the mesh would be missing."""
    configured = Configured()
    async with (
        running_mesh() as mesh,
        mesh.plane.serve() as addresses,
        pool_of(2, addresses.plaintext, events=configured) as pool,
    ):
        for number in range(10):
            pool.start(spec(number))
        await until(lambda: len(configured.keys) == 10)
        os.kill(process_of(pool), signal.SIGKILL)
        begun = time.monotonic()
        await until(lambda: pool.counts.connected_now == 5)
        await until(lambda: pool.counts.configured_now == 10)
        assert time.monotonic() - begun < 5
        assert len(configured.keys) == 10
    lines = [one.message for one in caplog.records if "worker" in one.message]
    assert lines == ["worker 0 died of signal 9: it is started again with its proxies (5)"]


@pytest.mark.grpc
async def test_signals_for_all_processes_leave_workers_alone() -> None:
    """Ctrl-C would kill the proxies before the run has measured and stopped them."""
    async with pool_of(1) as pool:
        pool.start(spec(0))
        await until(pool._workers[0].ready.is_set)
        pid = process_of(pool)
        assert os.getsid(pid) == pid
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        await pool.refresh()
        assert process_of(pool) == pid
        assert pool._workers[0].totals.restarts == 0


@pytest.mark.grpc
@pytest.mark.parametrize(
    ("program", "says"),
    [("/no/such/python", "cannot start a worker process"), ("/bin/false", "exit code 1")],
)
async def test_workers_that_cannot_start_are_an_error(
    monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    """A run would wait for ever for proxies that nobody runs."""
    monkeypatch.setattr(sys, "executable", program)
    async with pool_of(2) as pool:
        pool.start(spec(0))
        with pytest.raises(PyloadError, match=says):
            await pool.run()


@pytest.mark.grpc
async def test_an_interrupted_start_leaves_no_process() -> None:
    """Ctrl-C right at the start would leave a process that nobody knows."""
    before = children()
    starting = asyncio.create_task(spawn(Pipe(print)))
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    assert starting.cancelled()
    assert children() == before


def test_workers_end_with_their_parent_even_if_it_is_killed() -> None:
    """Processes would stay behind with ten thousand connections to somebody's istiod."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    deadline = time.monotonic() + 5
    while any(runs(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_imports_only_what_proxies_need() -> None:
    """Each core would pay for a Kubernetes client, a web server and a terminal."""
    code = (
        "import sys, pyload.proxies.pool.worker, pyload.xds.lean;"
        "unwanted = 'kubernetes_asyncio aiohttp rich prometheus_client grpc cryptography click "
        "yaml pydantic envoy_data_plane multiprocessing'.split();"
        "print(*(name for name in unwanted if name in sys.modules),"
        "*(name for name in sys.modules if name.startswith(('pyload.kube', 'pyload.commands',"
        " 'pyload.cli', 'pyload.config', 'pyload.report.result', 'pyload.report.prometheus'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""
