"""The certificate authorities that sign for proxies: that of each control plane, or one for all."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pyload.xds.tls import TlsConfig, server_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.tokens import Tokens
    from pyload.xds.certificates import Certificates


class Authorities:
    """Returns the certificates that belong to a control plane, kept once for each CA.

    Args:
        ca_address: ``HOST:PORT`` of the CA; empty for the control plane itself.
        roots: Certificates by which CAs are verified; empty does not verify them.
        names: Names in the servers' certificates, by address, where it is not the host.
        tokens: Returns the tokens with which CAs are asked.
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
        """Return the certificates for the control plane at an address."""
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
