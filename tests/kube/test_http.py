"""Requests over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web

from pyload.errors import ClusterUnreachable
from pyload.kube.client import Client
from pyload.kube.http import HttpTransport
from pyload.kube.proof import Proof
from pyload.kube.proxy import ProxyRules, parse
from pyload.kube.resources import PODS
from tests.kube.fixed import Fixed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

pytestmark = [pytest.mark.anyio, pytest.mark.socket]


@contextlib.asynccontextmanager
async def _serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve every path, and give the base URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _transport(base: str, **options: object) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(base, **options)  # type: ignore[arg-type]
    try:
        yield transport
    finally:
        await transport.aclose()


async def test_requests_arrive_whole() -> None:
    """The API server would refuse them, or audit them under a wrong name."""
    seen: list[web.Request] = []
    shown = [("Authorization", "Bearer t"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b")]

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        body = await request.read()
        return web.json_response({"got": body.decode()}, headers={"Retry-After": "3"}, status=409)

    async with (
        _serving(handler) as base,
        _transport(f"{base}/prefix/", credentials=Fixed(Proof(shown))) as transport,
    ):
        response = await transport.request(
            "PATCH",
            "/api/v1/pods",
            query={"labelSelector": "a=b,c in (d)"},
            body=b"{}",
            content_type="application/apply-patch+yaml",
        )

    assert (response.status, response.retry_after) == (409, 3)
    assert json.loads(response.body) == {"got": "{}"}
    (request,) = seen
    assert (request.method, request.path) == ("PATCH", "/prefix/api/v1/pods")
    assert dict(request.query) == {"labelSelector": "a=b,c in (d)"}
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.headers["Authorization"] == "Bearer t"
    assert request.headers.getall("Impersonate-Group") == ["a", "b"]
    assert request.headers["User-Agent"].startswith("pyload/")
    assert request.headers["Accept"] == "application/json"


async def test_lines_come_as_they_are_sent_however_they_are_cut() -> None:
    """An event would be late, torn, or refused because its object is big."""
    big = b"x" * 300_000
    sent = [b"one\ntw", b"o\n\nthr", b"ee\n", big, b"\nlast"]

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in sent:
            await response.write(part)
            await asyncio.sleep(0.005)
        return response

    async with (
        _serving(handler) as base,
        _transport(base) as transport,
        transport.stream("/", query={"watch": "true"}) as stream,
    ):
        lines = [line async for line in stream.lines()]

    assert stream.status == 200
    assert lines == [b"one", b"two", b"", b"three", big, b"last"]


async def test_a_watch_that_is_left_gives_its_connection_up() -> None:
    """Abandoned watches would use up the connections, and the server's."""
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type":"BOOKMARK","object":{}}\n')
        try:
            await asyncio.sleep(10)
        finally:
            ended.set()
        return response

    async with _serving(handler) as base, _transport(base, connections=1) as transport:
        for _ in range(3):
            async with contextlib.aclosing(
                Client(transport).watch(PODS.path(), resource_version="1")
            ) as events:
                assert await anext(events) == ("BOOKMARK", {})
        async with asyncio.timeout(5):
            await ended.wait()


async def test_an_error_instead_of_a_watch_can_be_read() -> None:
    """The reason of a refused watch would be lost."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=403, body=b"no")

    async with (
        _serving(handler) as base,
        _transport(base) as transport,
        transport.stream("/", query={}) as stream,
    ):
        assert (stream.status, await stream.body()) == (403, b"no")


async def test_a_broken_watch_is_an_error_and_not_an_end() -> None:
    """A reflector would take a crash of the API server for a quiet end."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        assert request.transport is not None
        request.transport.abort()
        return response

    lines = []

    async def read(transport: HttpTransport) -> None:
        async with transport.stream("/", query={}) as stream:
            async for line in stream.lines():
                lines.append(line)  # noqa: PERF401 - what came before the break counts

    async with _serving(handler) as base, _transport(base) as transport:
        with pytest.raises(ClusterUnreachable, match="broke off"):
            await read(transport)

    assert lines == [b"one"]


