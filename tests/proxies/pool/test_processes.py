"""Worker processes beside the program that they belong to."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.proxies.pool.processes import runs

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]

PARENT = """
import asyncio, sys
from pyload.proxies.targets import TargetResolver
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.pool.messages import Setup
from pyload.proxies.pool.pool import WorkerPool
from pyload.report.metrics import Metrics
from pyload.tasks import run

async def main():
    resolver = TargetResolver(address="127.0.0.1:1", auth="plaintext")
    setup = Setup(delta=True, behavior=ProxyBehavior(), transport="lean")
    pool = WorkerPool(2, setup, resolver=resolver, metrics=Metrics())
    async with pool:
        print(*(worker._process.pid for worker in pool._workers), flush=True)
        await asyncio.sleep(60)

run(main())
"""


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
        " 'pyload.cli', 'pyload.config', 'pyload.report.summary', 'pyload.report.prometheus'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""
