"""Requests through real proxies on loopback, to servers with and without TLS."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web

from pyload.errors import ClusterUnreachable
from pyload.kube.client import _why
from pyload.kube.http import HttpTransport
from pyload.kube.proof import Proof
from pyload.kube.proxy import ProxyRules, parse
from pyload.kube.retry import Lost
from tests.kube.fixed import Fixed
from tests.kube.proxies import SmallProxy, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

USER = "us@er:p:w/d"
ESCAPED = "us%40er:p%3Aw%2Fd"
SCHEMES = ("http", "https", "socks5", "socks5h")


class Authority:
    """A CA, and what a server and a client make of it."""

    def __init__(self) -> None:
        ca = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("cluster.invalid", "127.0.0.1").configure_cert(self.server)
        client = ssl.create_default_context()
        ca.configure_trust(client)
        self.credentials = Fixed(Proof(context=client))


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return one for all tests."""
    return Authority()


@contextlib.asynccontextmanager
async def server(tls: ssl.SSLContext | None) -> AsyncIterator[tuple[int, list[str]]]:
    """Serve an answer for each path, and yield the port and the paths that were asked for."""
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        assert "Proxy-Authorization" not in request.headers or tls is None
        asked.append(request.path)
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1], asked
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def through(
    scheme: str, proxy: SmallProxy, authority: Authority, *, user: str = "", server: str
) -> AsyncIterator[HttpTransport]:
    """Connect to a server through a proxy."""
    kind = "socks" if scheme.startswith("socks") else "http"
    tls = authority.server if scheme == "https" else None
    async with serving(proxy, kind, tls) as port:
        url = f"{scheme}://{user}127.0.0.1:{port}"
        rules = ProxyRules(parse(url, "HTTPS_PROXY", SCHEMES), {})
        transport = HttpTransport(server, credentials=authority.credentials, proxies=rules)
        try:
            yield transport
        finally:
            await transport.aclose()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("encrypted", [True, False])
async def test_requests_and_watches_go_through_each_kind_of_proxy(
    authority: Authority, scheme: str, *, encrypted: bool
) -> None:
    """A cluster behind a corporate proxy could not be reached; names are the proxy's to resolve."""
    base = "https://cluster.invalid:6443" if encrypted else "http://cluster.invalid:8080"
    async with server(authority.server if encrypted else None) as (port, asked):
        proxy = SmallProxy(port, user=USER)
        async with through(scheme, proxy, authority, user=f"{ESCAPED}@", server=base) as transport:
            response = await transport.request("GET", "/version")
            async with transport.stream("/watched", query={}) as stream:
                assert [line async for line in stream.lines()] == [b"{}"]

    assert response.status == 200
    assert asked == ["/version", "/watched"]
    assert "cluster.invalid" in proxy.asked[0]


@pytest.mark.parametrize(
    ("scheme", "status", "user", "said", "lost"),
    [
        ("http", 0, "", "answers 407: it wants a user and a password", Lost.HOPELESS),
        ("https", 0, "", "answers 407: it wants a user and a password", Lost.HOPELESS),
        ("http", 403, ESCAPED, "answers 403: it does not allow that", Lost.HOPELESS),
        ("http", 503, ESCAPED, "answers 503: it does not connect", Lost.REFUSED),
        ("socks5", 0, "", "wants a user and a password", Lost.HOPELESS),
        ("socks5", 0, "jo:hunter2", "refuses the user and password", Lost.HOPELESS),
        ("socks5", 2, ESCAPED, "did not connect: its rules do not allow that", Lost.HOPELESS),
        ("socks5", 4, ESCAPED, "did not connect: the host is unreachable", Lost.REFUSED),
    ],
)
async def test_a_proxy_that_refuses_is_named_with_its_reason_and_without_its_password(
    authority: Authority, scheme: str, status: int, user: str, *, said: str, lost: Lost
) -> None:
    """The user would look for the fault in the cluster, and the log would hold a secret."""
    proxy = SmallProxy(1, user=USER, status=status)
    at = f"{user}@" if user else ""
    async with through(
        scheme, proxy, authority, user=at, server="https://cluster.invalid:6443"
    ) as transport:
        with pytest.raises(ClusterUnreachable, match=f"the proxy {said}") as caught:
            await transport.request("GET", "/version")

    error: BaseException | None = caught.value
    assert _why(caught.value) is lost
    assert "HTTPS_PROXY" in caught.value.fix
    while error is not None:
        assert not any(
            secret in f"{error!r} {error}" for secret in ("p%3A", "p:w", "dXNAZX", "hun")
        )
        error = error.__cause__


async def test_a_proxy_for_http_that_wants_a_password_is_named(authority: Authority) -> None:
    """Its 407 would look like the API server's."""
    proxy = SmallProxy(1, user=USER)
    async with through("http", proxy, authority, server="http://cluster.invalid") as transport:
        with pytest.raises(ClusterUnreachable, match="the proxy answers 407"):
            await transport.request("GET", "/version")


async def test_what_is_no_socks_proxy_is_called_that(authority: Authority) -> None:
    """An HTTP proxy's port behind socks5:// would be a riddle."""
    async with server(None) as (port, _):
        rules = ProxyRules(parse(f"socks5://127.0.0.1:{port}", "HTTPS_PROXY"), {})
        transport = HttpTransport("https://h:1", credentials=authority.credentials, proxies=rules)
        with pytest.raises(ClusterUnreachable, match="the proxy does not speak SOCKS 5"):
            await transport.request("GET", "/version")
        await transport.aclose()


async def test_a_socks_proxy_that_is_down_is_named(authority: Authority) -> None:
    """It would look as if the cluster were down."""
    rules = ProxyRules(parse("socks5://127.0.0.1:1", "HTTPS_PROXY"), {})
    transport = HttpTransport("https://h:1", credentials=authority.credentials, proxies=rules)
    with pytest.raises(ClusterUnreachable, match=r"proxy 127.+: connection refused"):
        await transport.request("GET", "/version")
    await transport.aclose()
