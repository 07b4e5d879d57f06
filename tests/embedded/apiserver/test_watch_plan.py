"""Watches in each form: what a line shows, and what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from pyload.embedded.apiserver.requests import read_request
from pyload.embedded.apiserver.watch_plan import WatchPlan

if TYPE_CHECKING:
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
PODS = "/api/v1/namespaces/default/pods"
POD = {
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}


def plan_of(api: Api, accept: str, **query: str) -> WatchPlan:
    """Plan a watch of pods."""
    request = read_request(
        "GET", PODS, {"watch": "1", **query}, None, kinds=api.server.kinds, accept=accept
    )
    plan = api.server._handler.handle(request, request.target)
    assert isinstance(plan, WatchPlan)
    return plan


async def test_a_watch_of_tables_describes_its_columns_once(api: Api) -> None:
    """``kubectl get -w`` would print the headings before each line."""
    watcher = api.server._begin(plan_of(api, TABLE))
    for name in ("a", "b"):
        await api("POST", PODS, {**POD, "metadata": {"name": name}})

    events = [orjson.loads(line) for line in await anext(watcher.batches())]

    assert [one["object"]["rows"][0]["cells"][0] for one in events] == ["a", "b"]
    assert [bool(one["object"]["columnDefinitions"]) for one in events] == [True, False]
    watcher.close()


@pytest.mark.parametrize(
    ("accept", "kind"), [("", "Pod"), (METADATA, "PartialObjectMetadata"), (TABLE, "Table")]
)
async def test_each_line_is_of_the_form_asked_for(api: Api, accept: str, kind: str) -> None:
    """A client would fail to read an object of another kind, a bookmark among them."""
    await api("POST", PODS, POD)
    plan = plan_of(api, accept, allowWatchBookmarks="true")
    (line,) = plan.initial

    assert orjson.loads(line)["object"]["kind"] == kind
    bookmark = orjson.loads(plan.bookmark(7))["object"]
    assert (bookmark["kind"], bookmark["metadata"]["resourceVersion"]) == (kind, "7")


async def test_an_object_that_begins_to_match_is_added_and_one_that_ceases_deleted(
    api: Api,
) -> None:
    """A client that watches by labels would keep objects that are no longer its own."""
    plan = plan_of(api, "", labelSelector="app=a")
    watcher = api.server._begin(plan)
    merge = "application/merge-patch+json"
    await api("POST", PODS, POD)
    for labels in ({"app": "a"}, {"app": "a", "x": "y"}, {"app": "b"}):
        await api("PATCH", f"{PODS}/p", {"metadata": {"labels": labels}}, merge)

    events = [orjson.loads(line)["type"] for line in await anext(watcher.batches())]

    assert events == ["ADDED", "MODIFIED", "DELETED"]
    watcher.close()
