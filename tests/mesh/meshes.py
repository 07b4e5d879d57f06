"""Meshes that tests run, and what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.parse import parse_config
from pyload.report.thresholds import parse_thresholds

if TYPE_CHECKING:
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

TYPES: list[ClusterType] = ["fake-node", "fake", "real"]

MESH = b"""
namespaces:
- name: mesh
  applications:
  - {name: web, replicas: 2, instances: 2}
  - {name: batch, type: plain, instances: 1}
nodes: [{name: node, count: 2}]
"""


EVERYTHING = b"""
istio: {default: true}
namespaces:
- name: mesh
  istio: {default: true}
  applications:
  - {name: web, instances: 2, istio: {default: true, virtualService: {gateways: [main]}}}
  - {name: gw, type: router, instances: 1, gateways: {name: main, replicas: 2}}
  - {name: ambient, type: ambient, instances: 1}
  - {name: outside, type: external, istio: {default: true}}
  - {name: machines, type: vm}
nodes: [{name: node, count: 2, ztunnel: {}}]
"""

AMBIENT = b"""
namespaces:
- name: mesh
  waypoint: wp
  gracePeriod: 10ms
  applications:
  - {name: wp, type: waypoint, pods: 2}
  - {name: app, type: ambient, replicas: 2, pods: 2}
  - {name: gw, type: gateway, pods: 1}
nodes: [{name: node, count: 2, ztunnel: {}}]
"""

OURS = "pyload.dev/run"


UNJUDGED = parse_thresholds(["none"])


def options(
    cluster_type: ClusterType = "fake-node", *, text: bytes = MESH, duration: float | None = 5.0
) -> ClusterOptions:
    """Return the options of a run that is not judged by default."""
    return ClusterOptions(
        thresholds=UNJUDGED,
        loaded=parse_config(text, source="mesh.yaml"),
        cluster_type=cluster_type,
        duration=duration,
        seed=1,
    )


def nothing_left(world: World) -> bool:
    """Return whether the API server is as it was before the run."""
    ours = [
        obj["metadata"]["name"]
        for _, obj in world.server.store.objects()
        if OURS in (obj["metadata"].get("labels") or {})
    ]
    return world.names("Pod") == ours == [] and "mesh" not in world.names("Namespace")
