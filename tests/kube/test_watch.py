"""A view that stays equal to the server's collection, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.errors import ApiError, ClusterUnreachable, Forbidden
from pyload.kube.client import Client
from pyload.kube.resources import PODS
from pyload.kube.watch import Reflector
from tests.kube.peers import Collection, Fault, Lines, Scripted, answer, refused, status
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.kube.resources import Obj

pytestmark = pytest.mark.virtual


class _View:
    """A handler that keeps the collection and checks each call."""

    def __init__(self) -> None:
        self.objects: dict[str, int] = {}
        self.replaced = 0

    def replace(self, objects: list[Obj]) -> None:
        self.objects = {obj["metadata"]["name"]: obj["value"] for obj in objects}
        self.replaced += 1

    def event(self, type_: str, obj: Obj) -> None:
        assert type_ in ("ADDED", "MODIFIED", "DELETED")
        name = obj["metadata"]["name"]
        if type_ == "DELETED":
            self.objects.pop(name, None)
        else:
            self.objects[name] = obj["value"]


def _on_server(collection: Collection) -> dict[str, int]:
    return {name: obj["value"] for name, obj in collection.objects.items()}


@contextlib.asynccontextmanager
async def _following(
    collection: Collection, view: _View, **options: Any
) -> AsyncIterator[Reflector[Obj]]:
    client = Client(collection, rng=Random(1))
    reflector = Reflector(client, PODS, view, rng=Random(1), **options)
    task = asyncio.create_task(reflector.run(), name="reflector")
    try:
        yield reflector
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


names = st.sampled_from(["a", "b", "c", "d"])
changes = st.one_of(
    st.tuples(st.just("put"), names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("forget"), st.just("")),
    st.tuples(st.just("sleep"), st.sampled_from(["0", "0.001", "1", "100", "700"])),
)
trouble = st.none() | st.builds(
    Fault, st.sampled_from(["drop", "500", "410", "end"]), st.integers(0, 3)
)


@given(
    steps=st.lists(changes, max_size=30),
    faults=st.lists(trouble, max_size=15),
    page=st.integers(1, 3),
    bookmarks=st.booleans(),
    streaming=st.sampled_from(["no", "refused", "served"]),
)
@settings(max_examples=300)
def test_the_view_ends_up_equal_to_the_server(
    *,
    steps: list[tuple[str, str]],
    faults: list[Fault | None],
    page: int,
    bookmarks: bool,
    streaming: str,
) -> None:
    """A pod that a lost event hides would run without a proxy, or a proxy without a pod."""

    async def scenario() -> None:
        collection = Collection(faults=deque(faults), page=page, bookmarks=bookmarks)
        collection.streams = streaming == "served"
        view = _View()
        async with _following(collection, view, streaming=streaming != "no") as reflector:
            for number, (step, argument) in enumerate(steps):
                if step == "put":
                    collection.put(argument, number)
                elif step == "remove":
                    collection.remove(argument)
                elif step == "forget":
                    collection.forget()
                else:
                    await asyncio.sleep(float(argument))
            # Faults are used up one request at a time, at worst one per longest pause and watch.
            while collection.faults:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(700)
            await asyncio.sleep(100)
            assert reflector.synced.is_set()
            assert view.objects == _on_server(collection)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario())


@pytest.mark.anyio
async def test_a_quiet_watch_that_ends_goes_on_from_its_bookmark() -> None:
    """After ten quiet minutes every client would list all pods of the cluster again."""
    collection = Collection(bookmarks=True)
    collection.put("a", 1)
    view = _View()
    async with _following(collection, view):
        await asyncio.sleep(3600)
        # Other kinds' writes move the version on and are compacted away; the bookmark knows.
        collection.version += 100
        await asyncio.sleep(120)
        collection.forgotten = collection.version
        await asyncio.sleep(3600)
        collection.put("b", 2)
        await asyncio.sleep(1)

        assert view.objects == {"a": 1, "b": 2}
        assert view.replaced == 1
        assert collection.requests < 30


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["drop", "500", "410", "end"])
async def test_a_server_in_trouble_is_not_hammered(kind: str) -> None:
    """Thousands of requests a second would keep the server down."""
    collection = Collection(faults=deque([Fault(kind)] * 10_000))
    async with _following(collection, _View()):
        await asyncio.sleep(600)

    assert collection.requests < 600


@pytest.mark.anyio
async def test_a_first_list_that_is_refused_ends_at_once() -> None:
    """A run without permission would hang in silence instead of saying so."""
    client = Client(Scripted(answer(403, status(403, "Forbidden"))))

    with pytest.raises(Forbidden, match='verb "list" on "pods"'):
        await Reflector(client, PODS, _View()).run()


@pytest.mark.anyio
async def test_a_version_that_the_server_does_not_know_leads_to_a_new_list() -> None:
    """A server restored from a backup refuses the old version for ever, and the view would rot."""
    listed = answer(200, {"metadata": {"resourceVersion": "9"}, "items": []})
    too_large = Lines(504, [b'{"kind":"Status","code":504,"reason":"Timeout"}'])
    transport = Scripted(listed, too_large, too_large, too_large, answer(403))
    view = _View()
    reflector = Reflector(Client(transport), PODS, view, namespace="mesh", label_selector="a=b")

    # The script ends; that it got there is the point.
    with pytest.raises(IndexError):
        await reflector.run()

    assert [("watch" in request.query) for request in transport.requests[:5]] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert {request.query["labelSelector"] for request in transport.requests} == {"a=b"}
    assert {request.path for request in transport.requests} == {"/api/v1/namespaces/mesh/pods"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("moment", "requests"), [(0.0, 0), (0.0005, 0), (0.0015, 1), (0.003, 2), (50.0, 3)]
)
async def test_cancelling_stops_it_wherever_it_is(moment: float, requests: int) -> None:
    """Cleanup would hang behind a watch, or a pause, that nobody can end."""
    collection = Collection(faults=deque([None, Fault("drop")]))
    collection.put("a", 1)
    reflector = Reflector(Client(collection, rng=Random(1)), PODS, _View(), rng=Random(1))
    task = asyncio.create_task(reflector.run(), name="reflector")
    await asyncio.sleep(moment)

    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.sleep(1000)
    assert collection.requests == requests


@pytest.mark.anyio
async def test_a_lost_place_is_made_up_for_within_a_second() -> None:
    """Proxies would run for pods that are gone, or the other way round, until the next list."""
    collection = Collection()
    collection.put("a", 1)
    view = _View()
    async with _following(collection, view):
        await asyncio.sleep(1)
        collection.put("b", 2)
        collection.forget()
        await asyncio.sleep(1)

        assert view.objects == {"a": 1, "b": 2}
        assert view.replaced == 2


@pytest.mark.anyio
async def test_a_collection_comes_with_its_watch_where_the_server_can_do_that() -> None:
    """A hundred thousand pods would be listed into memory at once."""
    collection = Collection(bookmarks=True)
    for name in "abc":
        collection.put(name, 1)
    view = _View()
    async with _following(collection, view, streaming=True):
        await asyncio.sleep(1)
        assert view.objects == {"a": 1, "b": 1, "c": 1}
        collection.put("d", 2)
        await asyncio.sleep(1)

    assert view.objects == {"a": 1, "b": 1, "c": 1, "d": 2}
    assert (view.replaced, collection.requests) == (1, 1)


@pytest.mark.anyio
async def test_a_server_that_cannot_stream_is_asked_once() -> None:
    """Each new list would begin with a request that is known to fail."""
    collection = Collection(streams=False, bookmarks=True)
    collection.put("a", 1)
    view = _View()
    async with _following(collection, view, streaming=True):
        await asyncio.sleep(1)
        assert (view.objects, collection.requests) == ({"a": 1}, 3)
        collection.put("b", 1)
        collection.forget()
        await asyncio.sleep(1)

    assert (view.objects, view.replaced, collection.requests) == ({"a": 1, "b": 1}, 2, 5)


REFUSALS: dict[str, Lines | Exception] = {
    "500": Lines(500, [json.dumps(status(500, "InternalError")).encode()]),
    "504": Lines(504, [json.dumps(status(504, "Timeout")).encode()]),
    "error event": Lines(
        200, [json.dumps({"type": "ERROR", "object": status(500, "InternalError")}).encode()]
    ),
    "no JSON": Lines(200, [b"<html>"]),
    "early end": Lines(200, []),
    "broken": Lines(200, [ClusterUnreachable("the connection broke")]),
    "no answer": ClusterUnreachable("no answer in 10 s"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_any_trouble_with_a_streaming_list_leads_to_a_plain_one(refusal: str) -> None:
    """API servers over an etcd that is too old answer 500 for ever (R2), and list without fault."""
    pod = {"metadata": {"name": "a", "resourceVersion": "5"}, "value": 1}
    listed = answer(200, {"metadata": {"resourceVersion": "9"}, "items": [pod]})
    transport = Scripted(REFUSALS[refusal], listed)
    view = _View()
    reflector = Reflector(Client(transport), PODS, view, streaming=True)
    began = asyncio.get_running_loop().time()

    # The script ends; that it got there is the point.
    with pytest.raises(IndexError):
        await reflector.run()

    assert ["sendInitialEvents" in request.query for request in transport.requests] == [
        True,
        False,
        False,
    ]
    assert view.objects == {"a": 1}
    assert asyncio.get_running_loop().time() == began


@pytest.mark.anyio
@pytest.mark.parametrize(
    "refusal", [Lines(429, [json.dumps(status(429, "TooManyRequests")).encode()]), refused()]
)
async def test_a_list_that_would_fare_no_better_is_not_tried(
    refusal: Lines | ClusterUnreachable,
) -> None:
    """A server that is overloaded or restarts would get twice as many requests."""
    transport = Scripted(refusal)
    reflector = Reflector(Client(transport), PODS, _View(), streaming=True)

    with pytest.raises(IndexError):
        await reflector.run()

    assert ["sendInitialEvents" in request.query for request in transport.requests] == [True, True]
    assert isinstance(reflector.failure, ApiError | ClusterUnreachable)


@pytest.mark.anyio
async def test_a_list_that_goes_on_failing_is_logged_at_growing_intervals(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody would learn why no proxy runs (R1), or a line each half minute would hide the rest."""
    collection = Collection(faults=deque([Fault("500")] * 10_000), streams=False)
    async with _following(collection, _View(), streaming=True) as reflector:
        await asyncio.sleep(3600)
        assert reflector.failure is not None

    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert 5 < len(lines) < 10
    assert lines[0].startswith("cannot list /api/v1/pods: ")


