"""Key pairs for the TLS Secrets of gateways: made once per run, used by all of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pyload.kube.objects import bare_object

if TYPE_CHECKING:
    from datetime import datetime

    from pyload.kube.resources import Obj

LIFETIME: Final = timedelta(days=365)
_HOSTS: Final = "*.example.com"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


def make_pair(now: datetime) -> KeyPair:
    """Make an EC P-256 key and a certificate for `*.example.com`, signed by itself.

    Args:
        now: Begin of its validity, in UTC.
    """
    # Slow to import, and only routers need it.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _HOSTS)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_HOSTS)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def tls_secret(name: str, namespace: str, *, pair: KeyPair, run_id: str) -> Obj:
    """Build the Secret of a gateway."""
    obj = bare_object("v1", "Secret", name, namespace=namespace, run_id=run_id)
    obj["data"] = {
        "tls.crt": base64.b64encode(pair.certificate).decode(),
        "tls.key": base64.b64encode(pair.key).decode(),
    }
    return obj
