"""Certificates of gateways as SDS resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane.resource_batch import ResourceBatch
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import SDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.istio_model import GatewaySecret

SCHEME: Final = "kubernetes://"
AUTHORITY: Final = "-cacert"
"""What ends the name of the authority that clients of a Secret's owner must have."""

# Fields of envoy.extensions.transport_sockets.tls.v3.Secret.
_TLS_CERTIFICATE: Final = 2
_VALIDATION_CONTEXT: Final = 4


def certificates_of(secrets: Mapping[str, GatewaySecret]) -> ResourceBatch:
    """Encode the certificates of a namespace.

    Args:
        secrets: Its Secrets, by name.
    """
    made = {}
    for name, secret in secrets.items():
        if secret.certificate and secret.private_key:
            pair = field(1, _inline(secret.certificate)) + field(2, _inline(secret.private_key))
            made[f"{SCHEME}{name}"] = _secret(f"{SCHEME}{name}", _TLS_CERTIFICATE, pair)
        if secret.authority:
            trusted = field(1, _inline(secret.authority))
            full = f"{SCHEME}{name}{AUTHORITY}"
            made[full] = _secret(full, _VALIDATION_CONTEXT, trusted)
    return ResourceBatch(made)


def names_of(name: str) -> frozenset[str]:
    """Return the names of the resources that are made of a Secret."""
    return frozenset({f"{SCHEME}{name}", f"{SCHEME}{name}{AUTHORITY}"})


def _secret(name: str, tag: int, body: bytes) -> bytes:
    return any_of(SDS, field(1, name.encode()) + field(tag, body))


def _inline(data: bytes) -> bytes:
    return field(2, data)
