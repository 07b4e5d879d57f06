"""Watches: what they show, from when, and how they end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.api import ApiServer
from tests.embedded.apiserver.conftest import Api
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = "/api/v1/namespaces/kube-public/configmaps"
ALL = "/api/v1/configmaps"
MERGE = "application/merge-patch+json"


def _shown(events: list[tuple[str, Obj]]) -> list[str]:
    return [f"{type_} {obj['metadata'].get('name', '')}" for type_, obj in events]


async def _create(api: Api, name: str, **labels: str) -> str:
    _, obj = await api("POST", MAPS, {"metadata": {"name": name, "labels": labels}})
    return str(obj["metadata"]["resourceVersion"])


async def test_a_watch_shows_the_state_and_then_changes(api: Api) -> None:
    """Without a version the watcher first learns what is there."""
    await _create(api, "a")
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(api.watch(MAPS, 10), name="watch")
        await asyncio.sleep(1)
        await _create(api, "b")
        await api("PATCH", f"{MAPS}/b", {"data": {"x": "y"}}, MERGE)
        await api("DELETE", f"{MAPS}/a")
        await api("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "other"}})

    assert _shown(watch.result()) == [
        "ADDED a",
        "ADDED kube-root-ca.crt",
        "ADDED b",
        "MODIFIED b",
        "DELETED a",
    ]


async def test_a_watch_goes_on_from_a_list(api: Api) -> None:
    """Nothing may be missed between a list and the watch after it."""
    await _create(api, "a")
    _, listed = await api("GET", ALL)
    await _create(api, "b")

    events = await api.watch(ALL, resourceVersion=listed["metadata"]["resourceVersion"])

    assert _shown(events) == ["ADDED b"]


async def test_a_deleted_object_carries_the_version_of_its_deletion(api: Api) -> None:
    """A watcher resumes from the last version it saw; the old one would repeat the event."""
    revision = await _create(api, "a")
    await api("DELETE", f"{MAPS}/a")

    events = await api.watch(MAPS, resourceVersion=revision)
    deletion = events[0][1]["metadata"]["resourceVersion"]
    rest = await api.watch(MAPS, resourceVersion=deletion)

    assert int(deletion) > int(revision)
    assert rest == []


async def test_selected_watches_see_objects_come_and_go(api: Api) -> None:
    """A label that changes is an addition or a deletion to those who select by it."""
    revision = await _create(api, "a", pick="no")
    for value in ("yes", "yes", "no", "yes"):
        body = {"metadata": {"labels": {"pick": value}}, "data": {"n": str(len(api.requests))}}
        await api("PATCH", f"{MAPS}/a", body, MERGE)
    await api("DELETE", f"{MAPS}/a")

    events = await api.watch(MAPS, labelSelector="pick=yes", resourceVersion=revision)

    assert _shown(events) == ["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"]
    assert events[2][1]["metadata"]["labels"] == {"pick": "yes"}
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in events]
    assert versions == sorted(set(versions))


async def test_bookmarks_come_each_minute_and_at_the_end(api: Api) -> None:
    """A quiet watch must still learn of new versions, or its next start is too old."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(
            api.watch(MAPS, 150, allowWatchBookmarks="true", resourceVersion="30"), name="watch"
        )
        await asyncio.sleep(1)
        await api("POST", "/api/v1/nodes", {"metadata": {"name": "n"}})
    events = [event for event in task.result() if event[0] == "BOOKMARK"]

    assert asyncio.get_running_loop().time() == pytest.approx(150, abs=2)
    assert [type_ for type_, _ in events] == ["BOOKMARK"] * 3
    current = str(api.server.store.revision)
    assert {obj["metadata"]["resourceVersion"] for _, obj in events} == {current}
    assert events[0][1]["kind"] == "ConfigMap"


async def test_a_bookmark_never_overtakes_an_event(api: Api) -> None:
    """A client that resumes from the bookmark would miss what was still on its way."""
    query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "150"}
    versions: list[int] = []
    types: list[str] = []
    async with api.transport.stream(MAPS, query=query) as stream:
        async for line in stream.lines():
            event = orjson.loads(line)
            types.append(event["type"])
            versions.append(int(event["object"]["metadata"]["resourceVersion"]))
            await asyncio.sleep(40)
            await _create(api, f"n{len(versions)}")

    assert versions == sorted(versions)
    assert types == ["ADDED", "ADDED", "ADDED", "BOOKMARK", "ADDED", "ADDED", "BOOKMARK"]


