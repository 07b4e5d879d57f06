"""Objects in another version of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.versions import in_version

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PATH = "namespaces/default/horizontalpodautoscalers"
OLD, NEW = (f"/apis/autoscaling/{version}/{PATH}" for version in ("v1", "v2"))


def metric(name: str, share: int) -> dict[str, object]:
    """Return a metric of version v2."""
    target = {"type": "Utilization", "averageUtilization": share}
    return {"type": "Resource", "resource": {"name": name, "target": target}}


async def test_an_autoscaler_is_created_in_its_old_version(api: Api) -> None:
    """`kubectl autoscale` before 1.33 knows no other."""
    body = {
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
    }

    code, created = await api("POST", OLD, body)
    _, new = await api("GET", f"{NEW}/a")

    assert (code, created["apiVersion"]) == (201, "autoscaling/v1")
    assert created["spec"] == {
        "minReplicas": 1,
        "maxReplicas": 3,
        "targetCPUUtilizationPercentage": 50,
    }
    assert new["spec"] == {"minReplicas": 1, "maxReplicas": 3, "metrics": [metric("cpu", 50)]}


async def test_nothing_is_lost_on_the_way_through_an_old_version(api: Api) -> None:
    """A client of v1 that changes a label would take the other metrics away."""
    spec = {
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [metric("memory", 70), metric("cpu", 50)],
        "behavior": {"scaleDown": {"policies": []}},
    }
    await api("POST", NEW, {"metadata": {"name": "a", "annotations": {"x": "y"}}, "spec": spec})

    _, old = await api("GET", f"{OLD}/a")
    code, _ = await api(
        "PUT", f"{OLD}/a", {**old, "metadata": {**old["metadata"], "labels": {"l": "m"}}}
    )
    _, new = await api("GET", f"{NEW}/a")

    assert code == 200
    assert old["spec"]["targetCPUUtilizationPercentage"] == 50
    assert (new["metadata"]["labels"], new["metadata"]["annotations"]) == ({"l": "m"}, {"x": "y"})
    assert new["spec"] == {**spec, "metrics": [metric("cpu", 50), metric("memory", 70)]}


def test_other_kinds_differ_by_name_alone() -> None:
    """Objects of custom kinds are not looked into."""
    assert in_version({"apiVersion": "x/v1", "a": 1}, "x/v2") == {"apiVersion": "x/v2", "a": 1}
