"""The ways of proxies to their control planes, with what they show there."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pyload.proxies.local_fleet import Route
from pyload.proxies.targets import Target, TargetResolver, TransportCache, transport_factory
from pyload.xds import credentials
from pyload.xds.tls import TlsConfig, server_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from pyload.harness.connection import Connection
    from pyload.kube.tokens import Tokens
    from pyload.proxies.spec import ProxySpec
    from pyload.xds.certificates import Certificates


class Routes:
    """Gives each proxy the way to its control plane.

    Args:
        paths: Decides.
        transports: Carries the streams.

    Attributes:
        paths: Decides, also for proxies in other processes.
    """

    def __init__(self, paths: TargetResolver, transports: TransportCache) -> None:
        self.paths = paths
        self._transports = transports

    def __call__(self, spec: ProxySpec) -> Route | Awaitable[Route]:
        """Give the way of a proxy, for one dial."""
        path = self.paths(spec)
        return self._route(path) if isinstance(path, Target) else self._route_when(path)

    async def aclose(self) -> None:
        """Close the transports."""
        await self._transports.aclose()

    def _route(self, path: Target) -> Route:
        return Route(self._transports.get(path), token=path.token, secure=path.tls is not None)

    async def _route_when(self, coming: Awaitable[Target]) -> Route:
        return self._route(await coming)


def routes_of(
    connection: Connection,
    *,
    address: str,
    roots: bytes,
    names: Mapping[str, str],
    tokens: Tokens | None,
    account: tuple[str, str] | None = None,
    sources: Mapping[str, Sequence[str]],
) -> Routes:
    """Compose the ways that the flags ask for.

    Args:
        connection: The flags.
        address: The control plane of all proxies; empty where each names its own.
        roots: Certificates by which servers are verified; empty does not verify them.
        names: Names of servers whose address does not tell them.
        tokens: Gives tokens for the CA; None where there is no API server.
        account: Namespace and service account of all proxies; None for each its own.
        sources: Local addresses to connect from, by target.
    """
    authorities = None
    if connection.auth and credentials.uses_certificate(credentials.infer(connection.auth, "")):
        assert tokens is not None, "certificates are signed for tokens"
        authorities = Authorities(connection.ca_address, roots, names, tokens)
    paths = TargetResolver(
        address=address,
        auth=connection.auth,
        roots=roots,
        names=names,
        certificates=authorities,
        per_proxy=connection.csr_per_pod,
        account=account,
    )
    return Routes(paths, TransportCache(transport_factory(connection.transport, sources)))


class Authorities:
    """Gives the certificates that belong to a control plane, one store for each CA.

    Args:
        ca_address: ``HOST:PORT`` of the CA; empty for the control plane itself.
        roots: Certificates by which it is verified; empty does not verify it.
        names: Names of servers whose address does not tell them.
        tokens: Gives the tokens that it wants.
    """

    def __init__(
        self, ca_address: str, roots: bytes, names: Mapping[str, str], tokens: Tokens
    ) -> None:
        self._ca_address = ca_address
        self._roots = roots
        self._names = names
        self._tokens = tokens
        self._known: dict[str, Certificates] = {}

    def __call__(self, address: str) -> Certificates:
        """Give the certificates for a control plane."""
        target = self._ca_address or address
        known = self._known.get(target)
        if known is None:
            known = self._known[target] = self._new(target)
        return known

    def _new(self, target: str) -> Certificates:
        from pyload.xds.ca import GrpcCa  # noqa: PLC0415 - imports grpc
        from pyload.xds.certificates import Certificates  # noqa: PLC0415 - imports cryptography

        name = self._names.get(target) or server_names(target)[0]
        tls = TlsConfig(self._roots, name if self._roots else "")
        return Certificates(
            GrpcCa(target, tls=tls),
            self._tokens,
            rng=Random(),  # noqa: S311 - spreads retries
        )
