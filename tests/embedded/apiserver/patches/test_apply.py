"""Server-side apply and field managers, through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.patches.apply import FieldManager, apply
from pyload.embedded.apiserver.patches.shapes import PLAIN

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/default/configmaps/c"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/d"


def _map(**data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def _deployment(**spec: Any) -> Obj:
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


async def test_an_apply_creates_then_updates_then_does_nothing(api: Api) -> None:
    """pilot-load's scripts tell 201 from 200, and an apply that repeats must not wake watchers."""
    created, first = await api.apply(MAPS, _map(a="1"), manager="m")
    updated, second = await api.apply(MAPS, _map(a="2"), manager="m")
    repeated, third = await api.apply(MAPS, _map(a="2"), manager="m")

    assert (created, updated, repeated) == (201, 200, 200)
    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert third == second


async def test_what_is_no_longer_applied_goes(api: Api) -> None:
    """A field left out of the next apply must vanish, unless another manager owns it too."""
    await api.apply(MAPS, _map(a="1", b="1", c="1"), manager="one")
    await api.apply(MAPS, _map(b="1"), manager="two")

    _, merged = await api.apply(MAPS, _map(a="1"), manager="one")

    assert merged["data"] == {"a": "1", "b": "1"}


async def test_conflicts_are_named_and_can_be_forced(api: Api) -> None:
    """Two controllers that fight over a field must learn of each other."""
    await api.apply(MAPS, _map(a="1"), manager="one")

    code, refused = await api.apply(MAPS, _map(a="2"), manager="two")
    forced, merged = await api.apply(MAPS, _map(a="2"), manager="two", force="true")

    assert (code, refused["reason"]) == (409, "Conflict")
    assert refused["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}
    ]
    assert (forced, merged["data"]) == (200, {"a": "2"})
    assert [entry["manager"] for entry in merged["metadata"]["managedFields"]] == ["two"]


async def test_the_same_value_is_shared_without_conflict(api: Api) -> None:
    """Managers that agree both own the field."""
    await api.apply(MAPS, _map(a="1"), manager="one")

    code, merged = await api.apply(MAPS, _map(a="1"), manager="two")

    assert code == 200
    assert [entry["manager"] for entry in merged["metadata"]["managedFields"]] == ["one", "two"]


async def test_an_update_takes_fields_over(api: Api) -> None:
    """A PUT by someone else must show as a conflict in the next apply."""
    _, live = await api.apply(MAPS, _map(a="1", b="1"), manager="one")
    live["data"]["a"] = "2"
    del live["data"]["b"]
    _, live = await api("PUT", MAPS, live, fieldManager="editor")

    code, refused = await api.apply(MAPS, _map(a="1", b="1"), manager="one")

    assert [entry["fieldsV1"] for entry in live["metadata"]["managedFields"]] == [
        {"f:data": {"f:a": {}}}
    ]
    assert (code, refused["message"]) == (
        409,
        'Apply failed with 1 conflict: conflict with "editor" using v1: .data.a',
    )


async def test_keyed_lists_merge_by_key(api: Api) -> None:
    """A sidecar that another manager adds must survive the owner's next apply."""
    await api.apply(DEPLOYMENT, _deployment(), manager="owner")
    sidecar = _deployment()
    sidecar["spec"]["template"]["spec"]["containers"] = [{"name": "proxy", "image": "p"}]
    await api.apply(DEPLOYMENT, sidecar, manager="injector")

    changed = _deployment(replicas=2)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "new"
    _, merged = await api.apply(DEPLOYMENT, changed, manager="owner")
    _, without = await api.apply(
        DEPLOYMENT,
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 2}},
        manager="injector",
    )

    containers = merged["spec"]["template"]["spec"]["containers"]
    assert [(item["name"], item["image"]) for item in containers] == [("c", "new"), ("proxy", "p")]
    assert [item["name"] for item in without["spec"]["template"]["spec"]["containers"]] == ["c"]


async def test_status_is_applied_on_its_own(api: Api, pod: Any) -> None:
    """The fake kubelet applies a pod's status; the pod's spec must stay another apply's."""
    path = "/api/v1/namespaces/default/pods/p"
    await api.apply(path, pod("p", nodeName="n"), manager="m")
    status = {"phase": "Running", "podIP": "10.0.0.1"}
    body = {**pod("p", nodeName="elsewhere"), "status": status}

    code, running = await api.apply(f"{path}/status", body, manager="m", force="true")
    _, again = await api.apply(path, pod("p", nodeName="n", hostname="h"), manager="m")

    assert code == 200
    assert running["status"]["podIPs"] == [{"ip": "10.0.0.1"}]
    assert running["status"]["qosClass"] == "BestEffort"
    assert running["spec"]["nodeName"] == "n"
    assert again["code"] == 422
    managers = running["metadata"]["managedFields"]
    assert [entry.get("subresource") for entry in managers] == [None, "status"]
    assert managers[1]["fieldsV1"] == {"f:status": {"f:phase": {}, "f:podIP": {}}}


