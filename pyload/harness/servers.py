"""The API server and the control plane of a run: the user's own, or embedded ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from pyload.errors import UnreachableError
from pyload.harness.authorities import Authorities
from pyload.harness.connection import check_api_server, check_control_plane
from pyload.harness.host import prepare, requirements_of
from pyload.harness.istiod_sources import source_of
from pyload.harness.outcome import interrupted
from pyload.kube import target
from pyload.kube.client import Client
from pyload.kube.target import Identity, description, locate
from pyload.kube.tokens import Tokens
from pyload.proxies.channels import ChannelResolver, TransportCache, transport_factory
from pyload.proxies.targets import TargetResolver
from pyload.tasks import cancel
from pyload.xds import credentials
from pyload.xds.tls import ISTIOD, server_names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from pyload.embedded.kwok.stages import Stages
    from pyload.harness.connection import Connection
    from pyload.harness.istiod_sources import Source
    from pyload.tasks import Shutdown, Supervisor
    from pyload.xds.certificates import Certificates
    from pyload.xds.client import Channel
    from pyload.xds.credentials import Auth, Principal

T = TypeVar("T")

_EMBEDDED_CONNECTIONS: Final = 20
"""Connections to an embedded API server, each of which takes two descriptors of this process.

More would not be faster: one event loop has both ends.
"""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a run, and how its proxies reach them.

    Attributes:
        client: The API server; None where a run needs none.
        address: The control plane's address; empty where each proxy names its own.
        resolver: Resolves a proxy's principal to the channel of its next dial.
        certificates: Returns the certificates of the CA that belongs to a control plane; None
            without TLS.
        targets: Resolves principals for proxies in other processes; None where only this process
            can reach the control plane.
        sources: Local addresses to connect from, by target.
        authenticated: Whether proxies prove who they are.
        istiod_source: Where the control plane's metrics are read; None if they are not.
        ready: Returns once the control plane serves proxies; None where it did before.
    """

    client: Client | None
    address: str
    resolver: Callable[[Principal], Channel | Awaitable[Channel]]
    certificates: Callable[[str], Certificates] | None = None
    targets: TargetResolver | None = None
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    authenticated: bool = False
    istiod_source: Source | None = None
    ready: Callable[[], Awaitable[object]] | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers of a run are, and how the control plane is verified.

    Attributes:
        client: The API server; None where a run needs none.
        address: The control plane's address; empty where each proxy names its own.
        auth: How proxies authenticate at that address.
        roots: Certificates by which the control plane is verified; empty does not verify it.
        names: Names in the servers' certificates, by address, where it is not the host.
        metrics_page: Returns the metrics of a control plane that is in this process too; None for
            one that is not.
    """

    client: Client | None
    address: str
    auth: Auth
    roots: bytes = b""
    names: Mapping[str, str] = field(default_factory=dict)
    metrics_page: Callable[[], bytes] | None = None


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
            raise interrupted()
        yield opened.result()


async def log_target(connection: Connection) -> None:
    """Log which API server a run is going to write to, and as whom.

    Raises:
        UsageError: The kubeconfig cannot be used.
    """
    text = await asyncio.to_thread(target_text, connection)
    if text:
        log.info("%s", text)


def target_text(connection: Connection) -> str:
    """Return which API server a run is going to write to, and as whom; empty for none.

    Raises:
        UsageError: The kubeconfig cannot be used.
    """
    identity = identity_of(connection)
    selected = locate(connection.kubeconfig or None, environ=os.environ, identity=identity)
    if selected is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
        return ""
    return description(selected, identity)


def identity_of(connection: Connection) -> Identity:
    """Return which context to use, and as whom."""
    return Identity(connection.context, connection.as_user, connection.as_groups)


def own_namespace(connection: Connection) -> str:
    """Return the namespace of the context or of this pod; empty if neither names one.

    Raises:
        UsageError: The kubeconfig cannot be used.
    """
    identity = identity_of(connection)
    return target.own_namespace(
        locate(connection.kubeconfig or None, environ=os.environ, identity=identity)
    )


@contextlib.contextmanager
def _suggesting_embedded(*, embeddable: bool = True) -> Iterator[None]:
    """Let errors of servers that cannot be reached suggest the embedded ones."""
    try:
        yield
    except UnreachableError as error:
        if embeddable:
            error.fix += ", or try --embedded"
        raise


@contextlib.asynccontextmanager
async def connect_api_server(
    connection: Connection, *, embeddable: bool = True, patience: float | None = None
) -> AsyncIterator[Client]:
    """Connect to the API server that the flags name.

    Args:
        connection: The flags.
        embeddable: Whether the command has `--embedded` as a way out.
        patience: Seconds that the server has to answer, after a login if there is one; None for
            as long as requests are sent again.

    Raises:
        UsageError: The kubeconfig cannot be used.
        UnreachableError: The server does not answer.
        TimeoutError: It has not answered in that time.
    """
    from pyload.kube.credentials import connect  # noqa: PLC0415 - slow to import

    with _suggesting_embedded(embeddable=embeddable):
        api = await connect(
            connection.kubeconfig or None, environ=os.environ, identity=identity_of(connection)
        )
    try:
        client = Client(api, qps=connection.qps)
        with _suggesting_embedded(embeddable=embeddable):
            async with asyncio.timeout(patience):
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
        proxies: How many proxies there will be; with 0 the control plane is not checked.
        workers: Processes that they run in; 0 for this one.
        open_ended: Whether there may be any number more.
        objects: Whether the run has objects, so that it needs the API server for more than tokens.
        account: Namespace and service account of all proxies; None for each its own.

    Raises:
        UsageError: The kubeconfig or an address cannot be used.
        UnreachableError: A server does not answer.
    """
    auth = connection.check()
    async with contextlib.AsyncExitStack() as stack:
        client = None
        if objects or auth != "plaintext":
            client = await stack.enter_async_context(connect_api_server(connection))
        roots, names = b"", {}
        if client is not None and credentials.uses_tls(auth):
            from pyload.harness.trust import find_roots  # noqa: PLC0415 - imports ssl

            roots = await find_roots(connection, client)
        address = connection.pilot_address
        if address and proxies:
            with _suggesting_embedded():
                names = await _check(address, roots, tls=credentials.uses_tls(auth))
        assembled = assemble(
            connection,
            Endpoints(client, address, auth, roots, names),
            proxies=proxies,
            workers=workers,
            open_ended=open_ended,
            account=account,
        )
        yield await stack.enter_async_context(assembled)


