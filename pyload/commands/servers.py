"""The API server and the control plane of a run: the user's own, or embedded ones."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.commands.connection import check_api_server, check_control_plane, split_address
from pyload.kube.client import Client
from pyload.xds import credentials
from pyload.xds.grpc_transport import GrpcTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pyload.commands.connection import Connection
    from pyload.embedded.kwok.stages import Stages
    from pyload.proxies.fleet import Route
    from pyload.proxies.spec import ProxySpec
    from pyload.tasks import Supervisor
    from pyload.xds.transport import Transport

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Servers:
    """What a run talks to.

    Attributes:
        client: The API server, or None where a run needs none.
        xds: Opens xDS streams.
        address: The control plane's address; empty where proxies go different ways.
        tokens: Whether proxies may need tokens.
        route: Gives the way of each proxy, where they go different ways.
    """

    client: Client | None
    xds: Transport | None
    address: str
    tokens: bool = False
    route: Callable[[ProxySpec], Route] | None = None


@contextlib.asynccontextmanager
async def own_api_server(connection: Connection) -> AsyncIterator[Client]:
    """Connect to the API server that the flags name.

    Args:
        connection: The flags.

    Raises:
        UsageError: The kubeconfig cannot be used.
        UnreachableError: The server does not answer.
    """
    from pyload.kube.credentials import connect  # noqa: PLC0415 - slow to import

    api = await connect(connection.kubeconfig or None, environ=os.environ)
    try:
        client = Client(api, qps=connection.qps)
        await check_api_server(client)
        yield client
    finally:
        await api.aclose()


@contextlib.asynccontextmanager
async def own_servers(
    connection: Connection, *, proxies: bool = True, objects: bool = True
) -> AsyncIterator[Servers]:
    """Connect to the servers that the flags name.

    Args:
        connection: The flags.
        proxies: Whether there are proxies, so that the control plane is needed.
        objects: Whether there are objects, so that the API server is needed for more than tokens.

    Raises:
        UsageError: The kubeconfig or an address cannot be used.
        UnreachableError: A server does not answer.
    """
    address = connection.pilot_address
    auth = credentials.infer(connection.auth, address)
    if address:
        split_address(address)
    async with contextlib.AsyncExitStack() as stack:
        client = None
        if objects or auth != "plaintext":
            client = await stack.enter_async_context(own_api_server(connection))
        if not address:
            from pyload.commands.routes import Routes  # noqa: PLC0415 - kwok mode only

            routes = Routes(connection.auth)
            stack.push_async_callback(routes.aclose)
            yield Servers(client, None, "", tokens=True, route=routes)
            return
        if proxies:
            await check_control_plane(address)
        xds = GrpcTransport(address, tls=credentials.uses_tls(auth))
        stack.push_async_callback(xds.aclose)
        yield Servers(client, xds, address, tokens=credentials.uses_token(auth))


@contextlib.asynccontextmanager
async def embedded_servers(
    connection: Connection, background: Supervisor, *, kwok: Stages | None = None
) -> AsyncIterator[Servers]:
    """Run an API server and a control plane in this process, on free loopback ports.

    Args:
        connection: The flags.
        background: Owns the servers' tasks.
        kwok: Play kwok too, with these stages.
    """
    from pyload.embedded.stack import play_kwok, run_stack  # noqa: PLC0415 - not needed elsewhere
    from pyload.kube.http import HttpTransport  # noqa: PLC0415 - imports aiohttp

    auth = credentials.infer(connection.auth or "plaintext", "")
    tls = credentials.uses_tls(auth)
    async with run_stack(background, tls=tls) as stack:
        address = stack.tls if tls else stack.plaintext
        log.info("embedded API server at %s, embedded control plane at %s", stack.api, address)
        log.info("the embedded control plane is not istiod: it shows pyload, not Istio's speed")
        if kwok is not None:
            play_kwok(stack.server, background, stages=kwok)
        api = HttpTransport(stack.api)
        xds = GrpcTransport(address, tls=tls)
        try:
            client = Client(api, qps=connection.qps)
            yield Servers(client, xds, address, tokens=credentials.uses_token(auth))
        finally:
            await xds.aclose()
            await api.aclose()