@pytest.mark.anyio
@pytest.mark.parametrize("bookmark", [True, False])
async def test_a_server_that_ignores_the_wish_to_stream_is_listed(*, bookmark: bool) -> None:
    """The collection would never be complete: nothing tells where it ends."""
    pod = {"metadata": {"name": "a", "resourceVersion": "5"}, "value": 1}
    lines: list[bytes | Exception] = [json.dumps({"type": "ADDED", "object": pod}).encode()]
    if bookmark:
        rest = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}
        lines.append(json.dumps(rest).encode())
    listed = answer(200, {"metadata": {"resourceVersion": "9"}, "items": [pod]})
    transport = Scripted(Silent(lines), listed, answer(403))
    view = _View()
    reflector = Reflector(Client(transport), PODS, view, streaming=True)

    # The script ends; that it got there is the point.
    with pytest.raises(AssertionError):
        await reflector.run()

    assert ["sendInitialEvents" in request.query for request in transport.requests] == [
        True,
        False,
        False,
    ]
    assert view.objects == {"a": 1}


class Silent(Lines):
    """A stream that says some things, and then nothing, without an end."""

    def __init__(self, lines: list[bytes | Exception]) -> None:
        super().__init__(200, lines)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines."""
        async for line in super().lines():
            yield line
        await asyncio.Event().wait()


@pytest.mark.anyio
@pytest.mark.parametrize("streaming", [False, True])
async def test_silence_and_its_end_are_told(*, streaming: bool) -> None:
    """Proxies would be stopped and started on hearsay."""
    collection = Collection(bookmarks=True)
    collection.put("a", 1)
    view = _View()
    told: list[tuple[float, bool]] = []
    loop = asyncio.get_running_loop()

    def on_stale(stale: bool) -> None:  # noqa: FBT001 - the reflector's protocol
        told.append((loop.time(), stale))

    async with _following(collection, view, streaming=streaming, on_stale=on_stale) as reflector:
        await asyncio.sleep(10)
        assert (told, reflector.stale) == ([], False)
        collection.silent = True
        collection.faults.extend([Fault("drop")] * 3)
        await asyncio.sleep(1000)
        collection.silent = False
        collection.put("b", 2)
        await asyncio.sleep(200)

    assert view.objects == {"a": 1, "b": 2}
    assert [stale for _, stale in told] == [True, False] * (len(told) // 2)
    assert 60 < told[0][0] < 610
    assert not reflector.stale


@pytest.mark.anyio
async def test_a_dead_connection_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    """A firewall that forgets a connection tells neither side."""
    collection = Collection()
    collection.put("a", 1)
    async with _following(collection, _View()) as reflector:
        await asyncio.sleep(1)
        before = collection.requests
        await asyncio.sleep(119)
        assert collection.requests == before
        await asyncio.sleep(2)
        assert collection.requests == before + 1
        assert not reflector.stale
        # A server without bookmarks is silent all the time: nothing to warn of.
        await asyncio.sleep(3600)
        assert collection.requests < before + 40

    assert caplog.records == []


@pytest.mark.anyio
async def test_a_first_watch_that_is_refused_ends_at_once() -> None:
    """An account that may list but not watch would see the first state for ever."""
    listed = answer(200, {"metadata": {"resourceVersion": "9"}, "items": []})
    refused = Lines(403, [json.dumps(status(403, "Forbidden")).encode()])

    with pytest.raises(Forbidden, match='verb "watch" on "pods"'):
        await Reflector(Client(Scripted(listed, refused)), PODS, _View()).run()
