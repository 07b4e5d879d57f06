"""Meshes that pyload made, captured and replayed by pyload."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from pyload.commands.reproduce.command import ReproduceCommand, ReproduceOptions
from pyload.commands.reproduce.spool import CaptureSpool
from pyload.harness.connection import Connection
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.tasks import Shutdown
from tests.mesh.conftest import open_world
from tests.mesh.meshes import options
from tests.proxies.resolvers import resolver_of

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.harness.outcome import Outcome
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

CLASSIC = b"""
namespaces:
- name: mesh
  applications:
  - {name: side, replicas: 2, instances: 2}
  - {name: gw, type: router, instances: 2, gateways: {name: main, replicas: 1}}
  - {name: plain, type: plain, instances: 1}
  - {name: amb, type: ambient, instances: 1}
  - {name: zt, type: ztunnel, instances: 1}
  - {name: ext, type: external}
  - {name: vm, type: vm}
nodes: [{name: node, count: 2}]
"""

CURRENT = b"""
namespaces:
- name: mesh
  waypoint: waypoint
  applications:
  - {name: side, type: sidecar, pods: 2}
  - {name: gw, type: gateway, pods: 2}
  - {name: waypoint, type: waypoint, pods: 2}
  - {name: plain, pods: 1}
  - {name: amb, type: ambient, pods: 1}
  - {name: zt, type: ztunnel, pods: 1}
  - {name: ext, type: external}
  - {name: vm, type: vm}
nodes: [{name: node, count: 2}]
"""


async def capture(world: World, cluster_type: ClusterType, text: bytes) -> str:
    """Run a mesh, and return what `kubectl get -A -o json` shows of it meanwhile."""
    shutdown = Shutdown()
    run = asyncio.create_task(
        world.run(options(cluster_type, text=text, duration=None), shutdown), name="run"
    )
    await asyncio.sleep(10)
    items = [
        {**obj, "apiVersion": resource.api_version, "kind": resource.kind}
        for resource, obj in world.server.objects()
    ]
    shutdown.signal()
    assert (await run).error is None
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


async def replay(world: World, file: Path) -> Outcome:
    """Replay a capture for some seconds."""
    wanted = ReproduceOptions(file=str(file), duration=5, connection=Connection(metrics_addr=""))
    with CaptureSpool() as spool:
        spool.load(wanted.file, config_only=False, stopped=lambda: False)
        spool.drop_doubled_slices()
        servers = Servers(Client(world.server.transport()), "memory", resolver_of(world.nodes))
        return await ReproduceCommand(wanted, spool, servers).run(Shutdown())


@pytest.mark.parametrize("cluster_type", ["fake-node", "fake"])
@pytest.mark.parametrize(
    ("text", "types"),
    [
        (CLASSIC, {"sidecar": 4, "router": 2}),
        (CURRENT, {"sidecar": 2, "router": 2, "waypoint": 2}),
    ],
    ids=["classic", "current"],
)
async def test_a_capture_of_a_mesh_of_pyloads_runs_its_proxies(
    tmp_path: Path, cluster_type: ClusterType, text: bytes, types: dict[str, int]
) -> None:
    """The natural demonstration, a run and a replay of it, ran nobody (B16)."""
    file = tmp_path / "capture.json"
    async with open_world() as world:
        file.write_text(await capture(world, cluster_type, text))
        ran = set(world.nodes.ids)
    async with open_world() as world:
        outcome = await replay(world, file)

    assert outcome.error is None
    assert outcome.result.proxies.configured == sum(types.values())
    assert {kind: sum(one.startswith(f"{kind}~") for one in ran) for kind in types} == types
    assert world.nodes.ids == ran
