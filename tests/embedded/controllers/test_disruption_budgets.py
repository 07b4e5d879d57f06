"""The status of budgets, as `kubectl get pdb` shows it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controllers.disruption_budgets import budget_status

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

NOW = "2024-01-01T00:00:00Z"


def status(*, ready: int, expected: int | None = None, pods: int = 4, **spec: Any) -> Any:
    """Return the status of a budget of some pods, the first of which are ready."""
    budget = {"metadata": {"generation": 3}, "spec": spec}
    conditions = ["True" if at < ready else "False" for at in range(pods)]
    covered = [
        {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": one}]}}
        for one in conditions
    ]
    return budget_status(budget, covered, expected=expected, now=NOW)


@pytest.mark.parametrize(
    ("spec", "ready", "expected", "allowed", "desired"),
    [
        ({"minAvailable": 3}, 4, None, 1, 3),
        ({"minAvailable": 3}, 3, 9, 0, 3),
        ({"minAvailable": "50%"}, 4, 5, 1, 3),
        ({"maxUnavailable": 1}, 4, 4, 1, 3),
        ({"maxUnavailable": 1}, 3, 4, 0, 3),
        ({"maxUnavailable": "30%"}, 4, 4, 2, 2),
        ({"maxUnavailable": 9}, 4, 4, 4, 0),
        ({"maxUnavailable": 1}, 4, None, 0, 5),
    ],
)
def test_a_budget_allows_what_is_above_its_least(
    spec: Any, ready: int, expected: int | None, allowed: int, desired: int
) -> None:
    """Shares are rounded up, and of pods without a controller no share is known."""
    found = status(ready=ready, expected=expected, **spec)

    assert (found["disruptionsAllowed"], found["desiredHealthy"]) == (allowed, desired)
    assert (found["currentHealthy"], found["observedGeneration"]) == (ready, 3)
    assert found["conditions"][0]["status"] == ("True" if allowed else "False")


def test_without_pods_nothing_is_allowed() -> None:
    """A budget that covers nothing lets nothing go."""
    assert status(ready=0, pods=0, minAvailable=0)["disruptionsAllowed"] == 0


def test_a_condition_that_lasts_keeps_its_time() -> None:
    """Otherwise each change of a pod would write the budget anew."""
    earlier = {"status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    budget = {
        "metadata": {"generation": 1},
        "spec": {"minAvailable": 1},
        "status": {"conditions": [earlier]},
    }

    found = budget_status(budget, [], expected=0, now=NOW)

    assert found["conditions"][0]["lastTransitionTime"] == "2020-01-01T00:00:00Z"


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_budget_follows_its_pods(api: Api, pod: Any) -> None:
    """`kubectl get pdb` shows the present number, counted from the workload that owns the pods."""
    apps, pods = "/apis/apps/v1/namespaces/default", "/api/v1/namespaces/default/pods"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("x")["spec"]}
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    _, replicas = await api(
        "POST", f"{apps}/statefulsets", {"metadata": {"name": "r"}, "spec": spec}
    )
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    wanted = {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    await api("POST", budgets, {"metadata": {"name": "b"}, "spec": wanted})
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "r", "controller": True}
    owner["uid"] = replicas["metadata"]["uid"]
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    for name in ("p", "q"):
        body = pod(name, {"a": "b"})
        body["metadata"]["ownerReferences"] = [owner]
        await api("POST", pods, body)
        await api("PATCH", f"{pods}/{name}/status", ready, "application/merge-patch+json")
    await asyncio.sleep(1)
    _, both = await api("GET", f"{budgets}/b")
    await api("DELETE", f"{pods}/p")
    await asyncio.sleep(1)
    _, one = await api("GET", f"{budgets}/b")

    assert both["status"]["expectedPods"] == 2
    assert both["status"]["disruptionsAllowed"] == 1
    assert one["status"]["disruptionsAllowed"] == 0
    assert one["metadata"]["generation"] == 1
