"""Tables: what a real server makes of objects for kubectl."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pyload.embedded.apiserver.definitions import complete, read_kind
from pyload.embedded.apiserver.printing import tables
from pyload.embedded.apiserver.requests import read_request
from tests.embedded.apiserver.definitions_of import definition, version

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

NOW = datetime(2026, 11, 28, tzinfo=UTC)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PODS = "/api/v1/namespaces/default/pods"
POD = {
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}


def cells(column: Obj, obj: Obj) -> Any:
    """Return the cell of one column of a custom object."""
    custom = definition(version(additionalPrinterColumns=[{"name": "C", **column}]))
    kind = read_kind(complete(custom))
    obj = {"metadata": {"name": "one"}, **obj}
    shown = tables.table(kind, "v1", [obj], now=NOW, metadata={}, include="None")
    ((name, cell),) = [row["cells"] for row in shown["rows"]]
    assert name == "one"
    return cell


CONDITIONS = {
    "status": {"conditions": [{"type": "A", "status": "x"}, {"type": "B", "status": "y"}]}
}


@pytest.mark.parametrize(
    ("path", "obj", "cell"),
    [
        (".spec.a", {"spec": {"a": "text"}}, "text"),
        (".spec.a", {"spec": {}}, None),
        (".spec.a", {"spec": {"a": ["x", "y"]}}, '["x","y"]'),
        (".spec.a[0]", {"spec": {"a": ["x", "y"]}}, "x"),
        (".spec.a[*].b", {"spec": {"a": [{"b": 1}, {"b": "z"}, {}]}}, "1 z"),
        ('.status.conditions[?(@.type=="B")].status', CONDITIONS, "y"),
        (".status.conditions[?(@.type=='A')].status", CONDITIONS, "x"),
        ('.spec.a[?(@.b.c=="x")].d', {"spec": {"a": [{"d": 1}, {"b": {"c": "x"}, "d": 2}]}}, "2"),
        ('.spec.a[?(@.b=="true")].d', {"spec": {"a": [{"b": True, "d": "e"}]}}, "e"),
        (r".metadata.labels.a\.b/c", {"metadata": {"name": "one", "labels": {"a.b/c": "l"}}}, "l"),
        ("{.spec.a}", {"spec": {"a": "braces"}}, "braces"),
        (".spec.a[?(@.b > 1)]", {"spec": {"a": [{"b": 2}]}}, None),
        (".spec.a", {"spec": "odd"}, None),
    ],
)
def test_a_column_shows_what_its_path_leads_to(path: str, obj: Obj, cell: object) -> None:
    """The columns of Istio's kinds would stay empty."""
    assert cells({"type": "string", "jsonPath": path}, obj) == cell


def test_columns_have_their_type() -> None:
    """Kubectl sorts and aligns by it; an age is a text, as the server counts it."""
    old = {"metadata": {"name": "one", "creationTimestamp": "2026-11-27T23:59:30Z"}}
    age = {"type": "date", "jsonPath": ".metadata.creationTimestamp"}
    assert cells(age, old) == "30s"
    number = {"type": "integer", "jsonPath": ".spec.n"}
    assert (cells(number, {"spec": {"n": 3}}), cells(number, {"spec": {"n": "3"}})) == (3, None)


@pytest.mark.anyio
@pytest.mark.virtual
async def test_lists_and_single_objects_are_tables_where_the_client_asks(api: Api) -> None:
    """Kubectl would show names and ages only."""
    await api("POST", PODS, POD)

    def ask(path: str, **query: str) -> Any:
        request = read_request("GET", path, query, None, kinds=api.server.kinds, accept=TABLE)
        answer: Any = api.server._handler.handle(request, request.target)
        return orjson.loads(answer.body)

    listed, one = ask(PODS), ask(f"{PODS}/p", includeObject="Object")

    assert listed["kind"] == one["kind"] == "Table"
    assert [column["name"] for column in listed["columnDefinitions"][:3]] == [
        *("Name", "Ready", "Status")
    ]
    assert [column["priority"] for column in listed["columnDefinitions"][4:6]] == [0, 1]
    ((name, ready, status, *_),) = [row["cells"] for row in listed["rows"]]
    assert (name, ready, status) == ("p", "0/1", "Pending")
    assert listed["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert one["rows"][0]["object"]["spec"]["containers"][0]["image"] == "app:1"
    assert ask(PODS, includeObject="None")["rows"] == [{"cells": listed["rows"][0]["cells"]}]
