"""From a target to a channel: the transports of a process, shared by all proxies of one target."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from pyload.errors import PyloadError
from pyload.proxies.targets import Target
from pyload.xds.client import Channel, bearer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableSet, Sequence

    from pyload.xds.credentials import Principal
    from pyload.xds.tls import TlsConfig
    from pyload.xds.transport import Transport


class ChannelResolver:
    """Resolves principals to channels, anew for each dial.

    Args:
        targets: Resolves them to targets.
        transports: The transports of this process; closed by `aclose`.
    """

    def __init__(
        self,
        targets: Callable[[Principal], Target | Awaitable[Target]],
        transports: TransportCache,
    ) -> None:
        self._targets = targets
        self._transports = transports

    def __call__(self, principal: Principal) -> Channel | Awaitable[Channel]:
        """Return a proxy's channel; an awaitable of it if its target is one."""
        target = self._targets(principal)
        if not isinstance(target, Target):
            return self._channel_when(target, principal)
        try:
            return self._channel(target, principal)
        except PyloadError as error:
            # The proxy that awaits it dials again, as after any other failure.
            return _raise(error)

    async def aclose(self) -> None:
        """Close the transports."""
        await self._transports.aclose()

    def _channel(self, target: Target, principal: Principal) -> Channel:
        metadata = bearer(target.token, principal.cluster_id) if target.token else ()
        return Channel(self._transports.get(target), metadata, secure=target.tls is not None)

    async def _channel_when(self, target: Awaitable[Target], principal: Principal) -> Channel:
        return self._channel(await target, principal)


async def _raise(error: PyloadError) -> Channel:
    raise error


class TransportCache:
    """The transports of one process, one for each address and TLS configuration.

    Args:
        create: Creates a transport to an address.
    """

    def __init__(self, create: Callable[[str, TlsConfig | None], Transport]) -> None:
        self._create = create
        self._shared: dict[tuple[str, TlsConfig | None], Transport] = {}
        # Those of one proxy live as long as its stream does.
        self._exclusive: MutableSet[Transport] = weakref.WeakSet()

    def get(self, target: Target) -> Transport:
        """Return the transport to a target."""
        if target.exclusive:
            transport = self._create(target.address, target.tls)
            self._exclusive.add(transport)
            return transport
        key = target.address, target.tls
        known = self._shared.get(key)
        if known is None:
            known = self._shared[key] = self._create(*key)
        return known

    async def aclose(self) -> None:
        """Close them all."""
        for transport in (*self._shared.values(), *self._exclusive):
            await transport.aclose()


def transport_factory(
    transport: str, sources: Mapping[str, Sequence[str]]
) -> Callable[[str, TlsConfig | None], Transport]:
    """Return the function that creates transports of a kind.

    Args:
        transport: ``lean`` or ``grpc``.
        sources: Local addresses to connect from, by target; only ``lean`` can.
    """
    # Imported before the first dial: it would wait, and later no more files may be opened.
    if transport == "grpc":
        from pyload.xds.grpc_transport import GrpcTransport  # noqa: PLC0415 - imports grpc

        return lambda address, tls: GrpcTransport(address, tls=tls)
    from pyload.xds.lean import LeanTransport  # noqa: PLC0415 - one of two

    def lean(address: str, tls: TlsConfig | None) -> Transport:
        return LeanTransport(
            address,
            tls=None if tls is None else tls.context(),
            server_hostname="" if tls is None else tls.server_name,
            sources=sources.get(address, ()),
        )

    return lean
