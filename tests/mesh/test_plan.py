"""What a plan says of itself, held to the steps that are made of it."""

from __future__ import annotations

import pytest

from pyload.config.parse import parse_config
from pyload.mesh.istio_objects import RESOURCES
from pyload.mesh.proxy_specs import proxy_of_pod
from pyload.mesh.steps import ObjectStep, PodStep, TemplateStep, parts_of
from tests.mesh.test_planner import make_plan
from tests.mesh.test_steps import TYPES

TEXT = b"""
istio: {telemetry: {}, sidecar: {}}
namespaces:
- name: mesh
  replicas: 2
  istio: {sidecar: {}, envoyFilter: {}}
  applications:
  - {name: web, replicas: 2, instances: 3, istio: {default: true}}
  - {name: plain, type: plain, instances: 2}
  - {name: vm, type: vm}
- name: edge
  applications: [{name: gw, type: router, instances: 2, gateways: {name: main, replicas: 2}}]
nodes: [{name: node, count: 2%s}]
"""
TEMPLATES = b"""
namespaces:
- name: one
  replicas: 2
  configs: [sidecar]
  applications: [{name: a, replicas: 2, configs: [mine, sidecar]}]
- name: two
  configs: [mine]
  applications: [{name: b, configs: [mine]}]
templates: {mine: "{kind: A}"}
"""


@pytest.mark.parametrize("cluster_type", TYPES)
def test_istio_objects_come_in_the_order_of_their_steps(cluster_type: str) -> None:
    """Churn and the look-up of kinds go by this list, and would miss what is not in it."""
    text = TEXT % (b"" if cluster_type == "kwok" else b", ztunnel: {}")
    plan = make_plan(parse_config(text, source="f").config, cluster_type)
    kinds = set(RESOURCES.values())
    written = [
        (step.entry.resource, step.entry.name)
        for part in parts_of(plan, authenticated=True)
        for group in part.groups
        for step in group.steps
        if isinstance(step, ObjectStep) and step.entry.resource in kinds
    ]

    assert written == [(RESOURCES[one.kind], one.name) for one in plan.all_istio_objects]
    assert len(written) > 20


@pytest.mark.parametrize("cluster_type", TYPES)
def test_pods_and_proxies_are_counted_as_they_start(cluster_type: str) -> None:
    """The end of a start and the number of workers depend on it: a run would wait for ever."""
    text = TEXT % (b"" if cluster_type == "kwok" else b", ztunnel: {}")
    plan = make_plan(parse_config(text, source="f").config, cluster_type)
    started = [
        (step.app, step.pod)
        for part in parts_of(plan, authenticated=True)
        for group in part.groups
        for step in group.steps
        if isinstance(step, PodStep)
    ]
    proxies = [
        spec for app, pod in started if (spec := proxy_of_pod(app, pod, plan.traits)) is not None
    ]

    assert plan.pod_count == 18
    assert plan.proxy_count == 14 + len(plan.ztunnels)
    if cluster_type != "kwok":  # where deployments make the pods
        assert len(started) == plan.pod_count
        assert len(proxies) + len(plan.ztunnels) == plan.proxy_count


def test_templates_come_in_the_order_of_their_steps() -> None:
    """The API server is asked for the kinds of these before anything is written."""
    plan = make_plan(parse_config(TEMPLATES, source="f").config)
    steps = [
        step.instance
        for part in parts_of(plan, authenticated=False)
        for group in part.groups
        for step in group.steps
        if isinstance(step, TemplateStep)
    ]

    assert steps == list(plan.all_templates)
    assert len(steps) == 12


def test_gateways_are_found_wherever_they_are() -> None:
    """Over TLS they need the right to read Secrets, which is asked for by namespace."""
    plan = make_plan(parse_config(TEXT % b"", source="f").config)

    assert [one.name for one in plan.namespaces if one.has_gateways] == ["edge"]
