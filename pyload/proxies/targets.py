"""How each proxy reaches its control plane: the address, and what it proves there."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyload.xds import credentials
from pyload.xds.tls import Principal, TlsConfig, server_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableSet, Sequence

    from pyload.proxies.spec import ProxySpec
    from pyload.xds.certificates import Certificates
    from pyload.xds.tls import KeyPair
    from pyload.xds.transport import Transport


@dataclass(frozen=True, slots=True)
class Target:
    """One way to a control plane; may be sent to another process.

    Attributes:
        address: ``HOST:PORT``.
        tls: How to speak TLS; None for plaintext.
        token: Whether streams carry a token.
        own: Whether only one proxy goes there this way.
    """

    address: str
    tls: TlsConfig | None = None
    token: bool = False
    own: bool = False


class TargetResolver:
    """Decides each proxy's path, anew for each dial.

    Args:
        address: The control plane of all proxies; empty where each names its own.
        auth: How to authenticate; inferred from each address where it is empty.
        roots: Certificates in PEM by which servers are verified; empty does not verify them.
        names: Names of servers, by address; where there is none, it follows from the address.
        certificates: Gives the certificates of the CA that belongs to an address; None where the
            authentication needs none.
        per_proxy: Whether each proxy has a certificate of its own.
        account: Namespace and service account of all proxies; None for each its own.

    Attributes:
        per_proxy: Whether no two proxies go the same way.
    """

    def __init__(
        self,
        *,
        address: str,
        auth: str,
        roots: bytes = b"",
        names: Mapping[str, str] | None = None,
        certificates: Callable[[str], Certificates] | None = None,
        per_proxy: bool = False,
        account: tuple[str, str] | None = None,
    ) -> None:
        self._address = address
        self._auth = auth
        self._roots = roots
        self._names = names or {}
        self._certificates = certificates
        self.per_proxy = per_proxy
        self._account = account
        self._bare: dict[str, tuple[Target, bool]] = {}

    def __call__(self, spec: ProxySpec) -> Target | Awaitable[Target]:
        """Give a proxy's path: at once, unless a certificate has to be signed first."""
        address = self._address or spec.address
        known = self._bare.get(address)
        if known is None:
            known = self._bare[address] = self.bare(address)
        path, certified = known
        if not certified:
            return path
        assert self._certificates is not None, "mtls needs a CA"
        certificates, principal = self._certificates(address), self._holder(spec)
        certificate = certificates.peek(principal)
        if certificate is not None:
            return self._showing(path, certificate)
        return self._showing_when(path, certificates.get(principal))

    def bare(self, address: str) -> tuple[Target, bool]:
        """Give the path to an address without a certificate, and whether it needs one."""
        auth = credentials.infer(self._auth, address)
        tls = None
        if credentials.uses_tls(auth):
            name = self._names.get(address) or server_names(address)[0]
            tls = TlsConfig(self._roots, name if self._roots else "")
        return (
            Target(address, tls, token=credentials.uses_token(auth)),
            credentials.uses_certificate(auth),
        )

    def _holder(self, spec: ProxySpec) -> Principal:
        namespace, account = self._account or (spec.namespace, spec.service_account)
        return Principal(namespace, account, spec.cluster_id, spec.key if self.per_proxy else "")

    def _showing(self, path: Target, certificate: KeyPair) -> Target:
        assert path.tls is not None, "certificates are for TLS"
        return replace(path, tls=replace(path.tls, certificate=certificate), own=self.per_proxy)

    async def _showing_when(self, path: Target, coming: Awaitable[KeyPair]) -> Target:
        return self._showing(path, await coming)


class TransportCache:
    """The transports of one process, one for each path that proxies share.

    Args:
        connect: Makes a transport to an address.
    """

    def __init__(self, connect: Callable[[str, TlsConfig | None], Transport]) -> None:
        self._connect = connect
        self._shared: dict[tuple[str, TlsConfig | None], Transport] = {}
        # Those of one proxy live as long as its stream does.
        self._own: MutableSet[Transport] = weakref.WeakSet()

    def get(self, path: Target) -> Transport:
        """Give the transport for a path."""
        if path.own:
            transport = self._connect(path.address, path.tls)
            self._own.add(transport)
            return transport
        key = path.address, path.tls
        known = self._shared.get(key)
        if known is None:
            known = self._shared[key] = self._connect(*key)
        return known

    async def aclose(self) -> None:
        """Close them all."""
        for transport in (*self._shared.values(), *self._own):
            await transport.aclose()


def transport_factory(
    transport: str, sources: Mapping[str, Sequence[str]]
) -> Callable[[str, TlsConfig | None], Transport]:
    """Choose what makes transports.

    Args:
        transport: ``lean`` or ``grpc``.
        sources: Local addresses to connect from, by target; only ``lean`` can.
    """

    def grpc(address: str, tls: TlsConfig | None) -> Transport:
        from pyload.xds.grpc_transport import GrpcTransport  # noqa: PLC0415 - imports grpc

        return GrpcTransport(address, tls=tls)

    def lean(address: str, tls: TlsConfig | None) -> Transport:
        from pyload.xds.lean import LeanTransport  # noqa: PLC0415 - one of two

        return LeanTransport(
            address,
            tls=None if tls is None else tls.context(),
            server_hostname="" if tls is None else tls.server_name,
            sources=sources.get(address, ()),
        )

    return grpc if transport == "grpc" else lean
