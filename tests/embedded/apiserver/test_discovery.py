"""What clients learn about the server before they ask for objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.requests import Request, parse_target
from tests.embedded.apiserver.served import KINDS

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_every_kind_can_be_discovered_and_listed(api: Api) -> None:
    """Kubectl finds kinds by walking groups, versions and resources."""
    _, groups = await api("GET", "/apis")
    _, core = await api("GET", "/api")
    paths = [f"/api/{version}" for version in core["versions"]]
    for group in groups["groups"]:
        _, single = await api("GET", f"/apis/{group['name']}")
        assert single["preferredVersion"] == group["preferredVersion"]
        paths += [f"/apis/{version['groupVersion']}" for version in group["versions"]]
    found = set()
    for path in paths:
        _, resources = await api("GET", path)
        for resource in resources["resources"]:
            if "/" not in resource["name"]:
                found.add((path, resource["kind"]))
                if "list" in resource["verbs"]:
                    code, _ = await api("GET", f"{path}/{resource['name']}")
                    assert code == 200

    prefix = {kind: f"/apis/{kind.group}" if kind.group else "/api" for kind in KINDS}
    assert found == {(f"{prefix[kind]}/{v}", kind.kind) for kind in KINDS for v in kind.versions}


async def test_stable_versions_are_preferred(api: Api) -> None:
    """Clients that ask for the preferred version must not end up with an alpha one."""
    _, groups = await api("GET", "/apis")

    preferred = {group["name"]: group["preferredVersion"]["version"] for group in groups["groups"]}
    assert preferred["networking.istio.io"] == "v1"
    assert preferred["gateway.networking.k8s.io"] == "v1"
    assert preferred["extensions.istio.io"] == "v1alpha1"


async def test_both_forms_of_discovery_agree(api: Api) -> None:
    """New kubectl asks for everything in one aggregated answer."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    found = set()
    for path in ("/api", "/apis"):
        request = Request("get", "GET", path, {}, accept=accept)
        answer: Any = api.server._handler.handle(request, parse_target(path, KINDS))
        assert answer.content_type == accept
        for item in orjson.loads(answer.body)["items"]:
            for version in item["versions"]:
                for resource in version["resources"]:
                    found.add((item["metadata"]["name"], version["version"], resource["resource"]))

    assert found == {(kind.group, v, kind.plural) for kind in KINDS for v in kind.versions}


async def test_kubectl_may_validate_on_the_server(api: Api) -> None:
    """Kubectl refuses to apply unless the schema shows the fieldValidation parameter."""
    _, index = await api("GET", "/openapi/v3")
    _, schema = await api("GET", "/openapi/v3/apis/apps/v1")

    patch = schema["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "apis/apps/v1" in index["paths"]
    assert patch["parameters"][0]["name"] == "fieldValidation"
    assert patch["x-kubernetes-group-version-kind"]["kind"] == "Deployment"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez", "/readyz/ping"])
async def test_the_server_is_healthy(api: Api, path: str) -> None:
    """Scripts wait for it before they apply anything."""
    response = await api.transport.request("GET", path)

    assert (response.status, response.body) == (200, b"ok")


async def test_the_version_is_told(api: Api) -> None:
    """Clients choose features by the version, and the user can tell it from a real server."""
    _, version = await api("GET", "/version")

    assert version["major"] == "1"
    assert "pyload" in version["gitVersion"]


async def test_custom_kinds_have_their_definitions(api: Api) -> None:
    """Istiod waits for the definition of a kind before it watches it."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    _, definition = await api("GET", f"{path}/gateways.gateway.networking.k8s.io")

    assert definition["spec"]["names"]["kind"] == "Gateway"
    assert [version["name"] for version in definition["spec"]["versions"]] == ["v1", "v1beta1"]
    assert "gateway.networking.k8s.io/bundle-version" in definition["metadata"]["annotations"]
    assert [one["status"] for one in definition["status"]["conditions"]] == ["True", "True"]


@pytest.mark.parametrize("part", ["log", "exec", "attach", "portforward", "ephemeralcontainers"])
async def test_what_pods_do_not_have_is_refused_in_words(api: Api, part: str) -> None:
    """`kubectl logs` shows the message, without which a user would look for a fault."""
    code, status = await api("POST", f"/api/v1/namespaces/default/pods/p/{part}", container="c")

    assert (code, status["reason"], status["kind"]) == (501, "NotImplemented", "Status")
    assert "the pods of this API server run nothing" in status["message"]


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/metrics", 404, "this API server keeps no metrics of itself"),
        ("/openapi/v2", 404, "OpenAPI v3 only"),
        ("/api/v1/nodes/n/proxy/stats", 501, "nothing behind this API server"),
        ("/api/v1/namespaces/a/services/s/proxy", 501, "nothing behind this API server"),
        ("/api/v1/namespaces/a/pods/p/other", 404, "could not find the requested resource"),
        ("/apis/metrics.k8s.io/v1beta1/nodes", 404, "could not find the requested resource"),
    ],
)
async def test_what_is_not_served_says_so(api: Api, path: str, code: int, message: str) -> None:
    """Half an answer would be worse: a client would take the server for one that is broken."""
    found, status = await api("GET", path)

    assert (found, status["kind"]) == (code, "Status")
    assert message in status["message"]


async def test_a_list_is_checked_by_a_schema_without_kinds(api: Api) -> None:
    """`kubectl create -f` of a List fails without OpenAPI v2, which it reads in protobuf."""
    accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"

    asked = Request("get", "GET", "/openapi/v2", {}, accept=accept)
    answer: Any = api.server._handler.handle(asked, None)

    assert (answer.status, answer.content_type) == (200, accept.replace("@", "."))
    assert answer.body.startswith(b"\n\x032.0")
