"""OpenAPI v3: what `kubectl explain` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.embedded.apiserver.definitions_of import CRDS, definition
from tests.embedded.apiserver.served import KINDS

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


def of_kind(document: Any, kind: str) -> Any:
    """Return the schema of a kind, found as kubectl finds it."""
    named = "x-kubernetes-group-version-kind"
    (found,) = (
        one
        for one in document["components"]["schemas"].values()
        if any(each["kind"] == kind for each in one.get(named, ()))
    )
    return found


async def test_each_kind_is_described_and_each_reference_leads_somewhere(api: Api) -> None:
    """Kubectl fails on a reference that leads nowhere, and on a kind that is not there."""
    for kind in KINDS:
        for version in kind.versions:
            prefix = f"apis/{kind.group}" if kind.group else "api"
            _, document = await api("GET", f"/openapi/v3/{prefix}/{version}")
            assert of_kind(document, kind.kind)["properties"]["metadata"]
            text = orjson.dumps(document).decode()
            names = set(document["components"]["schemas"])
            led_to = {piece.partition('"')[0] for piece in text.split("#/components/schemas/")[1:]}
            assert led_to <= names


async def test_fields_of_built_in_kinds_have_their_types(api: Api) -> None:
    """`kubectl explain deploy.spec.template.spec.containers` goes this way."""
    _, document = await api("GET", "/openapi/v3/apis/apps/v1")
    schemas = document["components"]["schemas"]

    container = schemas["io.k8s.api.core.v1.Container"]["properties"]
    spec = schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]

    assert spec["replicas"] == {"type": "integer"}
    assert spec["template"] == {
        "allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}]
    }
    assert container["args"] == {"type": "array", "items": {"type": "string"}}
    assert container["ports"]["items"]["$ref"].endswith(".ContainerPort")


async def test_custom_kinds_have_their_schema_and_metadata(api: Api) -> None:
    """What a definition says is shown, and what it does not say is not called missing."""
    await api("POST", CRDS, definition())
    _, known = await api("GET", "/openapi/v3/apis/stable.example.com/v1")
    _, istio = await api("GET", "/openapi/v3/apis/networking.istio.io/v1")

    tab = of_kind(known, "CronTab")["properties"]
    gateway = of_kind(istio, "Gateway")

    assert "cron" in tab["spec"]["properties"]
    assert tab["metadata"]["allOf"]
    assert "none is described" in gateway["properties"]["spec"]["description"].replace("\n", " ")


async def test_a_description_follows_the_definitions(api: Api) -> None:
    """It is kept, but not beyond a change of the kinds."""
    path = "/openapi/v3/apis/stable.example.com/v1"
    before, _ = await api("GET", path)
    await api("POST", CRDS, definition())
    first = await api.transport.request("GET", path)
    again = await api.transport.request("GET", path)

    assert (before, first.status) == (404, 200)
    assert again is first
