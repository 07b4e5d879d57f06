"""Requests, retries and refusals."""

from __future__ import annotations

import asyncio
import logging
import ssl
from random import Random

import pytest

from pyload.errors import (
    ApiError,
    ClusterUnreachable,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    TooManyRequests,
    UsageError,
)
from pyload.kube.client import Client
from pyload.kube.resources import NAMESPACES, NODES, PODS, Resource
from pyload.kube.transport import Response
from tests.kube.peers import Collection, Lines, Scripted, answer, refused, status

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "mesh"}}
PATH = PODS.path("mesh", "a")
BROKEN = ClusterUnreachable("broken")


def _client_of(*answers: Response | Exception | Lines) -> tuple[Client, Scripted]:
    transport = Scripted(*answers)
    return Client(transport, rng=Random(1)), transport


async def test_a_page_behind_the_servers_proxy_is_text_of_bounded_size() -> None:
    """Istiod's metrics are no JSON; and a pod that sends without end must not fill memory."""
    client, transport = _client_of(*[Lines(200, [b"one 1", b"", b"two 2"]) for _ in range(2)])
    path = f"{PATH}:15014/proxy/metrics"
    assert await client.read_text(path, at_most=100) == b"one 1\n\ntwo 2"
    assert [request.path for request in transport.requests] == [path]
    with pytest.raises(ApiError, match="more than 12 bytes"):
        await client.read_text(path, at_most=12)


async def test_apply_sends_what_server_side_apply_needs() -> None:
    """The server would refuse the patch, or another manager's fields would win."""
    client, transport = _client_of(answer(201, POD))

    assert await client.apply(PATH, POD) == POD

    (request,) = transport.requests
    assert (request.method, request.path, request.body) == ("PATCH", PATH, POD)
    assert request.query == {"fieldManager": "pilot-load", "force": "true"}
    assert request.content_type == "application/apply-patch+yaml"


async def test_delete_says_whether_there_was_something() -> None:
    """Cleanup would fail on what is gone already, or wait out a pod's grace period."""
    client, transport = _client_of(
        answer(200), answer(404, status(404, "NotFound")), answer(200), answer(200)
    )

    assert await client.delete(PATH) is True
    assert await client.delete(PATH) is False
    assert await client.delete(PATH, grace_period_seconds=None) is True
    assert await client.delete(PATH, grace_period_seconds=None, uid="u") is True

    options = {"kind": "DeleteOptions", "apiVersion": "v1"}
    assert [request.body for request in transport.requests] == [
        {**options, "gracePeriodSeconds": 0},
        {**options, "gracePeriodSeconds": 0},
        None,
        {**options, "preconditions": {"uid": "u"}},
    ]


@pytest.mark.parametrize("trouble", [answer(500), answer(503), answer(429), BROKEN, refused()])
async def test_a_read_survives_four_failures_and_not_five(trouble: Response | Exception) -> None:
    """A short hiccup of the API server would end a run of hours; a long one would hang it."""
    client, transport = _client_of(*[trouble] * 4, answer(200, POD))
    assert await client.get(PATH) == POD
    assert len(transport.requests) == 5

    client, transport = _client_of(*[trouble] * 5)
    with pytest.raises((ApiError, ClusterUnreachable)):
        await client.get(PATH)
    assert len(transport.requests) == 5


async def test_a_post_is_repeated_only_if_the_server_cannot_have_seen_it() -> None:
    """A repeated POST reports AlreadyExists for what it has just created."""
    client, _ = _client_of(refused(), answer(429), answer(201, POD))
    assert await client.create(PODS.path("mesh"), POD) == POD

    for trouble in (answer(500), BROKEN):
        client, transport = _client_of(trouble)
        with pytest.raises((ApiError, ClusterUnreachable)):
            await client.create(PODS.path("mesh"), POD)
        assert len(transport.requests) == 1


async def test_a_certificate_that_is_not_trusted_is_not_tried_again() -> None:
    """The user would wait seconds for a message that is clear at once."""
    error = ClusterUnreachable("certificate")
    error.__cause__ = ssl.SSLCertVerificationError()
    client, transport = _client_of(error)

    with pytest.raises(ClusterUnreachable):
        await client.get(PATH)

    assert len(transport.requests) == 1


