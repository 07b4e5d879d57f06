"""Evictions: what `kubectl drain` asks for, and what budgets refuse."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PODS = "/api/v1/namespaces/default/pods"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def eviction(**options: Any) -> dict[str, Any]:
    """Return an Eviction of the pod ``p``."""
    named = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    return {**named, "deleteOptions": options}


async def run_pods(api: Api, pod: Any, *names: str, ready: bool = True, node: str = "") -> None:
    """Create pods that run, with the label ``a=b``."""
    status = {"type": "Ready", "status": "True" if ready else "False"}
    for name in names:
        await api("POST", PODS, pod(name, {"a": "b"}, **({"nodeName": node} if node else {})))
        running = {"status": {"phase": "Running", "conditions": [status]}}
        merge = "application/merge-patch+json"
        await api("PATCH", f"{PODS}/{name}/status", running, merge)


async def create_budget(api: Api, name: str = "b", *, settled: bool = True, **spec: Any) -> None:
    """Create a budget of the pods with the label ``a=b``."""
    selector = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
    await api("POST", BUDGETS, {"metadata": {"name": name}, "spec": {"selector": selector, **spec}})
    if settled:
        await asyncio.sleep(1)


async def test_a_pod_is_evicted(api: Api, pod: Any) -> None:
    """`kubectl drain` posts an Eviction for each pod; without it no node can be drained."""
    await run_pods(api, pod, "p")

    dry = await api("POST", f"{PODS}/p/eviction", eviction(dryRun=["All"]))
    dry_by_query = await api("POST", f"{PODS}/p/eviction", eviction(), dryRun="All")
    stays, _ = await api("GET", f"{PODS}/p")
    code, answer = await api("POST", f"{PODS}/p/eviction", eviction())
    gone, _ = await api("GET", f"{PODS}/p")
    missing, _ = await api("POST", f"{PODS}/p/eviction", eviction())

    assert (dry[0], dry_by_query[0], stays, code, gone, missing) == (201, 201, 200, 201, 404, 404)
    assert (answer["kind"], answer["status"]) == ("Status", "Success")


async def test_an_eviction_deletes_as_its_options_say(api: Api, pod: Any) -> None:
    """A drain with a grace period, or of a pod that was replaced, does what its flags say."""
    await run_pods(api, pod, "p", node="n")

    other, _ = await api("POST", f"{PODS}/p/eviction", eviction(preconditions={"uid": "x"}))
    wrong, _ = await api("POST", f"{PODS}/p/eviction", {"metadata": {"name": "q"}})
    broken, _ = await api("POST", f"{PODS}/p/eviction", [])
    read, _ = await api("GET", f"{PODS}/p/eviction")
    code, _ = await api("POST", f"{PODS}/p/eviction", eviction(gracePeriodSeconds=7))
    _, going = await api("GET", f"{PODS}/p")

    assert (other, wrong, broken, read, code) == (409, 400, 400, 405, 201)
    assert going["metadata"]["deletionGracePeriodSeconds"] == 7


async def test_a_budget_lets_only_so_many_pods_go(api: Api, pod: Any) -> None:
    """A drain that ignores budgets would pass here and hang in a real cluster."""
    await run_pods(api, pod, "p", "q")
    await create_budget(api, minAvailable=1)

    first, _ = await api("POST", f"{PODS}/p/eviction", eviction())
    at_once = await api("POST", f"{PODS}/q/eviction", {})
    await asyncio.sleep(1)
    later = await api("POST", f"{PODS}/q/eviction", {})

    assert first == 201
    for code, answer in (at_once, later):
        assert (code, answer["reason"], answer["message"]) == (429, "TooManyRequests", REFUSED)
    assert later[1]["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
        }
    ]


async def test_a_budget_that_is_new_says_when_to_come_back(api: Api, pod: Any) -> None:
    """Clients wait for the seconds of the header, without which they would try at once."""
    await run_pods(api, pod, "p")
    await create_budget(api, minAvailable=1, settled=False)

    answer = await api.transport.request("POST", f"{PODS}/p/eviction", body=b"{}")

    assert (answer.status, answer.retry_after) == (429, 10)
    assert b"still being processed" in answer.body


async def test_pods_that_serve_nobody_need_no_budget(api: Api, pod: Any) -> None:
    """A pod that never started, or is not ready while enough others are, must not stop a drain."""
    await run_pods(api, pod, "q")
    await run_pods(api, pod, "p", ready=False)
    await api("POST", PODS, pod("pending", {"a": "b"}))
    await create_budget(api, minAvailable=1)

    codes = [
        (await api("POST", f"{PODS}/{name}/eviction", {}))[0] for name in ("pending", "p", "q")
    ]

    assert codes == [201, 201, 429]


async def test_unhealthy_pods_go_where_the_budget_always_lets_them(api: Api, pod: Any) -> None:
    """Otherwise a node with broken pods could never be drained."""
    await run_pods(api, pod, "p", "q", ready=False)
    await create_budget(api, minAvailable=1)
    kept, _ = await api("POST", f"{PODS}/p/eviction", {})
    await api("DELETE", f"{BUDGETS}/b")
    await create_budget(api, minAvailable=1, unhealthyPodEvictionPolicy="AlwaysAllow")

    gone, _ = await api("POST", f"{PODS}/p/eviction", {})

    assert (kept, gone) == (429, 201)


async def test_a_pod_of_two_budgets_cannot_be_evicted(api: Api, pod: Any) -> None:
    """A real server refuses it too, and says so."""
    await run_pods(api, pod, "p")
    await create_budget(api, minAvailable=0)
    await create_budget(api, "c", minAvailable=0)

    code, answer = await api("POST", f"{PODS}/p/eviction", {})

    assert code == 500
    assert "more than one PodDisruptionBudget" in answer["message"]
