"""A certificate that stands where none could be had, for an Envoy that only starts from a dump."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pyload.key_pair import KeyPair
from pyload.xds.csr import key_pem, spiffe_id

if TYPE_CHECKING:
    from datetime import datetime

_LIFE: Final = timedelta(days=365)
_BACKDATED: Final = timedelta(hours=1)


def throwaway_pair(now: datetime) -> KeyPair:
    """Create a certificate that is its own root, which nobody else trusts.

    Args:
        now: The time in UTC.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "throw-away of pyload dump")])
    workload = x509.UniformResourceIdentifier(spiffe_id("throw-away", "throw-away"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([workload]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(key_pem(key), certificate.public_bytes(serialization.Encoding.PEM))