async def _refusal(base: str, **options: object) -> ClusterUnreachable:
    async with _transport(base, **options) as transport:
        with pytest.raises(ClusterUnreachable) as caught:
            await transport.request("GET", "/version")
        with pytest.raises(ClusterUnreachable):
            async with transport.stream("/version", query={}):
                pass
    return caught.value


async def test_nobody_listening_is_said_in_plain_words() -> None:
    """A user whose cluster is down would read a traceback."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = await _refusal(f"http://127.0.0.1:{port}")

    what = f"cannot reach the API server at http://127.0.0.1:{port}: connection refused"
    assert error.what == what
    assert "--kubeconfig" in error.fix
    # Not every command that asks an API server has that way out; those that have it add it.
    assert "--embedded" not in error.fix
    assert isinstance(error.__cause__, ConnectionRefusedError)


async def test_an_unknown_host_is_said_in_plain_words() -> None:
    """A typo in the kubeconfig would look like a network problem."""
    error = await _refusal("https://nowhere.invalid:6443")

    assert "no such host: nowhere.invalid" in error.what


async def test_a_connection_closed_without_answer_is_said_in_plain_words() -> None:
    """Something that is no web server would give a riddle."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await _refusal(f"http://127.0.0.1:{port}")

    assert "the connection broke off" in error.what


async def test_certificates_are_verified_and_what_is_wrong_is_named() -> None:
    """A wrong CA would look like a cluster that is down, or a man in the middle would pass."""
    authority, stranger = trustme.CA(), trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_side)
    trusting, distrusting = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trusting)
    stranger.configure_trust(distrusting)
    trusted = Fixed(Proof(context=trusting))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"{}")

    async with _serving(handler, tls=server_side) as base:
        unknown = await _refusal(base, credentials=Fixed(Proof(context=distrusting)))
        other_name = await _refusal(base, credentials=trusted)
        async with _transport(base, credentials=trusted, server_hostname="localhost") as transport:
            response = await transport.request("GET", "/version")

    assert "its certificate is not accepted" in unknown.what
    assert "certificate-authority-data" in unknown.fix
    assert isinstance(unknown.__cause__, ssl.SSLCertVerificationError)
    assert "its certificate is not accepted" in other_name.what
    assert response.status == 200


async def test_tls_towards_a_server_without_it_is_named() -> None:
    """Https instead of http in a kubeconfig would look like a cluster that is down."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"{}")

    async with _serving(handler) as base:
        error = await _refusal(base.replace("http:", "https:"))

    assert "the TLS handshake failed" in error.what


async def test_a_proxy_that_is_down_is_named_without_its_password() -> None:
    """The user would look for the fault in the cluster, and the log would hold a secret."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = await _refusal(
            "http://cluster.invalid",
            proxies=ProxyRules(parse(f"http://user:secret@127.0.0.1:{port}", ""), {}),
        )

    assert error.what == (
        f"cannot reach the API server at http://cluster.invalid through the proxy 127.0.0.1:{port}"
        ": connection refused"
    )


