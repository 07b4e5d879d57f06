"""The API server and the control plane of a run: the user's own, or embedded ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from pyload.harness.connection import check_api_server, check_control_plane
from pyload.harness.host import prepare, requirements_of
from pyload.harness.outcome import interrupted
from pyload.harness.targets import Authorities, routes_of
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from pyload.tasks import cancel
from pyload.xds import credentials
from pyload.xds.tls import ISTIOD, server_names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from pyload.embedded.kwok.stages import Stages
    from pyload.harness.connection import Connection
    from pyload.proxies.local_fleet import Route
    from pyload.proxies.spec import ProxySpec
    from pyload.proxies.targets import TargetResolver
    from pyload.tasks import Shutdown, Supervisor
    from pyload.xds.certificates import Certificates

T = TypeVar("T")

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Servers:
    """What a run talks to.

    Attributes:
        client: The API server, or None where a run needs none.
        address: The control plane's address; empty where proxies go different ways.
        route: Gives the way of each proxy, for each dial.
        tokens: Gives the tokens of service accounts; None where there is no API server.
        certificates: Gives those that the CA of a control plane signs; None without TLS.
        paths: Decides the ways of proxies in other processes; None where only this one can go them.
        sources: Local addresses to connect from, by target.
        authenticated: Whether proxies prove who they are.
    """

    client: Client | None
    address: str
    route: Callable[[ProxySpec], Route | Awaitable[Route]]
    tokens: Tokens | None = None
    certificates: Callable[[str], Certificates] | None = None
    paths: TargetResolver | None = None
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    authenticated: bool = False


@contextlib.asynccontextmanager
async def interruptible(
    servers: AbstractAsyncContextManager[T], shutdown: Shutdown
) -> AsyncIterator[T]:
    """Open servers, unless the user ends the run while they are silent.

    Raises:
        Interrupted: The user has.
    """
    async with contextlib.AsyncExitStack() as stack:
        opened = asyncio.create_task(stack.enter_async_context(servers), name="open-servers")
        asked = asyncio.create_task(shutdown.requested.wait(), name="asked")
        try:
            await asyncio.wait({opened, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel([opened, asked])
        if opened.cancelled():
            raise interrupted()[0]
        yield opened.result()


@contextlib.asynccontextmanager
async def connect_api_server(connection: Connection) -> AsyncIterator[Client]:
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
async def external_servers(
    connection: Connection,
    *,
    proxies: int,
    workers: int = 0,
    open_ended: bool = False,
    objects: bool = True,
    account: tuple[str, str] | None = None,
) -> AsyncIterator[Servers]:
    """Connect to the servers that the flags name.

    Args:
        connection: The flags.
        proxies: How many there will be; without any, the control plane is not needed.
        workers: Processes that they run in; 0 for this one.
        open_ended: Whether more may come, nobody knows how many.
        objects: Whether there are objects, so that the API server is needed for more than tokens.
        account: Namespace and service account of all proxies; None for each its own.

    Raises:
        UsageError: The kubeconfig or an address cannot be used.
        UnreachableError: A server does not answer.
    """
    address = connection.pilot_address
    auth = connection.check()
    async with contextlib.AsyncExitStack() as stack:
        client = tokens = None
        if objects or auth != "plaintext":
            client = await stack.enter_async_context(connect_api_server(connection))
            tokens = Tokens(client)
        roots, names = b"", {}
        if client is not None and credentials.uses_tls(auth):
            from pyload.harness.trust import find_roots  # noqa: PLC0415 - imports ssl

            roots = await find_roots(connection, client)
        if address and proxies:
            names = await _check(address, roots, tls=credentials.uses_tls(auth))
        requirements = requirements_of(
            connection,
            auth,
            address=address,
            proxies=proxies,
            workers=workers,
            open_ended=open_ended,
        )
        sources = prepare(requirements)
        routes = routes_of(
            connection,
            address=address,
            roots=roots,
            names=names,
            tokens=tokens,
            account=account,
            sources=sources,
        )
        stack.push_async_callback(routes.aclose)
        certificates = None
        if tokens is not None and credentials.uses_tls(auth):
            certificates = Authorities(connection.ca_address, roots, names, tokens)
        yield Servers(
            client,
            address,
            routes,
            tokens,
            certificates,
            routes.paths,
            sources,
            authenticated=auth != "plaintext",
        )


async def _check(address: str, roots: bytes, *, tls: bool) -> dict[str, str]:
    """Make sure that the control plane is there, and give its name if it is to be verified."""
    if not tls:
        await check_control_plane(address)
        return {}
    from pyload.harness.trust import check_tls  # noqa: PLC0415 - imports ssl

    names = server_names(address, os.environ.get("ISTIOD_SAN", ""))
    name = await check_tls(address, roots, names)
    return {address: name} if roots else {}


@contextlib.asynccontextmanager
async def embedded_servers(
    connection: Connection,
    background: Supervisor,
    *,
    proxies: int,
    workers: int = 0,
    open_ended: bool = False,
    kwok: Stages | None = None,
) -> AsyncIterator[Servers]:
    """Run an API server and a control plane in this process, on free loopback ports.

    Args:
        connection: The flags.
        background: Owns the servers' tasks.
        proxies: How many there will be.
        workers: Processes that they run in; 0 for this one.
        open_ended: Whether more may come, nobody knows how many.
        kwok: Play kwok too, with these stages.
    """
    from pyload.embedded.stack import play_kwok, run_stack  # noqa: PLC0415 - not needed elsewhere
    from pyload.kube.http import HttpTransport  # noqa: PLC0415 - imports aiohttp

    auth = replace(connection, auth=connection.auth or "plaintext").check()
    tls = credentials.uses_tls(auth)
    async with run_stack(background, tls=tls) as stack:
        address = stack.plaintext
        if tls:
            address = stack.mtls if credentials.uses_certificate(auth) else stack.tls
        log.info("embedded API server at %s, embedded control plane at %s", stack.api, address)
        log.info("the embedded control plane is not istiod: it shows pyload, not Istio's speed")
        if kwok is not None:
            play_kwok(stack.server, background, stages=kwok)
        api = HttpTransport(stack.api)
        client = Client(api, qps=connection.qps)
        tokens = Tokens(client)
        requirements = requirements_of(
            connection,
            auth,
            address=address,
            proxies=proxies,
            workers=workers,
            open_ended=open_ended,
            served_here=True,
        )
        sources = prepare(requirements)
        routes = routes_of(
            replace(connection, auth=auth, ca_address=stack.tls if tls else ""),
            address=address,
            roots=b"" if connection.insecure else stack.root,
            names={address: ISTIOD, stack.tls: ISTIOD},
            tokens=tokens,
            sources=sources,
        )
        try:
            yield Servers(
                client,
                address,
                routes,
                tokens,
                paths=routes.paths,
                sources=sources,
                authenticated=auth != "plaintext",
            )
        finally:
            await routes.aclose()
            await api.aclose()
