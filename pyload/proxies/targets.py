"""Where each proxy connects, and what it shows there: address, TLS, token and certificate.

Before each dial a proxy's `Principal` is resolved to a `Target`. Most principals resolve at once:
what an address demands is worked out once, and tokens and certificates are kept while they are
good. Only a token that has to be fetched, or a certificate that has to be signed, is awaited.

Targets are plain data, so that a process with an API server can resolve them for one without:
`pyload.proxies.pool.remote_resolver`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from pyload.xds import credentials
from pyload.xds.credentials import Principal
from pyload.xds.tls import TlsConfig, server_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pyload.key_pair import KeyPair
    from pyload.xds.certificates import Certificates


@dataclass(frozen=True, slots=True)
class Target:
    """Where a dial goes, and what is shown there.

    Attributes:
        address: ``HOST:PORT``.
        tls: How to speak TLS; None for plaintext.
        token: The bearer token of the stream; empty for none.
        exclusive: Whether only one proxy may use this target, since the certificate is its own.
    """

    address: str
    tls: TlsConfig | None = None
    token: str = field(default="", repr=False)
    exclusive: bool = False


class _Endpoint(NamedTuple):
    """What an address demands of every proxy."""

    target: Target
    wants_token: bool
    wants_certificate: bool


class TargetResolver:
    """Resolves principals, anew for each dial.

    Args:
        address: The control plane of all proxies; empty where each names its own.
        auth: How to authenticate; empty infers it from each address.
        roots: Certificates in PEM by which servers are verified; empty does not verify them.
        names: Names in the servers' certificates, by address; where there is none, it follows from
            the address.
        tokens: Returns the token of a namespace and a service account, at once if it has one; None
            sends none.
        certificates: Returns the certificates of the CA that belongs to an address; None where the
            transports show their own.
        exclusive: Whether each proxy has a certificate of its own.
        account: Namespace and service account of all proxies; None for each its own.

    Attributes:
        exclusive: Whether no two proxies share a target.
    """

    def __init__(
        self,
        *,
        address: str,
        auth: str,
        roots: bytes = b"",
        names: Mapping[str, str] | None = None,
        tokens: Callable[[str, str], str | Awaitable[str]] | None = None,
        certificates: Callable[[str], Certificates] | None = None,
        exclusive: bool = False,
        account: tuple[str, str] | None = None,
    ) -> None:
        self._address = address
        self._auth = auth
        self._roots = roots
        self._names = names or {}
        self._tokens = tokens
        self._certificates = certificates
        self.exclusive = exclusive
        self._account = account
        self._endpoints: dict[str, _Endpoint] = {}

    def __call__(self, principal: Principal) -> Target | Awaitable[Target]:
        """Return a proxy's target; an awaitable of it if a secret has to be fetched first.

        Raises:
            CertificateError: The CA signs no certificate, when awaited.
            PyloadError: There is no token, when awaited.
        """
        address = self._address or principal.address
        endpoint = self._endpoints.get(address)
        if endpoint is None:
            endpoint = self._endpoints[address] = self._endpoint(address)
        target, wants_token, wants_certificate = endpoint
        if wants_token and self._tokens is not None:
            return self._with_token(target, self._tokens(*self._account_of(principal)))
        if wants_certificate and self._certificates is not None:
            return self._with_certificate(target, self._certificates(address), principal)
        return target

    def _endpoint(self, address: str) -> _Endpoint:
        auth = credentials.infer(self._auth, address)
        tls = None
        if credentials.uses_tls(auth):
            name = self._names.get(address) or server_names(address)[0]
            tls = TlsConfig(self._roots, name if self._roots else "")
        return _Endpoint(
            Target(address, tls),
            wants_token=credentials.uses_token(auth),
            wants_certificate=credentials.uses_certificate(auth),
        )

    def _account_of(self, principal: Principal) -> tuple[str, str]:
        return self._account or (principal.namespace, principal.service_account)

    def _with_token(
        self, target: Target, token: str | Awaitable[str]
    ) -> Target | Awaitable[Target]:
        if isinstance(token, str):
            return Target(target.address, target.tls, token)
        return self._with_token_when(target, token)

    async def _with_token_when(self, target: Target, token: Awaitable[str]) -> Target:
        return Target(target.address, target.tls, await token)

    def _with_certificate(
        self, target: Target, certificates: Certificates, principal: Principal
    ) -> Target | Awaitable[Target]:
        # Without the address: one certificate is good for all control planes of a CA.
        proxy = principal.proxy if self.exclusive else ""
        owner = Principal(*self._account_of(principal), principal.cluster_id, proxy)
        certificate = certificates.peek(owner)
        if certificate is not None:
            return self._showing(target, certificate)
        return self._showing_when(target, certificates.get(owner))

    def _showing(self, target: Target, certificate: KeyPair) -> Target:
        assert target.tls is not None, "certificates are for TLS"
        tls = replace(target.tls, certificate=certificate)
        return Target(target.address, tls, exclusive=self.exclusive)

    async def _showing_when(self, target: Target, certificate: Awaitable[KeyPair]) -> Target:
        return self._showing(target, await certificate)