async def test_retry_after_is_obeyed() -> None:
    """An API server with priority and fairness sheds load this way; ignoring it makes it worse."""
    client, transport = _client_of(answer(429, retry_after=5), answer(200, POD))

    await client.get(PATH)

    assert transport.times[1] - transport.times[0] == pytest.approx(5)


async def test_the_rate_is_kept_and_the_loss_is_known() -> None:
    """A user could not tell that --qps, not istiod, made the run slow."""
    transport = Scripted(*[answer(200, POD)] * 40)
    client = Client(transport, qps=10, rng=Random(1))
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(client.get(PATH), name=f"get-{number}")

    assert asyncio.get_running_loop().time() == pytest.approx(2)
    assert client.time_limited == pytest.approx(sum(0.1 * n for n in range(1, 21)))


async def test_the_time_of_each_write_and_each_refusal_is_known() -> None:
    """A user could not tell that the API server, not istiod, made the run slow."""
    busy = [
        answer(429, status(429, "TooManyRequests")),
        answer(503, status(503, "ServiceUnavailable")),
    ]
    client, transport = _client_of(*busy, *[answer(200, POD)] * 3)
    transport.delay = 0.25
    await client.update(PATH, POD)
    await client.get(PATH)
    await client.write("POST", PATH, POD)

    times = client.write_times
    assert (times.count, times.min, times.max) == (4, 0.25, 0.25)
    assert client.refusals == {"429": 1, "503": 1}


async def test_a_rate_of_nothing_is_refused() -> None:
    """Every request would wait for ever."""
    for qps in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="--qps above 0"):
            Client(Scripted(), qps=qps)


async def test_cancelling_while_waiting_ends_the_call() -> None:
    """Ctrl-C would have to wait for back-offs."""
    client, transport = _client_of(answer(429, retry_after=20), answer(200, POD))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await client.get(PATH)

    assert len(transport.requests) == 1
    assert asyncio.get_running_loop().time() == pytest.approx(1)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, ApiError),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, ApiError),
    ],
)
async def test_refusals_keep_the_servers_words(code: int, kind: type[ApiError]) -> None:
    """Callers tell errors apart by class, users by text."""
    client, _ = _client_of(answer(code, status(code, "Because", "so it is")))

    with pytest.raises(kind) as caught:
        await client.get(PATH)

    error = caught.value
    assert type(error) is kind
    assert (error.status, error.reason, error.message) == (code, "Because", "so it is")
    assert str(error).startswith(f"GET {PATH}: HTTP {code}: so it is")


async def test_a_forbidden_request_names_the_missing_permission() -> None:
    """The user could not tell which rule the role lacks."""
    forbidden = answer(403, status(403, "Forbidden", "no"))
    client, _ = _client_of(*[forbidden] * 4, Lines(403, [forbidden.body]))

    with pytest.raises(Forbidden, match=r'"create" on "pods" of the core API group.*Role in n'):
        await client.create(PODS.path("mesh"), POD)
    with pytest.raises(Forbidden, match='"patch" on "pods/status"'):
        await client.apply(PODS.path("mesh", "a", "status"), POD)
    with pytest.raises(Forbidden, match=r'"list" on "nodes".*ClusterRole'):
        await client.list(NODES.path())
    with pytest.raises(Forbidden, match='"delete" on "pods"'):
        await client.delete(PATH)
    with pytest.raises(Forbidden, match='"watch" on "pods"'):
        async for _ in client.watch(PODS.path(), resource_version="1"):
            pass


async def test_too_many_requests_has_its_own_class() -> None:
    """Callers would not know that waiting longer may help."""
    client, _ = _client_of(*[answer(429, status(429))] * 5)

    with pytest.raises(TooManyRequests):
        await client.get(PATH)


