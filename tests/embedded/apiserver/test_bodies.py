"""The part of an object that a request may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.bodies import read_object, with_status
from pyload.embedded.apiserver.kinds import DEPLOYMENT
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import Target, parse_target
from tests.embedded.apiserver.served import CUSTOM, KINDS

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


def _target(path: str) -> Target:
    target = parse_target(path, KINDS)
    assert target is not None
    return target


def test_a_body_may_leave_out_what_its_path_says() -> None:
    """Old scripts post objects without kind, namespace or name."""
    body = {"spec": {"nodeName": "n"}}

    obj = read_object(body, _target(f"{PODS}/p"))

    assert obj == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"nodeName": "n"},
    }
    assert body == {"spec": {"nodeName": "n"}}
    node = read_object({"metadata": {"namespace": "x"}}, _target("/api/v1/nodes/n"))
    assert node["metadata"] == {"name": "n"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "not an object"),
        ({"kind": "Node"}, "cannot be handled as a Pod"),
        ({"apiVersion": "v2"}, "in version 'v2'"),
        ({"metadata": None}, "metadata is not"),
        ({"metadata": {"labels": [1]}}, "metadata.labels"),
        ({"metadata": {"name": "q"}}, r"the name of the object \(q\) does not match"),
        ({"metadata": {"namespace": "other"}}, "the namespace of the provided object"),
        ({"spec": []}, "spec and status"),
        ({"status": "Running"}, "spec and status"),
    ],
)
def test_a_body_that_contradicts_its_path_is_refused(body: object, said: str) -> None:
    """An object would be stored under the name of another."""
    with pytest.raises(Refused, match=said) as refused:
        read_object(body, _target(f"{PODS}/p"))

    assert refused.value.code == 400


def test_the_status_of_a_custom_object_takes_no_metadata_along() -> None:
    """A controller that writes a status would undo the labels that a user sets meanwhile."""
    old: Obj = {"metadata": {"name": "a", "labels": {"a": "old"}}, "spec": {"x": 1}}
    new: Obj = {"metadata": {"name": "a", "labels": {"a": "new"}}, "status": {"y": 2}, "spec": {}}

    custom, core = (with_status(kind, new, old) for kind in (CUSTOM[0], DEPLOYMENT))

    assert custom == {**old, "status": {"y": 2}}
    assert core["metadata"]["labels"] == {"a": "new"}
    assert (core["spec"]["x"], core["status"]) == (1, {"y": 2})
    assert "labels" not in with_status(DEPLOYMENT, {"metadata": {}}, old)["metadata"]
