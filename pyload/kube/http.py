"""Requests to an API server over sockets, with aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl as tls
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from pyload.descriptors import RAISE, is_exhaustion
from pyload.errors import ClusterUnreachable
from pyload.kube.connector import Connector
from pyload.kube.proxy import SOCKS, ProxyRules
from pyload.kube.redirect import STATUSES, Refusal, follow
from pyload.kube.transport import HopelessError, ProxyError, Response
from pyload.version import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pyload.kube.proof import Credentials, Proof

REQUEST_SECONDS: Final = 30.0
_CONNECT_SECONDS: Final = 10.0
_TIMEOUT: Final = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS)
_WATCH_SLACK_SECONDS: Final = 30.0
"""Seconds that a watch may go on beyond the requested time before it counts as broken."""

_FIX: Final = "check that the cluster is up and that --kubeconfig names the right one"
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ProxyError)
_BROKEN: Final = (ConnectionError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)


class HttpTransport:
    """Carries requests to one API server.

    Connections are opened when they are needed, on the loop of the first request. Call `aclose`
    on that loop when done.

    Args:
        base_url: Such as ``https://127.0.0.1:6443``; may end with a path.
        credentials: What each request shows, and how the server is verified; None shows nothing,
            and verifies by the system's roots.
        connections: Connections at most, watches included.
        proxies: Which proxy to go through; None for none.
        server_hostname: Name to expect in the server's certificate instead of the URL's.
        compressed: Whether answers may be compressed.

    Raises:
        UsageError: The proxy of the environment cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None = None,
        connections: int = 100,
        proxies: ProxyRules | None = None,
        server_hostname: str | None = None,
        compressed: bool = True,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._credentials = credentials
        self._connections = connections
        self._proxies = proxies or ProxyRules(None, {})
        self._proxy = self._proxies.proxy_for(self._base)
        self._compressed = compressed
        self._server_hostname = server_hostname
        self._session: aiohttp.ClientSession | None = None

    @property
    def address(self) -> str:
        """Address of the API server, for messages."""
        return self._base

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send one request and read its whole answer, whatever its status.

        Raises:
            ClusterUnreachable: There was no answer.
        """
        url = self._base + path
        headers = {} if body is None else {"Content-Type": content_type}
        try:
            async with await self.send(
                method, url, params=query, data=body, headers=headers, timeout=_TIMEOUT
            ) as answer:
                payload = await answer.read()
                return Response(answer.status, payload, _retry_after(answer.headers))
        except _FAILURES as error:
            raise self._unreachable(error) from _cause(error)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[HttpLines]:
        """Open a GET whose answer is read line by line; leaving the context closes it.

        Raises:
            ClusterUnreachable: There was no answer.
        """
        silence = float(query.get("timeoutSeconds", 0)) + _WATCH_SLACK_SECONDS
        timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=silence)
        try:
            answer = await self.send("GET", self._base + path, params=query, timeout=timeout)
        except _FAILURES as error:
            raise self._unreachable(error) from _cause(error)
        try:
            yield HttpLines(answer, self._unreachable)
        finally:
            # An answer that has not ended cannot be released: its connection is given up.
            answer.close()

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> aiohttp.ClientResponse:
        """Send one request with the credentials of now, and once more if they have been renewed.

        Args:
            method: HTTP method.
            url: The whole URL.
            headers: What it needs beside the credentials.
            **options: As for aiohttp's requests.

        Raises:
            aiohttp.ClientError: There was no answer.
        """
        if self._credentials is None:
            return await self._ask(method, url, headers=CIMultiDict(headers or {}), **options)
        proof = await self._credentials.current()
        answer = await self._show(proof, method, url, headers, options)
        if answer.status == HTTPStatus.UNAUTHORIZED and await self._credentials.renew(proof):
            answer.release()
            proof = await self._credentials.current()
            answer = await self._show(proof, method, url, headers, options)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._credentials.on_refused_again(proof)
        return answer

    async def _show(
        self,
        proof: Proof,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        options: Mapping[str, Any],
    ) -> aiohttp.ClientResponse:
        shown = CIMultiDict(headers or {})
        for name, value in proof.headers:
            shown.add(name, value)
        # A connection is used again only by requests with the same context.
        context = True if proof.context is None else proof.context
        return await self._ask(method, url, headers=shown, ssl=context, **options)

    async def _ask(self, method: str, url: str | URL, **options: Any) -> aiohttp.ClientResponse:
        """Send a request, and again to where the server points."""
        count = 0
        while True:
            answer = await self._ask_once(method, url, **options)
            location = answer.headers.get("Location")
            if answer.status not in STATUSES or not location:
                return answer
            target = follow(method, str(answer.url), answer.status, location, count=count)
            answer.close()
            if isinstance(target, Refusal):
                raise self._unusable(target.what, target.fix) from HopelessError(target.what)
            # A Location is whole; it holds the query, if it wants one.
            url, count, options["params"] = URL(target, encoded=True), count + 1, None

    async def _ask_once(
        self, method: str, url: str | URL, *, headers: CIMultiDict[str], **options: Any
    ) -> aiohttp.ClientResponse:
        own = str(url).startswith(self._base + "/")
        proxy = self._proxy if own else self._proxies.proxy_for(str(url))
        through: dict[str, Any] = {}
        if proxy is not None and proxy.scheme not in SOCKS:
            through["proxy"] = proxy.url
            if str(url).startswith("https:"):
                through["proxy_headers"] = proxy.headers
            else:
                headers = CIMultiDict(headers)
                headers.update(proxy.headers)
        answer = await self._open().request(
            method,
            url,
            headers=headers,
            server_hostname=self._server_hostname,
            allow_redirects=False,
            **through,
            **options,
        )
        if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and through:
            answer.close()
            raise ProxyError(_refusal(answer.status))
        return answer

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(self._proxies.proxy_for, limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=() if self._compressed else ("Accept-Encoding",),
                headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            )
        return self._session

    def _unreachable(self, error: BaseException) -> ClusterUnreachable:
        cause = _cause(error)
        if self._proxy is not None and isinstance(cause, ProxyError):
            return self._unusable(f"the proxy {cause}", f"check {self._proxy.source}")
        return self._unusable(*_explain(error, self._base))

    def _unusable(self, what: str, fix: str) -> ClusterUnreachable:
        where = self._base
        if self._proxy:
            where += f" through the proxy {self._proxy}"
        return ClusterUnreachable(f"cannot reach the API server at {where}: {what}", fix=fix)


class HttpLines:
    """The answer to a `HttpTransport.stream`.

    Args:
        answer: The answer, whose body has not been read.
        unreachable: Makes the error for a connection that broke.

    Attributes:
        status: HTTP status code.
    """

    def __init__(
        self,
        answer: aiohttp.ClientResponse,
        unreachable: Callable[[BaseException], ClusterUnreachable],
    ) -> None:
        self.status = answer.status
        self._answer = answer
        self._unreachable = unreachable

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield each line without its newline, until the server ends the answer.

        Raises:
            ClusterUnreachable: The connection broke.
        """
        # Not the stream's own line reader, which refuses objects of more than 128 KB.
        begun: list[bytes] = []
        try:
            async for chunk in self._answer.content.iter_any():
                first, *others = chunk.split(b"\n")
                begun.append(first)
                for other in others:
                    line = b"".join(begun)
                    begun = [other]
                    yield line
        except _FAILURES as error:
            raise self._unreachable(error) from _cause(error)
        if last := b"".join(begun):
            yield last

    async def body(self) -> bytes:
        """Read the whole body instead; for answers that are errors."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._answer.read()
        except _FAILURES as error:
            raise self._unreachable(error) from _cause(error)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    # The other form, a date, is not what API servers send.
    return float(text) if text.isdecimal() else None


_REFUSED_BY_PROXY: Final[dict[int, str]] = {
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "wants a user and a password, or others",
    HTTPStatus.FORBIDDEN: "does not allow that",
}


def _refusal(status: int) -> str:
    return f"answers {status}: it {_REFUSED_BY_PROXY.get(status, 'does not connect')}"


def _cause(error: BaseException) -> BaseException:
    """Return the cause in the operating system or TLS, by which the client decides on a retry.

    The error of a proxy's answer is not a cause: it holds the request, with the proxy's password.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError):
        lasting = error.status in _REFUSED_BY_PROXY
        return ProxyError(_refusal(error.status), lasting=lasting)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    return error


def _explain(error: BaseException, base: str) -> tuple[str, str]:
    """Return the problem and its fix in plain words."""
    if isinstance(cause := _cause(error), tls.SSLError):
        return _explain_tls(cause)
    if isinstance(error, aiohttp.InvalidURL):
        return "this is not an address", "mend the server's address in the kubeconfig"
    if isinstance(cause, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError):
        what = f"no such host: {urlsplit(base).hostname}"
    elif isinstance(cause, ConnectionRefusedError):
        what = "connection refused"
    elif isinstance(cause, TimeoutError):
        what = "no answer in time"
    elif isinstance(cause, _BROKEN):
        what = "the connection broke off"
    else:
        what = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return what, RAISE if is_exhaustion(cause) else _FIX


def _explain_tls(error: tls.SSLError) -> tuple[str, str]:
    if isinstance(error, tls.SSLCertVerificationError):
        reason = error.verify_message or str(error)
        return (
            f"its certificate is not accepted: {reason.rstrip('.')}",
            "check certificate-authority-data and tls-server-name of the cluster in the kubeconfig",
        )
    return (
        f"the TLS handshake failed: {error.reason or error}",
        "check the server's address and the client certificate in the kubeconfig",
    )