async def test_a_kind_that_is_not_served_is_named() -> None:
    """Without Istio's CRDs, '404 page not found' says nothing."""
    client, _ = _client_of(Response(404, b"404 page not found\n"))
    gateways = Resource("networking.istio.io", "v1", "gateways", "Gateway", namespaced=True)

    with pytest.raises(NotFound, match=r"gateways of networking\.istio\.io/v1 are not served"):
        await client.list(gateways.path())


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"", b"[1]", b"\xff\xfe"])
async def test_a_server_that_is_no_api_server_is_called_that(body: bytes) -> None:
    """A kubeconfig that points at some web server would end in a traceback."""
    client, _ = _client_of(Response(200, body), Lines(200, [body or b"{}"]))

    with pytest.raises(ApiError, match="is a Kubernetes API server's"):
        await client.get(PATH)
    with pytest.raises(ApiError, match="is a Kubernetes API server's"):
        async for _ in client.watch(PODS.path(), resource_version="1"):
            pass


async def test_a_list_is_read_page_by_page() -> None:
    """All pods of a big cluster at once would not fit in memory, and half of them is not all."""
    collection = Collection(page=2)
    for number in range(5):
        collection.put(f"p{number}", number)
    client = Client(collection)

    objects, version = await client.list(PODS.path(), project=lambda obj: {"value": obj["value"]})

    assert objects == [{"value": number} for number in range(5)]
    assert version == str(collection.version)
    assert collection.requests == 3


async def test_a_list_that_outlives_its_snapshot_begins_anew() -> None:
    """Half a list would look like deletions."""
    first = {"metadata": {"continue": "t", "resourceVersion": "1"}, "items": [POD]}
    whole = {"metadata": {"resourceVersion": "2"}, "items": [POD, POD]}
    expired = answer(410, status(410, "Expired"))
    client, transport = _client_of(answer(200, first), expired, answer(200, whole))

    objects, version = await client.list(PODS.path(), label_selector="a=b", field_selector="c=d")

    assert (len(objects), version) == (2, "2")
    selectors = {"labelSelector": "a=b", "fieldSelector": "c=d", "limit": "500"}
    assert [request.query for request in transport.requests] == [
        selectors,
        {**selectors, "continue": "t"},
        selectors,
    ]

    client, transport = _client_of(*[answer(200, first), expired] * 4)
    with pytest.raises(Gone):
        await client.list(PODS.path())
    assert len(transport.requests) == 8


async def test_a_watch_yields_events_and_raises_errors() -> None:
    """A reflector would take an expired watch for a quiet one."""
    event = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}'
    gone = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}'
    client, transport = _client_of(Lines(200, [event, b"", gone]))

    events = client.watch(
        PODS.path(), resource_version="7", label_selector="a=b", timeout_seconds=9
    )
    type_, obj = await anext(events)
    with pytest.raises(Gone):
        await anext(events)

    assert (type_, obj["metadata"]["name"]) == ("ADDED", "a")
    assert transport.requests[0].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "7",
        "timeoutSeconds": "9",
        "labelSelector": "a=b",
    }


async def test_writes_are_logged_as_pilot_load_logs_them(caplog: pytest.LogCaptureFixture) -> None:
    """Scripts that grep the debug log would find nothing."""
    caplog.set_level(logging.DEBUG, logger="pyload.kube")
    client, _ = _client_of(*[answer(200, POD)] * 8)

    await client.create(PODS.path("mesh"), POD)
    await client.update(PATH, POD)
    await client.update(f"{PATH}/status", POD)
    await client.apply(PATH, POD)
    await client.apply(f"{PATH}/status", POD)
    await client.delete(PATH)
    await client.update(NAMESPACES.path(None, "mesh", "finalize"), {})
    await client.delete("/apis/x.io/v1/namespaces/mesh/things/a")

    assert [record.message for record in caplog.records] == [
        "creating resource: *v1.Pod/a/mesh",
        "updating resource: *v1.Pod/a.mesh",
        "updating resource status: *v1.Pod/a.mesh",
        "fast ssa resource: *v1.Pod/a/mesh",
        "fast ssa resource status: *v1.Pod/a/mesh",
        "deleted resource: *v1.Pod/a/mesh",
        "finalizing namespace: mesh",
        "deleted resource: x.io/v1, Resource=things/a/mesh",
    ]
