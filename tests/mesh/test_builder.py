"""The objects of a plan's steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import pytest

from pyload.config.istio import KINDS
from pyload.gotemplate.sprig.certificates import Pair
from pyload.manifests.kwok import Placement
from pyload.mesh.builder import ObjectBuilder
from pyload.mesh.cluster_types import TRAITS
from pyload.mesh.istio_objects import RESOURCES, IstioObjectPlan, Kind
from pyload.mesh.steps import TemplateStep, parts_of
from pyload.mesh.writer import entry_of
from tests.mesh.test_steps import TYPES, plan_of

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from pyload.mesh.cluster_types import ClusterType

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ALL: tuple[Kind, ...] = get_args(Kind)
PAIRS = (Pair("certificate 0", "key 0"), Pair("certificate 1", "key 1"))


def body(plan: IstioObjectPlan) -> Obj:
    """Build an object."""
    builder = ObjectBuilder("run", TRAITS["fake-node"], placement=Placement(), pairs=lambda: PAIRS)
    resource, obj = RESOURCES[plan.kind], builder.istio_object(plan)
    assert (obj["apiVersion"], obj["kind"]) == (resource.api_version, resource.kind)
    return obj


@pytest.mark.parametrize("cluster_type", TYPES)
def test_a_step_names_the_object_that_it_creates(cluster_type: ClusterType) -> None:
    """Cleanup, which looks at the names alone, would leave an object that has another one."""
    plan = plan_of(cluster_type)
    builder = ObjectBuilder(plan.run_id, plan.traits, placement=Placement(), pairs=lambda: PAIRS)
    steps = [
        step
        for part in parts_of(plan, authenticated=True)
        for group in part.groups
        for step in group.steps
    ]
    named = 0
    for step in steps:
        assert not isinstance(step, TemplateStep)
        built = builder.build_all(step, NOW)
        assert [entry_of(step.entry.resource, obj) for obj in built if step.entry] == (
            [step.entry] if step.entry else []
        )
        assert all(
            (obj["apiVersion"], obj["kind"])
            == (step.entry.resource.api_version, step.entry.resource.kind)
            for obj in built
            if step.entry
        )
        named += len(built)

    assert named > 30
    assert len({step.entry for step in steps if step.entry}) == named  # type: ignore[union-attr]


def test_every_kind_has_a_resource_and_a_body() -> None:
    """A config with that kind would end in a traceback."""
    made = [
        body(IstioObjectPlan(kind, "n", "mesh", "app", "app", address="10.0.0.9")) for kind in ALL
    ]

    assert [obj["kind"] for obj in made] == [RESOURCES[kind].kind for kind in ALL]
    assert all(obj["metadata"]["labels"] == {"pyload.dev/run": "run"} for obj in made)


@pytest.mark.parametrize("kind", KINDS)
def test_objects_of_an_application_are_for_its_pods_only(kind: Kind) -> None:
    """A policy for one application would rule the whole namespace."""
    value = 100 if kind == "virtualService" else 0
    spec = body(IstioObjectPlan(kind, "n", "mesh", "app", "app", value=value))["spec"]
    if kind in ("virtualService", "destinationRule"):
        spec.pop("subsets", None)
        assert "app" in str(spec)
        return
    selector = spec.get("selector", {}).get("matchLabels") or spec["workloadSelector"]["labels"]
    shared = body(IstioObjectPlan(kind, "n", "mesh", "mesh"))["spec"]

    assert selector == {"app": "app"}
    assert not {"selector", "workloadSelector"} & set(shared)
