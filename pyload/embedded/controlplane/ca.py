"""The embedded control plane's certificate authority, which signs for workloads with a token."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from google.protobuf.message import DecodeError

from pyload.embedded.controlplane.connected_proxy import (
    WorkloadIdentity,
    invalid_argument,
    unauthenticated,
)
from pyload.key_pair import KeyPair
from pyload.xds.csr import TRUST_DOMAIN, key_pem, spiffe_id
from pyload.xds.tls import ISTIOD
from pyload.xds.wire import ca_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

WORKLOAD_LIFE: Final = timedelta(hours=24)
"""The longest life of a certificate that istiod signs with its default settings."""

_ROOT_LIFE: Final = timedelta(days=3650)
_BACKDATED: Final = timedelta(minutes=2)
_SPIFFE: Final = "spiffe://"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """A root certificate, and what is signed with it.

    Args:
        now: Returns the time in UTC; tests of expired certificates set it.

    Attributes:
        root: The root certificate in PEM.
        signed: Workload certificates signed.
    """

    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self.signed = 0
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, TRUST_DOMAIN)])
        self._root = (
            self._builder(self._name, self._key.public_key(), _ROOT_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.root = self._root.public_bytes(serialization.Encoding.PEM)

    def for_server(self, host: str) -> KeyPair:
        """Make a certificate for a server of pyload's own.

        Args:
            host: Name or IP address that clients connect to; istiod's names are added, and those of
                this machine's loopback.
        """
        names: list[x509.GeneralName] = [x509.DNSName(ISTIOD), x509.DNSName("localhost")]
        names += map(_name, dict.fromkeys((host.strip("[]"), "127.0.0.1", "::1")))
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._leaf(key.public_key(), names, _ROOT_LIFE)
        return KeyPair(key_pem(key), leaf + self.root)

    def sign(self, csr: bytes, identity: WorkloadIdentity, life: timedelta) -> list[str]:
        """Certify a workload's key.

        Args:
            csr: The signing request in PEM; the names in it are ignored, as by istiod.
            identity: The workload that the certificate is for.
            life: The lifetime that the workload asks for.

        Returns:
            Certificates in PEM, the leaf first and the root last.

        Raises:
            StreamError: INVALID_ARGUMENT: the signing request cannot be read.
        """
        try:
            request = x509.load_pem_x509_csr(csr)
            key = request.public_key()
            good = request.is_signature_valid
        except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
            raise invalid_argument("CSR is not properly formatted") from error
        if not good:
            raise invalid_argument("CSR is not properly signed")
        name = x509.UniformResourceIdentifier(
            spiffe_id(identity.namespace, identity.service_account)
        )
        asked = life if life > timedelta(0) else WORKLOAD_LIFE
        leaf = self._leaf(key, [name], min(asked, WORKLOAD_LIFE))
        self.signed += 1
        return [leaf.decode(), self.root.decode()]

    def _leaf(self, key: Any, names: list[x509.GeneralName], life: timedelta) -> bytes:
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        # Strict clients, such as Python's from 3.13, take no certificate without its issuer's key.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            self._builder(x509.Name([]), key, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    def _builder(self, name: x509.Name, key: Any, life: timedelta) -> x509.CertificateBuilder:
        now = self._now()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + life)
        )


@dataclass(frozen=True, slots=True)
class CertificateService:
    """Istio's service that signs certificates, as a server calls it.

    Attributes:
        authority: The authority that signs.
        authenticate: Returns the identity that the headers of a call prove.
    """

    authority: Authority
    authenticate: Callable[[Mapping[str, str]], Awaitable[WorkloadIdentity]]

    async def create(self, message: bytes, headers: Mapping[str, str]) -> bytes:
        """Answer a request.

        Raises:
            StreamError: UNAUTHENTICATED or INVALID_ARGUMENT.
        """
        identity = await self.authenticate(headers)
        try:
            request = ca_pb2.CertificateRequest.FromString(message)
        except DecodeError as error:
            raise invalid_argument("the request cannot be read") from error
        life = timedelta(seconds=request.validity_duration)
        chain = self.authority.sign(request.csr.encode(), identity, life)
        return ca_pb2.CertificateResponse(cert_chain=chain).SerializeToString()


def identity_in(certificate: bytes) -> WorkloadIdentity:
    """Return the identity in a client certificate that the connection has verified.

    Args:
        certificate: The certificate in PEM.

    Raises:
        StreamError: UNAUTHENTICATED: the certificate names no workload.
    """
    try:
        leaf = x509.load_pem_x509_certificate(certificate)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise unauthenticated("authentication failure: the certificate names nobody") from error
    for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
        match uri.removeprefix(_SPIFFE).split("/"):
            case [_, "ns", namespace, "sa", account] if uri.startswith(_SPIFFE):
                return WorkloadIdentity(namespace, account)
    raise unauthenticated("authentication failure: the certificate names no workload")


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
