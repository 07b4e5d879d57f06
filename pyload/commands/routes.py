"""The ways of proxies that each name their own control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.proxies.fleet import Route
from pyload.xds import credentials
from pyload.xds.grpc_transport import GrpcTransport

if TYPE_CHECKING:
    from pyload.proxies.spec import ProxySpec


class Routes:
    """Gives each proxy the way to its control plane; one transport for each address.

    Args:
        auth: How to authenticate; inferred from each address where it is empty.
    """

    def __init__(self, auth: str) -> None:
        self._auth = auth
        self._known: dict[str, Route] = {}
        self._transports: list[GrpcTransport] = []

    def __call__(self, spec: ProxySpec) -> Route:
        """Give the way of a proxy."""
        route = self._known.get(spec.address)
        if route is None:
            auth = credentials.infer(self._auth, spec.address)
            transport = GrpcTransport(spec.address, tls=credentials.uses_tls(auth))
            self._transports.append(transport)
            route = Route(transport, token=credentials.uses_token(auth))
            self._known[spec.address] = route
        return route

    async def aclose(self) -> None:
        """Close the transports."""
        for transport in self._transports:
            await transport.aclose()
