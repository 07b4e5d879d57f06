"""The server over HTTP: answers, watches, limits and faults."""

from __future__ import annotations

import asyncio
import io
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ClusterUnreachable
from pyload.kube.transport import Response

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

MAPS = "/api/v1/namespaces/default/configmaps"
JSON = {"Content-Type": "application/json"}


async def test_objects_are_served_over_http() -> None:
    """Kubectl and istiod come this way."""
    seen: list[tuple[str, str, int]] = []
    server = ApiServer(
        observer=lambda request, code: seen.append((request.verb, request.user_agent, code))
    )
    async with (
        server.serve() as url,
        aiohttp.ClientSession(url, headers={"User-Agent": "tool/1"}) as session,
    ):
        async with session.post(MAPS, json={"metadata": {"name": "c"}}) as response:
            created = await response.json()
        async with session.get(f"{MAPS}/c") as response:
            read = await response.json()
            content_type = response.headers["Content-Type"]
        async with session.get("/healthz") as response:
            health = await response.text()
        async with session.get(f"{MAPS}/c", headers={"Accept": "text/html"}) as response:
            refused = response.status
        async with session.post(MAPS, data=b"{", headers={"Content-Type": "application/json"}) as r:
            broken = r.status

    assert read == created
    assert created["metadata"].get("managedFields", []) == []
    assert (content_type, health, refused, broken) == ("application/json", "ok", 406, 400)
    assert seen == [
        ("create", "tool/1", 201),
        ("get", "tool/1", 200),
        ("get", "tool/1", 200),
        ("get", "tool/1", 406),
        ("create", "tool/1", 400),
    ]


async def test_field_managers_are_named_after_their_user_agent() -> None:
    """A client that names no manager is known by its program."""
    server = ApiServer()
    async with server.serve() as url, aiohttp.ClientSession(url) as session:
        body = {"metadata": {"name": "c"}, "data": {"a": "b"}}
        headers = {"User-Agent": "kwok/v0.9 (linux)"}
        async with session.post(MAPS, json=body, headers=headers) as response:
            created = await response.json()

    assert created["metadata"]["managedFields"][0]["manager"] == "kwok"


async def test_a_client_may_ask_as_somebody_else() -> None:
    """`kubectl auth whoami --as` shows whom the server takes the client for."""
    server = ApiServer()
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    headers = [("Impersonate-User", "u"), ("Impersonate-Group", "g"), ("Impersonate-Group", "h")]
    async with (
        server.serve() as url,
        aiohttp.ClientSession(url) as session,
        session.post(path, json={}, headers=headers) as response,
    ):
        review = await response.json()

    assert review["status"]["userInfo"] == {
        "username": "u",
        "groups": ["g", "h", "system:authenticated"],
    }


async def test_bodies_are_refused_only_above_kubernetes_limit() -> None:
    """A large CRD that a real cluster takes would fail here, or the other way round."""
    server = ApiServer()
    limit = 3 * 1024 * 1024
    empty = orjson.dumps({"metadata": {"name": "c"}, "data": {"a": ""}})
    fits = empty.replace(b'""', b'"' + b"x" * (limit - len(empty)) + b'"')
    async with server.serve() as url, aiohttp.ClientSession(url) as session:
        async with session.post(MAPS, data=io.BytesIO(fits), headers=JSON) as response:
            created = response.status
        async with session.post(MAPS, data=io.BytesIO(fits + b" "), headers=JSON) as response:
            refused, status = response.status, await response.json()

    assert (created, refused) == (201, 413)
    assert status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Request entity too large: limit is 3145728",
        "reason": "RequestEntityTooLarge",
        "code": 413,
    }