async def test_applies_that_make_no_sense_are_refused(api: Api) -> None:
    """Codes must be those that client libraries expect."""
    stale = {**_map(a="1"), "metadata": {"name": "c", "resourceVersion": "1"}}
    stranger = {**_map(a="1"), "metadata": {"name": "c", "uid": "other"}}
    managed = {**_map(a="1"), "metadata": {"name": "c", "managedFields": [{}]}}

    anonymous = await api("PATCH", MAPS, _map(a="1"), "application/apply-patch+yaml")
    missing = await api.apply(f"{MAPS[:-1]}x/status", _map(a="1"), manager="m")
    await api.apply(MAPS, _map(a="1"), manager="m")
    late = await api.apply(MAPS, stale, manager="m")
    foreign = await api.apply(MAPS, stranger, manager="m")
    owned = await api.apply(MAPS, managed, manager="m")
    merge = await api("PATCH", MAPS, {}, "application/merge-patch+json", force="true")

    codes = [answer[0] for answer in (anonymous, missing, late, foreign, owned, merge)]
    assert codes == [422, 404, 409, 409, 400, 422]


async def test_conflicts_are_listed_by_manager(api: Api) -> None:
    """Scripts that read them, and people, find each field on a line of its own."""
    await api.apply(MAPS, _map(b="1", a="1"), manager="one")
    code, status = await api.apply(MAPS, _map(b="2", a="2"), manager="two")

    assert code == 409
    assert status["message"] == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b'
    )


async def test_an_apply_that_creates_needs_a_name_and_no_version(api: Api) -> None:
    """A real server checks the version of what is there only, and wants the name twice."""
    stale = {**_map(a="1"), "metadata": {"name": "c", "resourceVersion": "1"}}
    nameless = {**_map(a="1"), "metadata": {}}

    refused, why = await api.apply(MAPS, nameless, manager="m")
    created, _ = await api.apply(MAPS, stale, manager="m")
    changed, _ = await api.apply(MAPS, nameless, manager="m")

    assert (refused, created, changed) == (400, 201, 200)
    assert why["message"].endswith("was undeterminable: name must be provided")


async def test_a_manager_that_applies_nothing_is_forgotten(api: Api) -> None:
    """ManagedFields must not keep managers that own nothing."""
    await api.apply(MAPS, _map(a="1"), manager="one")
    await api.apply(MAPS, _map(b="1"), manager="two")

    empty = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    _, left = await api.apply(MAPS, empty, manager="one")

    assert left["data"] == {"b": "1"}
    assert [entry["manager"] for entry in left["metadata"]["managedFields"]] == ["two"]


TREES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=1, max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
        max_leaves=5,
    ),
    max_size=3,
)


def _apply(live: Obj | None, spec: Obj, manager: str) -> Obj:
    config = {"metadata": {}, **({"spec": spec} if spec else {})}
    obj, managed = apply(live, config, FieldManager(manager, "v1", "now"), PLAIN, force=True)
    return {**obj, "metadata": {**obj["metadata"], "managedFields": managed}}


@given(st.lists(TREES, min_size=1, max_size=4))
def test_one_manager_gets_exactly_what_it_applies(specs: list[Obj]) -> None:
    """Nothing of earlier applies may linger, nothing of the last may be missing."""
    live: Obj | None = None
    for spec in specs:
        live = _apply(live, spec, "one")

    assert live is not None
    assert live.get("spec", {}) == specs[-1]


@given(TREES, TREES)
def test_a_manager_takes_along_only_its_own(mine: Obj, theirs: Obj) -> None:
    """When a manager lets go of everything, what another one applied must stay whole."""
    live = _apply(_apply(None, mine, "one"), theirs, "two")

    live = _apply(live, {}, "one")

    assert live.get("spec", {}) == theirs
    managers = [entry["manager"] for entry in live["metadata"]["managedFields"]]
    assert managers == (["two"] if theirs else [])


async def test_sets_and_atomic_maps_are_applied_as_such(api: Api) -> None:
    """Finalizers add up, a service's selector is replaced whole."""
    path = "/api/v1/namespaces/default/services/s"

    def service(selector: Obj, *finalizers: str) -> Obj:
        metadata = {"name": "s", "finalizers": list(finalizers)}
        spec = {"selector": selector, "ports": [{"port": 80}]}
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}

    await api.apply(path, service({"a": "b"}, "x/a", "x/b"), manager="one")
    await api.apply(path, service({"a": "b"}, "x/b", "x/c"), manager="two")
    _, merged = await api.apply(path, service({"c": "d"}, "x/b"), manager="one", force="true")

    assert merged["metadata"]["finalizers"] == ["x/b", "x/c"]
    assert merged["spec"]["selector"] == {"c": "d"}


async def test_conflicts_name_the_subresource(api: Api, pod: Any) -> None:
    """Whoever fights over a status must see that it is the status."""
    path = "/api/v1/namespaces/default/pods/p"
    await api("POST", path.removesuffix("/p"), pod("p"))
    merge = "application/merge-patch+json"
    status = {"phase": "Running", "message": "a"}
    await api("PATCH", f"{path}/status", {"status": status}, merge, fieldManager="kubelet")

    body = {"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Failed", "message": "b"}}
    code, refused = await api.apply(f"{path}/status", body, manager="m")

    assert code == 409
    assert refused["message"].startswith("Apply failed with 2 conflicts: ")
    assert refused["details"]["causes"][0]["message"] == (
        'conflict with "kubelet" with subresource "status" using v1'
    )
