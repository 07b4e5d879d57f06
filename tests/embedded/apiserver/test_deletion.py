"""Deletion that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PODS = "/api/v1/namespaces/default/pods"


async def test_a_bound_pod_waits_for_its_kubelet(api: Api, pod: Any) -> None:
    """With a grace period the kubelet deletes the pod; without one it vanishes at once."""
    await api("POST", PODS, pod("slow", nodeName="n"))
    await api("POST", PODS, pod("fast", nodeName="n", terminationGracePeriodSeconds=0))
    _, before = await api("GET", PODS)

    _, slow = await api("DELETE", f"{PODS}/slow")
    _, fast = await api("DELETE", f"{PODS}/fast")
    waiting, _ = await api("GET", f"{PODS}/slow")
    second, _ = await api("DELETE", f"{PODS}/slow", {"gracePeriodSeconds": 0})
    third, _ = await api("DELETE", f"{PODS}/slow", {"gracePeriodSeconds": 0})
    events = await api.watch(PODS, resourceVersion=before["metadata"]["resourceVersion"])

    assert slow["metadata"]["deletionGracePeriodSeconds"] == 30
    assert fast["metadata"]["deletionGracePeriodSeconds"] == 0
    assert (waiting, second, third) == (200, 200, 404)
    assert [(type_, obj["metadata"]["name"]) for type_, obj in events] == [
        ("MODIFIED", "slow"),
        ("MODIFIED", "fast"),
        ("DELETED", "fast"),
        ("MODIFIED", "slow"),
        ("DELETED", "slow"),
    ]


async def test_a_deletion_that_waits_is_a_new_generation(api: Api) -> None:
    """A controller that compares generations would not notice that its object is to go."""
    path = "/apis/networking.istio.io/v1/namespaces/default/sidecars"
    metadata = {"name": "s", "finalizers": ["x/y"]}
    await api("POST", path, {"metadata": metadata, "spec": {}})

    _, marked = await api("DELETE", f"{path}/s")
    _, again = await api("DELETE", f"{path}/s")

    assert marked["metadata"]["generation"] == 2
    assert again["metadata"]["generation"] == 2
