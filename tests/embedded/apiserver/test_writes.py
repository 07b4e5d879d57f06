"""Create, read, update and delete of single objects."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
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


async def test_names_can_be_generated(api: Api) -> None:
    """Events and jobs leave the end of their names to the server."""
    _, first = await api("POST", MAPS, {"metadata": {"generateName": "x-"}})
    _, second = await api("POST", MAPS, {"metadata": {"generateName": "x-"}})

    assert first["metadata"]["name"].startswith("x-")
    assert len(first["metadata"]["name"]) == 7
    assert first["metadata"]["name"] != second["metadata"]["name"]


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


async def test_a_pod_needs_its_service_account(api: Api, pod: Any) -> None:
    """pilot-load retries pods that come before their account; the refusal must be the real one."""
    code, status = await api("POST", PODS, pod("p", serviceAccountName="x"))

    assert (code, status["reason"]) == (403, "Forbidden")
    assert status["message"] == (
        'pods "p" is forbidden: error looking up service account default/x: '
        'serviceaccount "x" not found'
    )


async def test_a_dry_run_shows_what_would_be_stored(api: Api) -> None:
    """`kubectl apply --dry-run=server` and `diff` show the object with what the server adds."""
    path = f"{ISTIO}/v1/namespaces/default/sidecars"
    body = {"metadata": {"name": "s"}, "spec": {}}
    _, planned = await api("POST", path, body, dryRun="All")
    _, created = await api("POST", path, body)
    changed = {**created, "spec": {"egress": []}}
    _, replaced = await api("PUT", f"{path}/s", changed, dryRun="All")

    assert planned["metadata"].keys() == created["metadata"].keys() - {"resourceVersion"}
    assert planned["metadata"]["generation"] == 1
    assert replaced["metadata"]["generation"] == 2
    assert replaced["metadata"]["creationTimestamp"] == created["metadata"]["creationTimestamp"]


async def test_who_releases_an_object_sees_it_released(api: Api) -> None:
    """A controller that removes the last finalizer reads in the answer that it did."""
    _, held = await api("POST", MAPS, _map(finalizers=["x/y"]))
    await api("DELETE", f"{MAPS}/c")
    code, released = await api(
        "PATCH", f"{MAPS}/c", {"metadata": {"finalizers": None}}, "application/merge-patch+json"
    )
    gone, _ = await api("GET", f"{MAPS}/c")
    version = held["metadata"]["resourceVersion"]
    events = await api.watch(MAPS, resourceVersion=version)

    assert (code, gone) == (200, 404)
    assert "finalizers" not in released["metadata"]
    assert [type_ for type_, _ in events] == ["MODIFIED", "DELETED"]
    assert events[-1][1]["metadata"]["finalizers"] == ["x/y"]
