"""The server over HTTP: answers, watches, limits and faults."""

from __future__ import annotations

import asyncio
import contextlib
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
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

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


async def test_a_fault_of_the_server_is_a_status_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Clients could not read a text, and would show it as an answer of somebody else's."""
    server = ApiServer()

    def fault(_: Request) -> Response | None:
        raise RuntimeError("a bug")

    server.intercept = fault
    async with (
        server.serve() as url,
        aiohttp.ClientSession(url) as session,
        session.get(MAPS) as response,
    ):
        code, status = response.status, await response.json()
    assert (code, status["reason"]) == (500, "InternalError")
    assert status["message"] == "Internal error occurred: RuntimeError('a bug')"
    assert "RuntimeError: a bug" in caplog.text


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


@contextlib.asynccontextmanager
async def _connected(server: ApiServer) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    async with server.serve() as url:
        _, _, port = url.rpartition(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        try:
            yield reader, writer
        finally:
            writer.close()


async def _answer(reader: StreamReader) -> tuple[int, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = int(head.split(" ")[1])
    length = head.partition("Content-Length: ")[2].partition("\r\n")[0]
    return status, orjson.loads(await reader.readexactly(int(length)) or b"null")


async def test_bodies_may_come_in_chunks_and_after_a_question() -> None:
    """Clients that stream a body know no length, and curl asks before it sends a large one."""
    async with _connected(ApiServer()) as (reader, writer):
        head = f"POST {MAPS} HTTP/1.1\r\nContent-Type: application/json\r\n".encode()
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        writer.write(b'14;x=y\r\n{"metadata": {"name"\r\n7\r\n: "c"}}\r\n0\r\nTrailer: z\r\n\r\n')
        created = await _answer(reader)
        body = b'{"metadata":{"name":"d"}}'
        writer.write(head + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        after = await _answer(reader)

    assert (created[0], created[1]["metadata"]["name"]) == (201, "c")
    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (after[0], after[1]["metadata"]["name"]) == (201, "d")


async def test_requests_may_come_before_their_answers() -> None:
    """Answers come in the order of their requests, over one connection."""
    async with _connected(ApiServer()) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\n\r\n")
        first, second = await _answer(reader), await _answer(reader)
        writer.write(b"HEAD /version HTTP/1.1\r\nConnection: close\r\n\r\n")
        rest = await reader.read()

    assert (first[0], second[0]) == (200, 404)
    assert rest.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\r\n\r\n", b"x" * 200_000])
async def test_other_protocols_are_told_so(raw: bytes) -> None:
    """A client that speaks TLS to this port must not hang, nor leave a traceback."""
    async with _connected(ApiServer()) as (reader, writer):
        writer.write(raw)
        status, _ = await _answer(reader)

    assert status == 400


async def test_a_watch_of_an_old_client_ends_with_its_connection() -> None:
    """HTTP/1.0 knows no chunks."""
    server = ApiServer()
    async with _connected(server) as (reader, writer):
        writer.write(f"GET {MAPS}?watch=true&timeoutSeconds=1 HTTP/1.0\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        await server.transport().request("POST", MAPS, body=b'{"metadata":{"name":"c"}}')
        lines = [orjson.loads(await reader.readline()) for _ in range(2)]
        server.close_watches()
        rest = await reader.read()

    assert [line["object"]["metadata"]["name"] for line in lines] == ["kube-root-ca.crt", "c"]
    assert rest == b""


async def test_a_bug_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A client must not wait for an answer that a traceback has taken the place of."""
    server = ApiServer()

    def fail(_: Request) -> Response | None:
        raise RuntimeError("bug")

    server.intercept = fail
    async with _connected(server) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\n\r\n")
        status, answer = await _answer(reader)

    assert (status, answer["reason"]) == (500, "InternalError")
    assert "cannot answer GET /version" in caplog.text
