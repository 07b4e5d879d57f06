"""Certificate signing requests of workloads, and the chains with which a CA answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pyload.errors import CertificateError
from pyload.key_pair import KeyPair
from pyload.refresh import Expiring

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from random import Random

TRUST_DOMAIN: Final = "cluster.local"
ATTEMPTS: Final = 5
"""How often Istio's agent asks before it gives up."""

_FIRST_PAUSE: Final = 0.1
_PASSING: Final = frozenset({1, 4, 8, 10, 13, 14})
"""gRPC codes after which the agent asks again: CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED,
ABORTED, INTERNAL, UNAVAILABLE."""


def spiffe_id(namespace: str, service_account: str) -> str:
    """Return the name of a workload, as the URI in its certificate."""
    return f"spiffe://{TRUST_DOMAIN}/ns/{namespace}/sa/{service_account}"


def new_request(name: str) -> tuple[bytes, bytes]:
    """Return a new key and a request to certify it.

    The key is a new one on P-256: that takes less time than signing the request with it.

    Args:
        name: URI of the workload. Istiod takes the name from the token instead.

    Returns:
        Both in PEM.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    return key_pem(key), request.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_chain(key: bytes, chain: Sequence[str], *, begun: datetime) -> Expiring[KeyPair]:
    """Read a CA's answer.

    Args:
        key: The key that was to be certified, in PEM.
        chain: Certificates in PEM, the leaf first and the root last.
        begun: When it was asked for.

    Raises:
        CertificateError: The answer is not such a chain.
    """
    if len(chain) < 2:
        raise CertificateError("the CA's answer holds no chain of certificates")
    whole = "".join(f"{one.strip()}\n" for one in chain).encode()
    try:
        leaf = x509.load_pem_x509_certificates(whole)[0]
    except ValueError as error:
        raise CertificateError("the CA's answer cannot be read") from error
    expires = leaf.not_valid_after_utc
    if expires <= begun:
        raise CertificateError(f"the CA's certificate has ended already, at {expires}")
    return Expiring.of(KeyPair(key, whole), begun=begun, expires=expires)


def pause(code: int, *, attempt: int, rng: Random) -> float | None:
    """Decide whether and when to ask a CA again.

    Args:
        code: gRPC status of the last answer.
        attempt: Its number, from 1.
        rng: Spreads proxies that were refused together.

    Returns:
        Seconds to wait before, or None to give up.
    """
    if attempt >= ATTEMPTS or code not in _PASSING:
        return None
    step: int = 2 ** (attempt - 1)
    return _FIRST_PAUSE * step * rng.uniform(0.5, 1.5)
