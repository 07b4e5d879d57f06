"""The part of an object that a request may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SPACES = "/api/v1/namespaces"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"


async def test_status_is_only_written_through_its_path(api: Api, pod: Any) -> None:
    """A POST or PUT of a pod must not set its status, nor a status PUT its spec."""
    body = pod("p", {"a": "b"}, nodeName="n")
    _, created = await api("POST", PODS, {**body, "status": {"phase": "Running"}})
    running = {**created, "status": {"phase": "Running", "podIP": "10.0.0.9"}}
    running["spec"] = {**created["spec"], "nodeName": "elsewhere"}

    _, updated = await api("PUT", f"{PODS}/p/status", running)
    _, replaced = await api("PUT", f"{PODS}/p", {**updated, "status": {"phase": "Failed"}})
    _, read = await api("GET", f"{PODS}/p/status")

    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert updated["spec"]["nodeName"] == "n"
    assert updated["status"] == {
        "qosClass": "BestEffort",
        "phase": "Running",
        "podIP": "10.0.0.9",
        "podIPs": [{"ip": "10.0.0.9"}],
    }
    assert replaced["status"] == updated["status"] == read["status"]


async def test_a_node_keeps_the_status_it_is_created_with(api: Api) -> None:
    """pilot-load posts nodes with their status, which a real server keeps."""
    body = {"metadata": {"name": "n"}, "status": {"phase": "Running"}}

    _, node = await api("POST", "/api/v1/nodes", body)
    _, replaced = await api("PUT", "/api/v1/nodes/n", {"metadata": {"name": "n"}, "spec": {}})
    _, cleared = await api("PUT", "/api/v1/nodes/n/status", {"metadata": {"name": "n"}})

    assert node["status"] == replaced["status"] == {"phase": "Running"}
    assert "status" not in cleared


@pytest.mark.parametrize(
    "metadata", [{"labels": []}, {"annotations": []}, {"finalizers": "x"}, {"name": 1}]
)
async def test_metadata_has_its_types(api: Api, metadata: Obj) -> None:
    """A list of labels would break every selector later."""
    code, _ = await api("POST", MAPS, {"metadata": {"name": "c", **metadata}})

    assert code == 400


async def test_an_update_leaves_finalizers_and_status_alone(api: Api) -> None:
    """pilot-load PUTs namespaces without a spec and then their status."""
    await api("POST", SPACES, {"metadata": {"name": "n"}})

    _, updated = await api("PUT", f"{SPACES}/n", {"metadata": {"name": "n", "labels": {"a": "b"}}})
    code, _ = await api("PUT", f"{SPACES}/n/status", {**updated, "status": {"phase": "Active"}})

    assert code == 200
    assert updated["spec"] == {"finalizers": ["kubernetes"]}
    assert updated["status"] == {"phase": "Active"}
    assert updated["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "n"}
