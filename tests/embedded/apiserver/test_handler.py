"""Which part of the server answers a request, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyload.embedded.apiserver.requests import Request, parse_target
from tests.embedded.apiserver.conftest import Api

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
FIELDS = st.sampled_from(
    [
        "containers",
        "ports",
        "labels",
        "name",
        "type",
        "clusterIP",
        "selector",
        "template",
        "podIPs",
        "podIP",
        "image",
        "env",
        "phase",
        "resources",
        "serviceAccountName",
        "nodeName",
        "tolerations",
        "initContainers",
    ]
)
MAPS_OF_FIELDS = st.recursive(
    JSON, lambda inner: st.dictionaries(FIELDS, inner, max_size=4) | st.lists(inner, max_size=2)
)
BODIES = st.fixed_dictionaries(
    {"spec": st.dictionaries(FIELDS, MAPS_OF_FIELDS, max_size=4)},
    optional={
        "status": st.dictionaries(FIELDS, MAPS_OF_FIELDS, max_size=3),
        "subsets": JSON,
        "ports": JSON,
        "data": JSON,
        "stringData": JSON,
    },
)
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def _map(name: str = "c", **rest: Any) -> Obj:
    return {"metadata": {"name": name, **rest}, "data": {"a": "1"}}


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


async def test_collections_are_deleted_by_selector(api: Api) -> None:
    """`kubectl delete cm -l a=b` deletes those and no others."""
    for name, value in (("x", "1"), ("y", "2"), ("z", "1")):
        await api("POST", MAPS, _map(name, labels={"a": value}))

    code, deleted = await api("DELETE", MAPS, labelSelector="a=1")
    _, left = await api("GET", MAPS, labelSelector="a")

    assert code == 200
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["x", "z"]
    assert [item["metadata"]["name"] for item in left["items"]] == ["y"]


@given(st.sampled_from(["pods", "services", "endpoints", "secrets", "nodes"]), BODIES)
@example("pods", {"spec": {"containers": 1}})
@example("pods", {"spec": {"containers": [1]}})
@example("services", {"spec": {"ports": [{"name": "a", "port": 1, "nodePort": []}]}})
@example("endpoints", {"subsets": [1], "spec": {}})
@example("secrets", {"stringData": {"a": 1}, "spec": {}})
def test_any_object_is_answered(plural: str, body: Any) -> None:
    """A client's nonsense must come back as a status, not end the server."""
    server = Api().server
    space = "" if plural == "nodes" else "/namespaces/default"
    path = f"/api/v1{space}/{plural}"
    named = {**body, "metadata": {"name": "a"}}

    for method, verb, below in (
        ("POST", "create", ""),
        ("PUT", "update", "/a"),
        ("PUT", "update", "/a/status"),
    ):
        request = Request(verb, method, path + below, {}, named)
        answer: Any = server._handler.handle(request, parse_target(path + below, server.kinds))
        assert answer.status in (200, 201, 400, 403, 404, 422)


def test_our_own_mistakes_are_not_the_clients(api: Api) -> None:
    """A request without a body that fails must fail loudly."""
    broken: Any = None
    request = Request("list", "GET", MAPS, broken)

    with pytest.raises(AttributeError):
        api.server._handler.handle(request, parse_target(MAPS, api.server.kinds))