async def test_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead connection would leave the kubelet blind for ever."""
    monkeypatch.setattr("pyload.kube.http._WATCH_SLACK_SECONDS", 0.05)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(5)
        return response

    async with (
        _serving(handler) as base,
        _transport(base) as transport,
        transport.stream("/", query={"timeoutSeconds": "0"}) as stream,
    ):
        with pytest.raises(ClusterUnreachable, match="no answer in time"):
            async for _ in stream.lines():
                pass


async def test_closing_twice_or_unused_is_fine() -> None:
    """Clean-up paths would fail one after the other."""
    transport = HttpTransport("http://127.0.0.1:1")
    assert transport.address == "http://127.0.0.1:1"
    await transport.aclose()
    await transport.aclose()


async def test_a_server_that_points_elsewhere_is_followed_with_body_and_query() -> None:
    """Each request would fail with a status that says nothing, where kubectl works."""
    seen: list[tuple[str, str, str]] = []

    async def there(request: web.Request) -> web.Response:
        body = await request.text()
        seen.append((request.method, request.path_qs, body + request.headers["Authorization"]))
        return web.json_response({})

    credentials = Fixed(Proof([("Authorization", "Bearer t")]))
    async with _serving(there) as target:

        async def here(request: web.Request) -> web.Response:
            host = target if request.path != "/far" else "http://elsewhere.invalid"
            raise web.HTTPTemporaryRedirect(host + request.path_qs)

        async with _serving(here) as base, _transport(base, credentials=credentials) as transport:
            response = await transport.request("PUT", "/a", query={"b": "c d"}, body=b"{}")
            async with transport.stream("/watch", query={"e": "f"}) as stream:
                assert [line async for line in stream.lines()] == [b"{}"]
            with pytest.raises(ClusterUnreachable, match=r"it redirects to http://elsewhere\.inv"):
                await transport.request("GET", "/far")

    assert response.status == 200
    assert seen == [("PUT", "/a?b=c+d", "{}Bearer t"), ("GET", "/watch?e=f", "Bearer t")]


async def test_answers_are_compressed_unless_the_kubeconfig_disables_that() -> None:
    """`disable-compression` would be ignored in silence."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Accept-Encoding", ""))
        return web.json_response({})

    async with _serving(handler) as base:
        for compressed in (True, False):
            async with _transport(base, compressed=compressed) as transport:
                await transport.request("GET", "/")

    assert "gzip" in seen[0]
    assert seen[1] == ""


class Renewable:
    """Credentials that the server refuses at first, and then shows a certificate."""

    def __init__(self, *proofs: Proof) -> None:
        self._proofs = list(proofs)
        self.refused_again = 0

    async def current(self) -> Proof:
        """Return the proof of now."""
        return self._proofs[0]

    async def renew(self, refused: Proof) -> bool:
        """Go on to the next, if there is one."""
        assert refused is self._proofs[0]
        if len(self._proofs) > 1:
            del self._proofs[0]
            return True
        return False

    def on_refused_again(self, proof: Proof) -> None:
        """Count it."""
        assert proof is self._proofs[0]
        self.refused_again += 1


async def test_a_request_that_is_refused_is_sent_again_with_renewed_credentials() -> None:
    """A token that was rotated would be refused for the rest of a run of days."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)
    seen: list[tuple[str, bool, str]] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        shown = bool(request.transport.get_extra_info("peercert"))
        seen.append((request.headers["Authorization"], shown, await request.text()))
        return web.json_response({}, status=200 if shown else 401)

    plain, certified = ssl.create_default_context(), ssl.create_default_context()
    for one in (plain, certified):
        authority.configure_trust(one)
    authority.issue_cert("client").configure_cert(certified)
    old = Proof([("Authorization", "Bearer old")], plain)
    new = Proof([("Authorization", "Bearer new")], certified)

    renewable = Renewable(old, new)
    async with (
        _serving(handler, tls=context) as base,
        _transport(base, credentials=renewable) as transport,
    ):
        response = await transport.request("POST", "/a", body=b"{}")
        async with transport.stream("/b", query={}) as stream:
            assert [line async for line in stream.lines()] == [b"{}"]

    assert response.status == 200
    assert seen == [
        ("Bearer old", False, "{}"),
        ("Bearer new", True, "{}"),
        ("Bearer new", True, ""),
    ]
    assert renewable.refused_again == 0


async def test_what_is_refused_after_its_renewal_is_the_answer() -> None:
    """A request would be sent for ever to a server that wants somebody else."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({}, status=401)

    renewable = Renewable(Proof(), Proof())
    async with _serving(handler) as base, _transport(base, credentials=renewable) as transport:
        assert [(await transport.request("GET", "/")).status for _ in range(2)] == [401, 401]
    assert renewable.refused_again == 1
