"""Definitions of custom kinds: their faults, their defaults and the order of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.definitions import (
    by_priority,
    complete,
    faults,
    has_rules,
    read_kind,
)
from tests.embedded.apiserver.definitions_of import CRDS, definition, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api


def test_versions_are_preferred_as_kubernetes_does() -> None:
    """Clients that take the preferred version would take an alpha one."""
    versions = ("v1alpha1", "v1", "v11", "v2", "v1beta2", "foo", "v1beta1", "v10")
    assert by_priority(versions) == (
        *("v11", "v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha1"),
        "foo",
    )


def test_names_that_are_left_out_are_filled_in() -> None:
    """Most definitions leave out the list's kind, and clients read it."""
    spec = complete(definition())["spec"]

    assert (spec["names"]["singular"], spec["names"]["listKind"]) == ("crontab", "CronTabList")
    assert spec["conversion"] == {"strategy": "None"}
    assert read_kind(complete(definition())).singular_name == "crontab"


def _without(obj: Obj, *path: Any) -> Obj:
    *upper, last = path
    value: Any = obj
    for one in upper:
        value = value[one]
    del value[last]
    return obj


_COLUMNS = ("spec", "versions", 0, "additionalPrinterColumns")


def _column(**changes: Any) -> Obj:
    return {"name": "Cron", "type": "string", "jsonPath": ".spec.cron", **changes}


def _with(obj: Obj, value: Any, *path: Any) -> Obj:
    *upper, last = path
    inner: Any = obj
    for one in upper:
        inner = inner[one]
    inner[last] = value
    return obj


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda obj: _without(obj, "spec", "group"), "spec.group"),
        (lambda obj: _with(obj, "example", "spec", "group"), "spec.group"),
        (lambda obj: _with(obj, "other", "metadata", "name"), "metadata.name"),
        (lambda obj: _without(obj, "spec", "names", "kind"), "spec.names.kind"),
        (lambda obj: _with(obj, "no good", "spec", "names", "plural"), "spec.names.plural"),
        (lambda obj: _without(obj, "spec", "scope"), "spec.scope"),
        (lambda obj: _with(obj, "Wide", "spec", "scope"), "spec.scope"),
        (lambda obj: _with(obj, [], "spec", "versions"), "spec.versions"),
        (
            lambda obj: _with(obj, [version(), version("v2")], "spec", "versions"),
            "spec.versions",
        ),
        (
            lambda obj: _with(obj, [version(), version(storage=False)], "spec", "versions"),
            "spec.versions",
        ),
        (
            lambda obj: _without(obj, "spec", "versions", 0, "schema"),
            "spec.versions[0].schema.openAPIV3Schema",
        ),
        (
            lambda obj: _with(
                obj, {"type": "array"}, "spec", "versions", 0, "schema", "openAPIV3Schema"
            ),
            "spec.versions[0].schema.openAPIV3Schema.type",
        ),
        (
            lambda obj: _with(obj, [_column(jsonPath=None)], *_COLUMNS),
            "spec.versions[0].additionalPrinterColumns[0].JSONPath",
        ),
        (
            lambda obj: _with(obj, [_column(), _column(type="text")], *_COLUMNS),
            "spec.versions[0].additionalPrinterColumns[1].type",
        ),
        (
            lambda obj: _with(obj, [_column(type=None)], *_COLUMNS),
            "spec.versions[0].additionalPrinterColumns[0].type",
        ),
        (
            lambda obj: _with(obj, [_column(name="")], *_COLUMNS),
            "spec.versions[0].additionalPrinterColumns[0].name",
        ),
        (
            lambda obj: _with(obj, {"strategy": "Webhook"}, "spec", "conversion"),
            "spec.conversion.strategy",
        ),
    ],
)
def test_a_wrong_definition_is_refused_where_it_is_wrong(
    change: Callable[[Obj], Obj], field: str
) -> None:
    """What a real server refuses would pass here, and fail in the cluster."""
    found = [one.field for one in faults(complete(change(definition(version()))))]

    assert field in found


def test_a_right_definition_has_no_fault() -> None:
    """Nothing could be defined."""
    assert list(faults(complete(definition()))) == []


@pytest.mark.anyio
@pytest.mark.virtual
async def test_all_faults_are_answered_at_once_with_the_servers_text(api: Api) -> None:
    """An author would mend one fault for each attempt."""
    wrong = definition(scope="Wide")
    del wrong["spec"]["versions"][0]["schema"]

    code, status = await api("POST", CRDS, wrong)

    assert code == 422
    assert status["message"] == (
        'CustomResourceDefinition.apiextensions.k8s.io "crontabs.stable.example.com" is invalid: '
        '[spec.scope: Unsupported value: "Wide": supported values: "Cluster", "Namespaced", '
        "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required]"
    )


@pytest.mark.anyio
@pytest.mark.virtual
async def test_the_scope_of_a_definition_stays(api: Api) -> None:
    """Objects with a namespace would be found under none."""
    _, defined = await api("POST", CRDS, definition())
    defined["spec"]["scope"] = "Cluster"

    code, status = await api("PUT", f"{CRDS}/crontabs.stable.example.com", defined)

    assert code == 422
    assert "spec.scope" in status["message"]
    assert "field is immutable" in status["message"]


def test_rules_in_cel_are_found_however_deep() -> None:
    """Nobody would be told that they are not evaluated."""
    ruled = definition(version())
    assert not has_rules(ruled)
    schema = ruled["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"] = {
        "spec": {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]},
        }
    }
    assert has_rules(ruled)
