"""TLS of a proxy: which servers it trusts, and the certificate that it shows."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.key_pair import KeyPair

ISTIOD: Final = "istiod.istio-system.svc"
"""A name that is in every istiod's certificate, unless it lives in another namespace."""


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """How a proxy speaks TLS.

    Attributes:
        roots: Certificates in PEM by which the server is verified; empty does not verify it.
        server_name: Name that the server's certificate must have.
        certificate: The certificate that the proxy shows; None for none.
    """

    roots: bytes = b""
    server_name: str = ""
    certificate: KeyPair | None = None

    def context(self) -> ssl.SSLContext:
        """Return a context for ALPN h2; it costs about a millisecond, so share it.

        Pass `server_name` to the handshake.

        Raises:
            UsageError: The PEM cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        if self.roots:
            _load_roots(context, self.roots)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            self.certificate.load_into(context)
        return context


def server_names(address: str, override: str = "") -> tuple[str, ...]:
    """Return the names that a control plane's certificate may have, the likeliest first.

    Args:
        address: ``HOST:PORT`` where it listens. A port-forward's ``localhost`` is no istiod's name.
        override: The only name that is accepted, as ``ISTIOD_SAN`` is for Istio's agent.
    """
    if override:
        return (override,)
    host = address.rpartition(":")[0].strip("[]")
    if not host or host == ISTIOD or host.endswith("localhost") or is_ip(host):
        return (ISTIOD,)
    return host, ISTIOD


def _load_roots(context: ssl.SSLContext, roots: bytes) -> None:
    try:
        context.load_verify_locations(cadata=roots.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"the CA certificates cannot be read: {error}", fix="give certificates in PEM"
        ) from error


def is_ip(host: str) -> bool:
    """Return whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
