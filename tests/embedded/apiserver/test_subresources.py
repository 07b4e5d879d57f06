"""Scale, binding and finalize: a part of an object changes, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SPACES = "/api/v1/namespaces"
PODS = "/api/v1/namespaces/default/pods"


async def test_workloads_scale(api: Api) -> None:
    """`kubectl scale` goes through the scale subresource."""
    path = "/apis/apps/v1/namespaces/default/deployments"
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    await api("POST", path, {"metadata": {"name": "d"}, "spec": spec})

    merge = "application/merge-patch+json"
    patched = await api("PATCH", f"{path}/d/scale", {"spec": {"replicas": 3}}, merge)
    read = await api("GET", f"{path}/d/scale")
    put = await api("PUT", f"{path}/d/scale", {"spec": {"replicas": 4}}, dryRun="All")
    applied = await api.apply(f"{path}/d/scale", {"spec": {"replicas": 5}}, manager="m")
    negative = await api("PUT", f"{path}/d/scale", {"spec": {"replicas": -1}})
    listed = await api("PUT", f"{path}/d/scale", [])
    _, deployment = await api("GET", f"{path}/d")

    assert [answer[0] for answer in (patched, read, put, negative, listed)] == [
        200,
        200,
        200,
        422,
        400,
    ]
    assert applied[0] == 415
    assert read[1]["status"]["selector"] == "a=b"
    assert put[1]["spec"] == {"replicas": 4}
    assert (deployment["spec"]["replicas"], deployment["metadata"]["generation"]) == (3, 2)


async def test_pods_are_bound_once(api: Api, pod: Any) -> None:
    """A scheduler binds through the binding subresource."""
    await api("POST", PODS, pod("p"))
    body = {"target": {"kind": "Node", "name": "n"}}

    nowhere, _ = await api("POST", f"{PODS}/p/binding", {})
    bound, _ = await api("POST", f"{PODS}/p/binding", body)
    again, _ = await api("POST", f"{PODS}/p/binding", body)
    _, read = await api("GET", f"{PODS}/p")

    assert (nowhere, bound, again) == (400, 201, 409)
    assert read["spec"]["nodeName"] == "n"
    assert read["status"]["conditions"][0]["type"] == "PodScheduled"


async def test_finalizing_by_hand_orphans_the_contents(api: Api) -> None:
    """pilot-load forces namespaces away; a real server then forgets to delete what was in them."""
    await api("POST", SPACES, {"metadata": {"name": "n"}})
    await api("DELETE", f"{SPACES}/n")

    body = {"metadata": {"name": "n"}, "spec": {}}
    dry, _ = await api("PUT", f"{SPACES}/n/finalize", body, dryRun="All")
    finalized, _ = await api("PUT", f"{SPACES}/n/finalize", body)
    gone, _ = await api("GET", f"{SPACES}/n")
    orphan, _ = await api("DELETE", f"{SPACES}/n/configmaps/kube-root-ca.crt")
    missing, _ = await api("PUT", f"{SPACES}/n/finalize", body)
    await asyncio.sleep(1)

    assert (dry, finalized, gone, orphan, missing) == (200, 200, 404, 200, 404)
