"""What probes show of a control plane that is slow for some proxies and leaves one out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.command import claimed_mesh
from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.cluster.planning import plan_run
from pyload.config.parse import parse_config
from pyload.embedded.controlplane.faults import PushFaults
from pyload.embedded.stack import run_stack
from pyload.harness.connection import Connection
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.servers import Endpoints, assemble
from pyload.kube.client import Client
from pyload.report.thresholds import parse_thresholds
from pyload.tasks import Shutdown, Supervisor

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.process,
    pytest.mark.socket,
    pytest.mark.timeout(90),
]

MESH = b"""
namespaces:
- name: mesh
  applications: [{name: web, replicas: 5, instances: 20}]
"""
DELAY = 0.3
BEFORE = 3
"""Probes before one proxy is left out."""


async def run(faults: PushFaults, *, workers: int) -> tuple[Outcome, str]:
    """Run a hundred proxies of which one is left out after some probes; return which it is."""
    options = ClusterOptions(
        loaded=parse_config(MESH, source="mesh.yaml"),
        workers=workers,
        probe=ProbeOptions(interval=0.8, timeout=1.5),
        duration=7.0,
        thresholds=parse_thresholds(["convergence.never == 0"]),
    )
    async with Supervisor() as background, run_stack(background, tls=False, faults=faults) as stack:
        await stack.plane.ready.wait()
        client = Client(stack.server.transport())
        endpoints = Endpoints(
            client, stack.plaintext, "plaintext", metrics_page=stack.plane.metrics_page
        )
        connection = Connection(auth="plaintext", metrics_addr="")
        async with (
            assemble(connection, endpoints, proxies=100, workers=workers) as servers,
            claimed_mesh(options, plan_run(options), servers) as command,
        ):
            task = asyncio.create_task(command.run(Shutdown(), background), name="run")
            probes = command.probes
            assert probes is not None
            while probes.figures().count < BEFORE * 100:
                await asyncio.sleep(0.05)
                assert not task.done(), "the run ended early"
            ids = {one.proxy.id for one in stack.plane._connections}
            left_out = min(ids - faults.delayed)
            faults.left_out.add(left_out)
            return await task, left_out


@pytest.mark.parametrize("workers", [0, 1, 2])
async def test_the_faults_show_and_nothing_else(workers: int) -> None:
    """The figures of a fleet would depend on how many processes it has, or blame the wrong."""
    faults = PushFaults(delay=DELAY)
    outcome, left_out = await run(faults, workers=workers)
    found = outcome.result.convergence
    assert found is not None

    assert len(faults.delayed) == 10
    assert {one.name for one in found.slowest} == {name_of(one) for one in faults.delayed}
    assert all(one.seconds >= DELAY + 0.1 for one in found.slowest)
    assert found.p50 is not None
    assert found.p99 is not None
    assert found.p50 < DELAY < DELAY + 0.1 <= found.p99
    assert [one.name for one in found.missing] == [name_of(left_out)]
    assert found.never == found.missing[0].probes >= 1
    assert (found.out_of_scope, found.withdrawn) == (0, 0)
    assert found.never + found.in_flight == found.probes - BEFORE
    assert found.expected == 100 * found.probes
    numbers = {one.worker for one in (*found.slowest, *found.missing)}
    assert numbers == ({*range(workers)} if workers else {None})
    # What was measured decides how the run ends.
    assert outcome.error is not None
    assert "convergence.never == 0" in str(outcome.error)


def name_of(node_id: str) -> str:
    """Return the name of a pod by the id of its node."""
    return node_id.split("~")[2].partition(".")[0]
