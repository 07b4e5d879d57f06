"""The order in which a plan becomes a mesh, and what each of its steps creates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyload.config.parse import parse_config
from pyload.mesh.steps import ObjectStep, PodStep, parts_of
from tests.mesh.test_planner import make_plan

if TYPE_CHECKING:
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.plan import Plan
    from pyload.mesh.steps import Group

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TYPES: list[ClusterType] = ["fake-node", "fake", "real", "kwok"]
TEXT = """
istio: {telemetry: {}}
namespaces:
- name: mesh
  istio: {sidecar: {}}
  applications:
  - {name: web, replicas: 2, instances: 2, istio: {default: true}}
  - {name: gw, type: router, instances: 1, gateways: {name: main, replicas: 2}}
  - {name: vm, type: vm}
- name: other
  applications: [{name: plain, type: plain}]
nodes: [{name: node, count: 2%s}]
"""


def plan_of(cluster_type: ClusterType) -> Plan:
    """Plan a mesh with nearly everything, and ztunnels where there can be some."""
    text = TEXT % ("" if cluster_type == "kwok" else ", ztunnel: {}")
    return make_plan(parse_config(text.encode(), source="f").config, cluster_type)


def kinds(group: Group) -> list[str]:
    """Return the kinds of a group's objects, each once."""
    found = [
        step.entry.resource.kind
        for step in group.steps
        if isinstance(step, ObjectStep | PodStep) and step.entry
    ]
    return list(dict.fromkeys(found))


def test_what_others_need_comes_first() -> None:
    """Pods would be refused: their node, namespace or service account was not there yet."""
    parts = list(parts_of(plan_of("fake"), authenticated=True))

    assert [part.title for part in parts] == [
        "ztunnels",
        "nodes",
        "nodes",
        "istio resources",
        "namespace",
        "namespace",
    ]
    assert [kinds(group) for group in parts[4].groups][:5] == [
        ["Namespace"],
        ["Sidecar"],
        [],
        ["ServiceAccount"],
        ["Role", "RoleBinding"],
    ]
    assert [group.app.type.name for group in parts[4].groups if group.app] == [
        "sidecar",
        "sidecar",
        "router",
        "vm",
    ]


def test_proxies_that_show_nothing_need_no_rights() -> None:
    """A run against istiod's plaintext port would need rights on roles, which few have."""
    parts = list(parts_of(plan_of("fake-node"), authenticated=False))
    found = {kind for part in parts for group in part.groups for kind in kinds(group)}

    assert not found & {"Role", "RoleBinding", "ServiceAccount"}
