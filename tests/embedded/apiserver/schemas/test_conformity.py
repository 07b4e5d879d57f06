"""What the schema of a custom kind does to writes, as a real server's answers show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.definitions import NO_RULES
from pyload.embedded.apiserver.requests import Reply
from tests.embedded.apiserver.definitions_of import (
    CRDS,
    CRONTABS,
    crontab,
    definition,
    version,
)

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

ONE = f"{CRONTABS}/one"


@pytest.fixture
async def defined(api: Api) -> Api:
    """Return a server on which cron tabs are defined."""
    await api("POST", CRDS, definition())
    return api


async def test_defaults_are_filled_in_and_unknown_fields_are_dropped(defined: Api) -> None:
    """Controllers rely on defaults, and what a version does not know is not kept in a cluster."""
    code, created = await defined("POST", CRONTABS, crontab(extra=1, ports=[{"name": "a", "x": 1}]))

    assert code == 201
    assert created["spec"] == {
        "cron": "* 5",
        "policy": "Allow",
        "ports": [{"name": "a"}],
        "replicas": 1,
    }


async def test_a_strict_client_is_told_of_unknown_fields(defined: Api) -> None:
    """Kubectl is strict: a misspelt field would be lost in silence."""
    body = crontab(extra=1)
    code, status = await defined("POST", CRONTABS, body, fieldValidation="Strict")

    assert code == 400
    assert status["message"] == (
        'CronTab in version "v1" cannot be handled as a CronTab: '
        'strict decoding error: unknown field "spec.extra"'
    )


async def test_others_are_warned_of_unknown_fields(defined: Api) -> None:
    """Clients show these warnings."""
    body = orjson.dumps(crontab(extra=1))
    answer = await defined.transport.request("POST", CRONTABS, body=body)

    assert isinstance(answer, Reply)
    assert answer.warnings == ('unknown field "spec.extra"',)


async def test_rules_that_are_not_evaluated_are_warned_of(api: Api) -> None:
    """An author would take an object for valid that a cluster refuses."""
    ruled = version()
    schema = ruled["schema"]["openAPIV3Schema"]
    ruled["schema"] = {
        "openAPIV3Schema": {**schema, "x-kubernetes-validations": [{"rule": "self.spec.ok"}]}
    }

    body = orjson.dumps(definition(ruled))
    answer = await api.transport.request("POST", CRDS, body=body)

    assert isinstance(answer, Reply)
    assert answer.warnings == (NO_RULES,)


async def test_an_apply_of_an_unknown_field_fails(defined: Api) -> None:
    """Server-side apply does not drop what it cannot own."""
    body = {"apiVersion": "stable.example.com/v1", "kind": "CronTab", **crontab(extra=1)}
    body["metadata"] = {**body["metadata"], "namespace": "default"}
    code, status = await defined.apply(ONE, body, manager="me")

    assert code == 500
    assert status["message"] == (
        "failed to create typed patch object (default/one; stable.example.com/v1, Kind=CronTab): "
        ".spec.extra: field not declared in schema"
    )


async def test_items_of_keyed_lists_have_their_own_owners(defined: Api) -> None:
    """Two managers of one Gateway's listeners would throw each other's away."""

    def ports(name: str, port: int) -> Obj:
        spec = crontab(ports=[{"name": name, "port": port}])
        return {"apiVersion": "stable.example.com/v1", "kind": "CronTab", **spec}

    await defined.apply(ONE, ports("a", 1), manager="one")
    code, both = await defined.apply(ONE, ports("b", 2), manager="two")

    assert code == 200
    assert [one["name"] for one in both["spec"]["ports"]] == ["a", "b"]


async def test_an_object_that_its_schema_refuses_is_not_created(defined: Api) -> None:
    """What a cluster refuses would pass a test that runs here."""
    code, status = await defined("POST", CRONTABS, crontab(cron="5", replicas=11))

    assert code == 422
    assert status["message"] == (
        'CronTab.stable.example.com "one" is invalid: ['
        r"""spec.cron: Invalid value: "5": spec.cron in body should match '^\S+ \S+$', """
        "spec.replicas: Invalid value: 11: "
        "spec.replicas in body should be less than or equal to 10]"
    )
    assert [one["field"] for one in status["details"]["causes"]] == ["spec.cron", "spec.replicas"]


async def test_what_was_wrong_before_does_not_keep_an_object_from_changing(defined: Api) -> None:
    """A definition that has become stricter would make its old objects unchangeable."""
    await defined("POST", CRONTABS, crontab(cron="long one"))
    _, changed = await defined("GET", f"{CRDS}/crontabs.stable.example.com")
    schema = changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["cron"]["maxLength"] = 3
    await defined("PUT", f"{CRDS}/crontabs.stable.example.com", changed)
    merge = "application/merge-patch+json"

    same, _ = await defined("PATCH", ONE, {"spec": {"replicas": 2}}, merge)
    worse, _ = await defined("PATCH", ONE, {"spec": {"replicas": 99}}, merge)

    assert (same, worse) == (200, 422)


async def test_the_scale_of_a_custom_kind_is_where_its_definition_says(defined: Api) -> None:
    """Kubectl scale and autoscalers would read and write the wrong fields."""
    await defined("POST", CRONTABS, crontab(replicas=2))
    status = {"status": {"running": 2, "selector": "app=cron"}}
    await defined("PATCH", f"{ONE}/status", status, "application/merge-patch+json")

    _, scale = await defined("GET", f"{ONE}/scale")
    scale["spec"]["replicas"] = 5
    code, scaled = await defined("PUT", f"{ONE}/scale", scale)
    _, one = await defined("GET", ONE)

    assert (scale["status"], code) == ({"replicas": 2, "selector": "app=cron"}, 200)
    assert (scaled["spec"], one["spec"]["replicas"]) == ({"replicas": 5}, 5)


PODS = "/api/v1/namespaces/default/pods"


async def test_misspelt_fields_of_built_in_kinds_are_refused(api: Api, pod: Any) -> None:
    """Kubectl is strict by default; a manifest with a slip would pass here and fail elsewhere."""
    body = pod("p", nodName="n")

    strict = await api("POST", PODS, body, fieldValidation="Strict")
    applied = await api.apply(f"{PODS}/p", body, manager="m")
    warned = await api.transport.request("POST", PODS, body=orjson.dumps(body))
    _, read = await api("GET", f"{PODS}/p")

    assert (strict[0], strict[1]["message"]) == (
        400,
        (
            'Pod in version "v1" cannot be handled as a Pod: '
            'strict decoding error: unknown field "spec.nodName"'
        ),
    )
    assert (applied[0], applied[1]["message"]) == (
        500,
        (
            "failed to create typed patch object (/p; v1, Kind=Pod): "
            ".spec.nodName: field not declared in schema"
        ),
    )
    assert isinstance(warned, Reply)
    assert (warned.status, warned.warnings) == (201, ('unknown field "spec.nodName"',))
    assert "nodName" not in read["spec"]


async def test_metadata_of_custom_objects_is_checked_too(defined: Api) -> None:
    """No schema describes it: it is the same for all kinds."""
    body = crontab()
    body["metadata"]["label"] = {"a": "b"}

    code, status = await defined("POST", CRONTABS, body, fieldValidation="Strict")

    assert code == 400
    assert 'unknown field "metadata.label"' in status["message"]


async def test_definitions_are_read_by_their_types(api: Api) -> None:
    """Of the text ``ct`` as short names, ``c`` and ``t`` became kubectl's names of the kind."""
    body = definition(shortNames="ct")
    misspelt = {**definition(), "extra": 1}

    code, status = await api("POST", CRDS, body)
    strict, _ = await api("POST", CRDS, misspelt, fieldValidation="Strict")

    assert (code, strict) == (400, 400)
    assert status["message"].endswith(
        "cannot unmarshal string into Go struct field "
        "CustomResourceDefinitionNames.spec.names.shortNames of type []string"
    )


async def test_nulls_are_values_where_the_schema_lets_them_be(api: Api) -> None:
    """A real server refuses a null of another type, and gives a default in its place if it can."""
    text = {"type": "string"}
    fields = {
        "free": {**text, "nullable": True},
        "strict": text,
        "filled": {**text, "default": "x"},
    }
    spec = {"type": "object", "properties": fields}
    schema = {"type": "object", "properties": {"spec": spec}}
    await api("POST", CRDS, definition(version(schema={"openAPIV3Schema": schema})))

    one = {"metadata": {"name": "one", "creationTimestamp": None, "labels": None}}
    kept = await api("POST", CRONTABS, {**one, "spec": {"free": None, "filled": None}})
    refused = await api("POST", CRONTABS, {**crontab("two"), "spec": {"strict": None}})
    whole = await api("POST", CRONTABS, {**crontab("two"), "spec": None})

    assert (kept[0], kept[1]["spec"]) == (201, {"free": None, "filled": "x"})
    assert (refused[0], whole[0]) == (422, 422)
    assert 'spec.strict in body must be of type string: "null"' in refused[1]["message"]
