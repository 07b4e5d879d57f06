"""A small HTTP server: the run's counters for Prometheus at ``/metrics``, and its live page.

It is written by hand, because importing a server costs more than the rest of a short run's start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from pyload.errors import UsageError
from pyload.report.answers import Answer, answer_bytes, parse_request
from pyload.report.page.live import Live
from pyload.report.prometheus import CONTENT_TYPE, Registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pyload.report.answers import Page, Request
    from pyload.report.metrics import Metrics
    from pyload.report.result import Result

_METRICS: Final = "/metrics"
_MAX_REQUEST: Final = 16 << 10
_REQUEST_SECONDS: Final = 10.0
_BIND_ERRORS: Final = (
    "address already in use",
    "permission denied",
    "cannot assign requested address",
)

log = logging.getLogger("pyload")


@contextlib.asynccontextmanager
async def serve(
    address: str,
    metrics: Metrics,
    *,
    version: str = "",
    run: Mapping[str, str] | None = None,
    figures: Callable[[], Result] | None = None,
    as_pilot_load: bool = False,
) -> AsyncIterator[str | None]:
    """Answer ``GET /metrics``, and with a live page at ``/``, while the context is open.

    An address that cannot be bound is a warning, and the run goes on without the server.

    Args:
        address: ``:8765`` (all interfaces), ``127.0.0.1:0`` (any port), ``[::1]:9``, or empty for
            no server.
        metrics: The counters of the run.
        version: Version of pyload.
        run: What tells the run from others, by name.
        figures: Returns the result as of now, at each scrape; None without its figures, and
            without the live page.
        as_pilot_load: Whether to log as pilot-load does that an address cannot be bound, and to
            have no live page, as scripts take the address for that of metrics alone.

    Yields:
        The address listened on, or None.

    Raises:
        UsageError: The text is not an address to listen on.
    """
    if not address:
        yield None
        return
    host, port = parse_address(address)
    registry = Registry(metrics, version=version, run=run, figures=figures)

    def scrape(_: Request) -> Answer:
        return Answer(registry.render(), CONTENT_TYPE)

    pages: dict[str, Page] = {_METRICS: scrape}
    if figures is not None and not as_pilot_load:
        names = {"localhost", host.lower(), socket.gethostname().lower()}
        pages |= Live(figures, names).pages
    connections: set[asyncio.Transport] = set()
    server: asyncio.Server | None = None
    try:
        listener = await _listen(host, port)
    except OSError as error:
        why = _bind_error(error)
        if as_pilot_load:
            log.info("monitoring server listen tcp %s: %s", address, why)
        else:
            fix = "give --metrics-addr another one, or '' for none"
            why = why.removeprefix("bind: ")
            log.warning("no metrics are served: cannot listen on %s: %s; %s", address, why, fix)
    else:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Http(registry, pages, connections), sock=listener
        )
    try:
        yield None if server is None else _name(server.sockets[0].getsockname())
    finally:
        if server is not None:
            server.close()
        for transport in tuple(connections):
            transport.abort()


def parse_address(address: str) -> tuple[str, int]:
    """Split an address to listen on into its host, empty for all interfaces, and its port.

    Raises:
        UsageError: The text is not an address to listen on.
    """
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        fix = "write HOST:PORT or :PORT, such as 127.0.0.1:8765"
        raise UsageError(f"{address!r} is not an address to listen on", fix=fix)
    return host, int(port)


async def _listen(host: str, port: int) -> socket.socket:
    if not host:
        if socket.has_dualstack_ipv6():
            with contextlib.suppress(OSError):
                return socket.create_server(
                    ("::", port), family=socket.AF_INET6, dualstack_ipv6=True
                )
        return socket.create_server(("", port))
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, target = found[0]
    return socket.create_server(target[:2], family=family)


def _bind_error(error: OSError) -> str:
    """Return why an address cannot be bound, in Go's words."""
    if isinstance(error, socket.gaierror):
        return "lookup: no such host"
    text = (os.strerror(error.errno) if error.errno else str(error)).lower()
    return f"bind: {text}" if text in _BIND_ERRORS else text


def _name(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Http(asyncio.Protocol):
    """Answers one HTTP request and closes its connection."""

    def __init__(
        self,
        registry: Registry,
        pages: Mapping[str, Page],
        connections: set[asyncio.Transport],
    ) -> None:
        self._registry = registry
        self._pages = pages
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._request = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self._transport)
        abort = self._transport.abort
        self._timer = asyncio.get_running_loop().call_later(_REQUEST_SECONDS, abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._request += data
        if b"\r\n\r\n" in self._request:
            self._respond()
        elif len(self._request) > _MAX_REQUEST:
            self._transport.abort()

    def _respond(self) -> None:
        request = parse_request(bytes(self._request))
        if request.path == _METRICS:
            # In a thread, as the proxies that are being measured share this loop.
            prepared = asyncio.get_running_loop().run_in_executor(None, self._registry.prepare)
            prepared.add_done_callback(lambda _: self._write(request))
        else:
            self._write(request)

    def _write(self, request: Request) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer_bytes(request, self._pages.get(request.path)))
            self._transport.close()