async def _check(address: str, roots: bytes, *, tls: bool) -> dict[str, str]:
    """Check that the control plane is there; return its name by address if it is verified."""
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
    prepare: Callable[[Client], Awaitable[None]] | None = None,
    early: bool = False,
) -> AsyncIterator[Servers]:
    """Run an API server and a control plane in this process, on free loopback ports.

    Args:
        connection: The flags.
        background: Owns the servers' tasks.
        proxies: How many proxies there will be.
        workers: Processes that they run in; 0 for this one.
        open_ended: Whether there may be any number more.
        kwok: Stages with which kwok is played too; None does not play it.
        prepare: Creates the objects that the control plane reads first; None for none.
        early: Whether a fleet of `create_fleet` waits for the control plane, so that objects can be
            created meanwhile.
    """
    from pyload.embedded import stack as embedded  # noqa: PLC0415 - not needed elsewhere
    from pyload.kube.http import HttpTransport  # noqa: PLC0415 - imports aiohttp

    auth = replace(connection, auth=connection.auth or "plaintext").check()
    tls = credentials.uses_tls(auth)
    async with embedded.run_stack(background, tls=tls, prepare=prepare) as stack:
        address = stack.plaintext
        if tls:
            address = stack.mtls if credentials.uses_certificate(auth) else stack.tls
        log.info("embedded API server at %s, embedded control plane at %s", stack.api, address)
        log.info("the embedded control plane is not istiod: it shows pyload, not Istio's speed")
        # Its imports take a second, which the first proxies would count as a wait for config.
        early = early and workers == 0
        if (proxies or open_ended) and not early:
            await stack.plane.ready.wait()
        if kwok is not None:
            embedded.start_kwok(stack.server, background, stages=kwok)
        else:
            embedded.start_controllers(stack.server, background)
        api = HttpTransport(stack.api, connections=_EMBEDDED_CONNECTIONS)
        endpoints = Endpoints(
            Client(api, qps=connection.qps),
            address,
            auth,
            roots=b"" if connection.insecure else stack.root,
            names={address: ISTIOD, stack.tls: ISTIOD},
            metrics_page=stack.plane.metrics_page,
        )
        assembled = assemble(
            replace(connection, auth=auth, ca_address=stack.tls if tls else ""),
            endpoints,
            proxies=proxies,
            workers=workers,
            open_ended=open_ended,
        )
        try:
            async with assembled as servers:
                yield replace(servers, ready=stack.plane.ready.wait) if early else servers
        finally:
            await api.aclose()


@contextlib.asynccontextmanager
async def assemble(
    connection: Connection,
    endpoints: Endpoints,
    *,
    proxies: int,
    workers: int = 0,
    open_ended: bool = False,
    account: tuple[str, str] | None = None,
) -> AsyncIterator[Servers]:
    """Compose how proxies reach known servers, and prepare this machine for that many.

    Args:
        connection: The flags.
        endpoints: Where the servers are.
        proxies: How many proxies there will be.
        workers: Processes that they run in; 0 for this one.
        open_ended: Whether there may be any number more.
        account: Namespace and service account of all proxies; None for each its own.
    """
    address, auth = endpoints.address, endpoints.auth
    requirements = requirements_of(
        connection,
        auth,
        address=address,
        proxies=proxies,
        workers=workers,
        open_ended=open_ended,
        served_here=endpoints.metrics_page is not None,
    )
    sources = prepare(requirements)
    tokens = authorities = None
    if endpoints.client is not None:
        tokens = Tokens(endpoints.client)
        if credentials.uses_tls(auth):
            authorities = Authorities(
                connection.ca_address, endpoints.roots, endpoints.names, tokens
            )
    targets = TargetResolver(
        address=address,
        auth=connection.auth,
        roots=endpoints.roots,
        names=endpoints.names,
        tokens=tokens,
        certificates=authorities,
        exclusive=connection.csr_per_pod,
        account=account,
    )
    transports = TransportCache(transport_factory(connection.transport, sources))
    resolver = ChannelResolver(targets, transports)
    try:
        yield Servers(
            endpoints.client,
            address,
            resolver,
            certificates=authorities,
            targets=targets,
            sources=sources,
            authenticated=auth != "plaintext",
            istiod_source=source_of(
                connection.istiod_metrics, address, endpoints.client, endpoints.metrics_page
            ),
        )
    finally:
        await resolver.aclose()