async def test_a_streamed_list_ends_with_its_bookmark(api: Api) -> None:
    """client-go asks for lists this way, and waits for the bookmark."""
    await _create(api, "a")

    events = await api.watch(
        MAPS,
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )

    assert _shown(events)[:2] == ["ADDED a", "ADDED kube-root-ca.crt"]
    assert events[2][0] == "BOOKMARK"
    assert events[2][1]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_initial_events_can_be_declined(api: Api) -> None:
    """A watch may begin with what comes next."""
    events = await api.watch(MAPS, sendInitialEvents="false", resourceVersionMatch="NotOlderThan")

    assert events == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"sendInitialEvents": "true"}, 422),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "x"}, 400),
        ({"labelSelector": "a in"}, 400),
    ],
)
async def test_watches_that_make_no_sense_are_refused(
    api: Api, query: dict[str, str], code: int
) -> None:
    """The refusal must be an answer, not a stream that says nothing."""
    async with api.transport.stream(MAPS, query={"watch": "true", **query}) as stream:
        body = orjson.loads(await stream.body())

    assert (stream.status, body["code"]) == (code, code)


async def test_a_watch_from_too_long_ago_is_told_to_list_again() -> None:
    """The error comes as an event with code 410, as a real server sends it."""
    server = ApiServer(history=2)
    api = Api()
    api.transport = server.transport()
    revision = await _create(api, "a")
    for name in "bcde":
        await _create(api, name)

    events = await api.watch(MAPS, 600, resourceVersion=revision)

    assert [(type_, obj["code"], obj["reason"]) for type_, obj in events] == [
        ("ERROR", 410, "Expired")
    ]
    assert asyncio.get_running_loop().time() < 1


async def test_a_slow_watcher_is_closed() -> None:
    """A reader that does not keep up must not hold memory; it comes back from where it was."""
    server = ApiServer(queue=3)
    api = Api()
    api.transport = server.transport()
    seen: list[str] = []
    async with api.transport.stream(
        MAPS, query={"watch": "true", "resourceVersion": "30"}
    ) as stream:
        lines = aiter(stream.lines())
        await _create(api, "first")
        await anext(lines)
        for number in range(9):
            await _create(api, f"n{number}")
        seen = [orjson.loads(line)["object"]["metadata"]["name"] async for line in lines]

    assert seen[-3:] == ["n0", "n1", "n2"] or seen[-1] in ("n2", "n3")
    assert "n8" not in seen


async def test_a_restart_ends_watches(api: Api) -> None:
    """Clients must be able to test how they resume."""
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(api.watch(MAPS, 600, resourceVersion="30"), name="watch")
        await asyncio.sleep(5)
        api.server.close_watches()
        api.server.close_watches()

    assert asyncio.get_running_loop().time() == pytest.approx(5, abs=1)
    assert watch.done()


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["create", "label", "delete", "list"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["yes", "no"]),
    ),
    max_size=25,
)


@given(OPERATIONS)
def test_watches_rebuild_every_list(operations: list[tuple[str, str, str]]) -> None:
    """From any list, the watch after it must lead to the last list, with a selector as without."""

    async def main() -> None:
        api = Api()
        lists: list[tuple[str, str, dict[str, Obj]]] = []

        async def note() -> None:
            for selector in ("", "pick=yes"):
                _, listed = await api("GET", MAPS, labelSelector=selector)
                state = {item["metadata"]["name"]: item for item in listed["items"]}
                lists.append((selector, listed["metadata"]["resourceVersion"], state))

        for operation, name, value in operations:
            labels = {"metadata": {"name": name, "labels": {"pick": value}}}
            if operation == "create":
                await api("POST", MAPS, labels)
            elif operation == "label":
                await api("PATCH", f"{MAPS}/{name}", labels, MERGE)
            elif operation == "delete":
                await api("DELETE", f"{MAPS}/{name}")
            else:
                await note()
        await note()
        last = {selector: state for selector, _, state in lists}
        for selector, revision, state in lists:
            events = await api.watch(MAPS, labelSelector=selector, resourceVersion=revision)
            for type_, obj in events:
                name = obj["metadata"]["name"]
                assert (name in state) == (type_ != "ADDED")
                if type_ == "DELETED":
                    del state[name]
                else:
                    state[name] = obj
            assert state == last[selector]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
