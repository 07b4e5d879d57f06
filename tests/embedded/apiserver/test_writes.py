"""Create, read, update and delete of single objects."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
ISTIO = "/apis/networking.istio.io"


def _map(name: str = "c", **rest: Any) -> Obj:
    return {"metadata": {"name": name, **rest}, "data": {"a": "1"}}


async def test_an_object_lives(api: Api) -> None:
    """The ordinary life of an object, with the codes that every client expects."""
    created = await api("POST", MAPS, _map())
    twice = await api("POST", MAPS, _map())
    read = await api("GET", f"{MAPS}/c")
    changed = await api("PUT", f"{MAPS}/c", {**created[1], "data": {"a": "2"}})
    stale = await api("PUT", f"{MAPS}/c", {**created[1], "data": {"a": "3"}})
    deleted = await api("DELETE", f"{MAPS}/c", {"gracePeriodSeconds": 0})
    gone = await api("DELETE", f"{MAPS}/c")

    codes = [answer[0] for answer in (created, twice, read, changed, stale, deleted, gone)]
    assert codes == [201, 409, 200, 200, 409, 200, 404]
    assert read[1] == created[1]
    assert (twice[1]["reason"], stale[1]["reason"]) == ("AlreadyExists", "Conflict")
    assert int(changed[1]["metadata"]["resourceVersion"]) > int(
        created[1]["metadata"]["resourceVersion"]
    )
    assert deleted[1]["status"] == "Success"
    assert gone[1] == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "c" not found',
        "reason": "NotFound",
        "details": {"name": "c", "kind": "configmaps"},
        "code": 404,
    }


async def test_a_request_body_is_never_changed(api: Api, pod: Any) -> None:
    """The observer compares bodies with recordings after the request."""
    seen: list[Any] = []
    bodies: list[bytes] = []

    def keep(request: Any) -> None:
        seen.append(request.body)
        bodies.append(orjson.dumps(request.body))

    api.server.intercept = keep
    await api("POST", PODS, pod("p", nodeName="n"))
    await api.apply(
        f"{PODS}/p/status", {"kind": "Pod", "status": {"podIP": "1.1.1.1"}}, manager="m"
    )
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}}
    await api("POST", "/api/v1/namespaces/default/services", service)
    await api("POST", "/api/v1/namespaces", {"metadata": {"name": "x"}})

    assert [orjson.dumps(body) for body in seen] == bodies


async def test_names_can_be_generated(api: Api) -> None:
    """Events and jobs leave the end of their names to the server."""
    _, first = await api("POST", MAPS, {"metadata": {"generateName": "x-"}})
    _, second = await api("POST", MAPS, {"metadata": {"generateName": "x-"}})

    assert first["metadata"]["name"].startswith("x-")
    assert len(first["metadata"]["name"]) == 7
    assert first["metadata"]["name"] != second["metadata"]["name"]


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", MAPS, {"metadata": {}}, 422),
        ("POST", MAPS, _map("Upper"), 422),
        ("POST", MAPS, _map("x" * 254), 422),
        ("POST", MAPS, _map(labels={"a b": "c"}), 422),
        ("POST", MAPS, _map(labels={"a": "b c"}), 422),
        ("POST", MAPS, _map(annotations={"a b": "c"}), 422),
        ("POST", MAPS, _map(finalizers=["a b"]), 422),
        ("POST", MAPS, _map(ownerReferences=[{"kind": "Pod"}]), 422),
        ("POST", MAPS, _map(namespace="other"), 400),
        ("POST", MAPS, _map(resourceVersion="7"), 500),
        ("POST", MAPS, {"kind": "Secret", "metadata": {"name": "c"}}, 400),
        ("POST", MAPS, {"apiVersion": "v2", "metadata": {"name": "c"}}, 400),
        ("POST", MAPS, [], 400),
        ("POST", MAPS, {"metadata": 1}, 400),
        ("POST", MAPS, {"metadata": {"name": "c"}, "spec": 1}, 400),
        ("POST", "/api/v1/namespaces/nowhere/configmaps", _map(), 404),
        ("POST", "/api/v1/configmaps", _map(), 405),
        ("POST", f"{MAPS}/c", _map(), 405),
        ("PUT", MAPS, _map(), 405),
        ("PUT", f"{MAPS}/c", _map(), 404),
        ("PUT", f"{MAPS}/c", _map("d"), 400),
        ("DELETE", "/api/v1/configmaps", None, 405),
        ("DELETE", f"{MAPS}/c", [1], 400),
        ("GET", f"{MAPS}/c/status", None, 404),
        ("GET", "/api/v1/namespaces/default/things", None, 404),
        ("GET", "/apis/nothing/v1/things", None, 404),
        ("POST", "/version", None, 405),
        ("POST", "/api/v1/namespaces", {"metadata": {"name": "a.b"}}, 422),
        ("POST", "/api/v1/namespaces/default/services", {"metadata": {"name": "1a"}}, 422),
        ("POST", PODS, {"metadata": {"name": "p"}}, 422),
        ("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "A"}]}}, 422),
        ("POST", DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": {}}, 422),
        (
            "POST",
            DEPLOYMENTS,
            {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}}},
            422,
        ),
        ("DELETE", "/api/v1/namespaces/kube-system", None, 403),
    ],
)
async def test_wrong_requests_get_the_codes_of_a_real_server(
    api: Api, method: str, path: str, body: object, code: int
) -> None:
    """Client libraries turn codes into exceptions that callers catch."""
    found, status = await api(method, path, body)

    assert (found, status["code"], status["kind"]) == (code, code, "Status")


async def test_all_causes_are_reported_at_once(api: Api) -> None:
    """A user should not have to mend an object one error at a time."""
    broken = {
        "metadata": {"name": "P"},
        "spec": {"containers": [{"name": "a"}, {"name": "a", "image": "x"}, {"image": "y"}]},
    }

    code, status = await api("POST", PODS, broken)

    assert code == 422
    assert [cause["field"] for cause in status["details"]["causes"]] == [
        "metadata.name",
        "spec.containers[0].image",
        "spec.containers[1].name",
        "spec.containers[2].name",
    ]


async def test_versions_of_a_kind_share_their_objects(api: Api) -> None:
    """pilot-load writes v1alpha3, istiod reads v1."""
    spec = {"hosts": ["a"]}
    old = f"{ISTIO}/v1alpha3/namespaces/default/virtualservices"
    body = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"name": "v"},
        "spec": spec,
        "status": {},
    }

    created, written = await api("POST", old, body)
    _, new = await api("GET", f"{ISTIO}/v1/namespaces/default/virtualservices/v")
    _, listed = await api("GET", f"{ISTIO}/v1beta1/virtualservices")
    twice, _ = await api(
        "POST", f"{ISTIO}/v1/namespaces/default/virtualservices", {"metadata": {"name": "v"}}
    )

    assert (created, twice) == (201, 409)
    assert written["apiVersion"] == "networking.istio.io/v1alpha3"
    assert "status" not in written
    assert {**new, "apiVersion": written["apiVersion"]} == written
    assert new["apiVersion"] == "networking.istio.io/v1"
    assert listed["items"][0]["apiVersion"] == "networking.istio.io/v1beta1"
    other, _ = await api("GET", "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/v")
    assert other == 404


async def test_custom_objects_need_a_version_to_be_replaced(api: Api) -> None:
    """A PUT without resourceVersion is allowed for core kinds only."""
    path = f"{ISTIO}/v1/namespaces/default/sidecars"
    body = {"metadata": {"name": "s"}, "spec": {}}
    _, created = await api("POST", path, body)
    await api("POST", MAPS, _map())

    blind, _ = await api("PUT", f"{path}/s", body)
    seeing, _ = await api("PUT", f"{path}/s", {**created, "spec": {"egress": []}})
    core, _ = await api("PUT", f"{MAPS}/c", _map())

    assert (blind, seeing, core) == (422, 200, 200)


async def test_some_kinds_are_created_by_put(api: Api) -> None:
    """Leases and endpoints may be written without asking whether they exist."""
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}

    code, _ = await api("PUT", f"{LEASES}/l", lease)

    assert code == 201


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


async def test_patches_of_all_types_apply(api: Api) -> None:
    """Kubectl and controllers use all of them."""
    await api("POST", MAPS, _map())
    merged = await api(
        "PATCH", f"{MAPS}/c", {"data": {"a": None, "b": "2"}}, "application/merge-patch+json"
    )
    operations = [{"op": "add", "path": "/data/c", "value": "3"}]
    patched = await api("PATCH", f"{MAPS}/c", operations, "application/json-patch+json")
    strategic = await api(
        "PATCH", f"{MAPS}/c", {"data": {"d": "4"}}, "application/strategic-merge-patch+json"
    )

    assert [answer[0] for answer in (merged, patched, strategic)] == [200, 200, 200]
    assert strategic[1]["data"] == {"b": "2", "c": "3", "d": "4"}


@pytest.mark.parametrize(
    ("path", "body", "content_type", "code"),
    [
        (f"{MAPS}/c", {}, "application/json", 415),
        (f"{MAPS}/x", {}, "application/merge-patch+json", 404),
        (f"{MAPS}/c", [], "application/merge-patch+json", 400),
        (f"{MAPS}/c", {"metadata": {"name": "d"}}, "application/merge-patch+json", 400),
        (f"{MAPS}/c", {"metadata": {"resourceVersion": "1"}}, "application/merge-patch+json", 409),
        (
            f"{ISTIO}/v1/namespaces/default/sidecars/s",
            {},
            "application/strategic-merge-patch+json",
            415,
        ),
    ],
)
async def test_wrong_patches_are_refused(
    api: Api, path: str, body: object, content_type: str, code: int
) -> None:
    """A patch must not be guessed at."""
    await api("POST", MAPS, _map())

    found, _ = await api("PATCH", path, body, content_type)

    assert found == code


async def test_nothing_is_stored_in_a_dry_run(api: Api) -> None:
    """`kubectl --dry-run=server` shows what would be, and changes nothing."""
    await api("POST", MAPS, _map("there"))
    before = copy.deepcopy([obj for _, obj in api.server.objects()])

    created = await api("POST", MAPS, _map(), dryRun="All")
    updated = await api("PUT", f"{MAPS}/there", {**_map("there"), "data": {}}, dryRun="All")
    deleted = await api("DELETE", f"{MAPS}/there", dryRun="All")
    optional = await api("DELETE", f"{MAPS}/there", {"dryRun": ["All"]})
    wrong = await api("POST", MAPS, _map(), dryRun="Some")

    codes = [answer[0] for answer in (created, updated, deleted, optional, wrong)]
    assert codes == [201, 200, 200, 200, 422]
    assert updated[1]["data"] == {}
    assert [obj for _, obj in api.server.objects()] == before


async def test_collections_are_deleted_by_selector(api: Api) -> None:
    """`kubectl delete cm -l a=b` deletes those and no others."""
    for name, value in (("x", "1"), ("y", "2"), ("z", "1")):
        await api("POST", MAPS, _map(name, labels={"a": value}))

    code, deleted = await api("DELETE", MAPS, labelSelector="a=1")
    _, left = await api("GET", MAPS, labelSelector="a")

    assert code == 200
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["x", "z"]
    assert [item["metadata"]["name"] for item in left["items"]] == ["y"]


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


async def test_secrets_take_plain_text(api: Api) -> None:
    """`stringData` ends up encoded in `data`."""
    path = "/api/v1/namespaces/default/secrets"

    _, secret = await api("POST", path, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})

    assert (secret["type"], secret["data"]) == ("Opaque", {"a": "Yg=="})
    assert "stringData" not in secret


async def test_a_client_cannot_mark_a_deletion(api: Api) -> None:
    """An object copied from a backup, with all that the server had set, is a new one."""
    old = {
        "name": "c",
        "uid": "old",
        "creationTimestamp": "2020-01-01T00:00:00Z",
        "deletionTimestamp": "2020-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "managedFields": [{"manager": "x"}],
    }

    _, created = await api("POST", MAPS, {"metadata": old})

    assert created["metadata"]["uid"] != "old"
    assert created["metadata"]["creationTimestamp"] != "2020-01-01T00:00:00Z"
    assert "deletionTimestamp" not in created["metadata"]
    assert "managedFields" not in created["metadata"]


@pytest.mark.parametrize(
    "metadata", [{"labels": []}, {"annotations": []}, {"finalizers": "x"}, {"name": 1}]
)
async def test_metadata_has_its_types(api: Api, metadata: Obj) -> None:
    """A list of labels would break every selector later."""
    code, _ = await api("POST", MAPS, {"metadata": {"name": "c", **metadata}})

    assert code == 400