async def test_watches_stream_over_http_and_end_with_the_server() -> None:
    """Leaving the server must not wait for watches that nobody ends."""
    server = ApiServer()
    transport = server.transport()
    events: list[Any] = []
    async with aiohttp.ClientSession() as session:
        async with server.serve() as url:
            watch = await session.get(url + MAPS, params={"watch": "true", "resourceVersion": "40"})
            await transport.request("POST", MAPS, body=b'{"metadata":{"name":"c"}}')
            events.append(orjson.loads(await watch.content.readline()))
        rest = await watch.content.read()

    assert [event["object"]["metadata"]["name"] for event in events] == ["c"]
    assert rest == b""
    assert server._watchers == set()


async def test_a_client_that_hangs_up_is_forgotten() -> None:
    """A client that is killed must not leave its watch behind."""
    server = ApiServer()
    async with server.serve() as url, aiohttp.ClientSession() as session:
        watch = await session.get(url + MAPS, params={"watch": "true", "resourceVersion": "40"})
        assert len(server._watchers) == 1
        watch.close()
        async with asyncio.timeout(5):
            while server._watchers:  # noqa: ASYNC110 - nobody tells when a watch is gone
                await asyncio.sleep(0.001)


async def test_a_client_that_never_reads_its_watch_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever stops a `kubectl get -w` with Ctrl-Z would make the server keep all that follows."""
    monkeypatch.setattr("pyload.embedded.apiserver.server.OVERFLOW_SECONDS", 0.05)
    server = ApiServer()
    transport = server.transport()
    async with server.serve() as url, asyncio.timeout(10):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(f"GET {MAPS}?watch=true HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            while not server._watchers:  # noqa: ASYNC110 - nobody tells when a watch has begun
                await asyncio.sleep(0.001)
            text = "x" * 900_000
            for number in range(60):
                body = orjson.dumps({"metadata": {"name": f"c{number}"}, "data": {"a": text}})
                await transport.request("POST", MAPS, body=body)
                await asyncio.sleep(0)
            assert server._watchers == set()
            await asyncio.sleep(0.2)
            client.settimeout(1)
            last = b""
            while received := client.recv(1 << 20):
                last = received
            assert not last.endswith(b"0\r\n\r\n"), "the client has read the watch to its end"
    assert caplog.text.count("too far behind in its watch of configmaps") == 1


async def test_a_request_that_there_is_no_memory_for_is_an_answer_and_no_more(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """One list that is too large would end the server for all clients, or fill its terminal."""
    server = ApiServer()

    def fault(request: Request) -> Response | None:
        if request.verb == "list":
            raise MemoryError
        return None

    server.intercept = fault
    async with server.serve() as url, aiohttp.ClientSession(url) as session:
        async with session.get(MAPS) as response:
            code, status = response.status, await response.json()
            retry = response.headers.get("Retry-After")
        async with session.get("/healthz") as response:
            health = response.status

    assert (code, status["reason"], retry, health) == (503, "ServiceUnavailable", "1", 200)
    assert "Traceback" not in capfd.readouterr().err


async def test_large_headers_are_refused() -> None:
    """They would be kept in memory before anybody has looked at them."""
    server = ApiServer()
    async with server.serve() as url, aiohttp.ClientSession(url) as session:
        async with session.get("/healthz", headers={"X": "x" * 100_000}) as response:
            refused = response.status
        async with session.get("/healthz") as response:
            health = response.status
    assert (refused, health) == (400, 200)


async def test_faults_over_http_look_like_faults() -> None:
    """A throttled client must see Retry-After, a cut one its connection break."""
    server = ApiServer()

    def fault(request: Request) -> Response | None:
        if request.verb == "get":
            raise ClusterUnreachable("cut")
        return Response(429, b"{}", 2.0)

    server.intercept = fault
    async with server.serve() as url, aiohttp.ClientSession(url) as session:
        async with session.get(MAPS) as response:
            throttled = (response.status, response.headers["Retry-After"])
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{MAPS}/c")

    assert throttled == (429, "2")
    with pytest.raises(ClusterUnreachable):
        await server.transport().request("GET", f"{MAPS}/c")
