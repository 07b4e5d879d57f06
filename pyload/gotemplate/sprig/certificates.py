"""Private keys and X.509 certificates, as PEM."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pyload.gotemplate.fmt import text_of
from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.encoding import Corrupt, decode_base64
from pyload.gotemplate.values import Object, from_utf8, utf8

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
    )
    from cryptography.x509 import (
        Certificate,
        CertificateBuilder,
        GeneralName,
        Name,
    )

    from pyload.gotemplate.functions import ParamKind
    from pyload.gotemplate.sprig.surroundings import Surroundings

_RSA_ALONE: Final = 4096
_RSA_OF_CERTIFICATES: Final = 2048
_WHO: Final[tuple[ParamKind, ...]] = ("string", "list", "list", "int")


@dataclass(frozen=True, slots=True)
class Pair(Object):
    """A certificate and its private key.

    Attributes:
        Cert: The certificate, PEM.
        Key: The key, PEM.
    """

    go_type = "sprig.certificate"
    go_kind = "struct"
    fields: ClassVar[frozenset[str]] = frozenset(("Cert", "Key"))
    Cert: str
    Key: str

    def __str__(self) -> str:
        return f"{{{self.Cert} {self.Key}}}"


def functions(surroundings: Surroundings) -> tuple[Function, ...]:
    """The functions, with a clock and a source of serial numbers."""
    maker = _Maker(surroundings)
    return (
        Function("genPrivateKey", _private_key, ("string",)),
        Function("buildCustomCert", _built, ("string", "string")),
        Function("genCA", maker.authority, ("string", "int")),
        Function("genCAWithKey", maker.authority, ("string", "int", "string")),
        Function("genSelfSignedCert", maker.self_signed, _WHO),
        Function("genSelfSignedCertWithKey", maker.self_signed, (*_WHO, "string")),
        Function("genSignedCert", maker.signed, (*_WHO, Pair)),
        Function("genSignedCertWithKey", maker.signed, (*_WHO, Pair, "string")),
    )


def _private_key(kind: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import (  # noqa: PLC0415 - slow to import
        dsa,
        ec,
        ed25519,
    )

    if kind in ("", "rsa"):
        return _pem(_rsa(_RSA_ALONE))
    if kind == "ecdsa":
        return _pem(ec.generate_private_key(ec.SECP256R1()))
    if kind == "ed25519":
        return _pem(ed25519.Ed25519PrivateKey.generate())
    if kind == "dsa":
        return _pem(dsa.generate_private_key(2048))
    return f"Unknown type {kind}"


def _rsa(bits: int) -> CertificateIssuerPrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - slow to import

    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def _is_edwards(key: CertificateIssuerPrivateKeyTypes) -> bool:
    """Return whether a key is of a kind that has one form and takes no digest."""
    from cryptography.hazmat.primitives.asymmetric import (  # noqa: PLC0415 - slow to import
        ed448,
        ed25519,
    )

    return isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)


def _pem(key: CertificateIssuerPrivateKeyTypes) -> str:
    """The key in the form that has its name in the PEM header, where there is one."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow to import
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    form = PrivateFormat.PKCS8 if _is_edwards(key) else PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def _load_key(pem: str) -> CertificateIssuerPrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow to import
        load_pem_private_key,
    )

    label = pem.partition("-----BEGIN ")[2].partition("-----")[0]
    if not label:
        raise Failure("no PEM data in input")
    if label != "PRIVATE KEY" and not label.endswith(" PRIVATE KEY"):
        raise Failure(f"no private key data in PEM block of type {label}")
    try:
        key = load_pem_private_key(utf8(pem), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        kind = label.removesuffix("PRIVATE KEY").strip()
        step = f"parsing {kind} private key from PEM" if kind else "decoding PEM as PKCS#8"
        raise Failure(f"{step}: {str(error).partition('.')[0] or 'malformed'}") from error
    return key  # type: ignore[return-value]  # keys that cannot sign fail when they should


def _load_certificate(pem: str) -> Certificate:
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - slow to import

    if "-----BEGIN " not in pem:
        raise Failure("unable to decode certificate")
    try:
        return load_pem_x509_certificate(utf8(pem))
    except ValueError as error:
        what = str(error).partition(".")[0] or "malformed"
        raise Failure(f"error parsing certificate: decodedCert.Bytes: {what}") from error


def _named_key(pem: str) -> CertificateIssuerPrivateKeyTypes:
    try:
        return _load_key(pem)
    except Failure as failure:
        raise Failure(f"error parsing private key: {failure}") from failure


def _built(certificate: str, key: str) -> Pair:
    """Check a certificate and a key, both PEM in base64, and make a pair of them."""
    texts = []
    for text, what in ((certificate, "certificate"), (key, "private key")):
        try:
            texts.append(from_utf8(decode_base64(text)))
        except Corrupt as error:
            raise Failure(f"unable to decode base64 {what}") from error
    _load_certificate(texts[0])
    _named_key(texts[1])
    return Pair(*texts)


class _Maker:
    """Makes certificates that are valid from now on."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings

    def authority(self, name: str, days: int, key: str | None = None) -> Pair:
        builder, private = self._builder(name, [], [], days), self._key(key)
        return _finished(builder.issuer_name(_subject(name)), private, private, authority=True)

    def self_signed(
        self, name: str, ips: list[Any], names: list[Any], days: int, key: str | None = None
    ) -> Pair:
        builder, private = self._builder(name, ips, names, days), self._key(key)
        return _finished(builder.issuer_name(_subject(name)), private, private, authority=False)

    def signed(  # noqa: PLR0917 - sprig's order
        self,
        name: str,
        ips: list[Any],
        names: list[Any],
        days: int,
        issuer: Pair,
        key: str | None = None,
    ) -> Pair:
        private = self._key(key)
        certificate, signer = _load_certificate(issuer.Cert), _named_key(issuer.Key)
        builder = self._builder(name, ips, names, days)
        builder = builder.issuer_name(certificate.subject)
        builder = _with_issuer_identifier(builder, certificate)
        return _finished(builder, private, signer, authority=False)

    def _key(self, pem: str | None) -> CertificateIssuerPrivateKeyTypes:
        if pem is None:
            return _rsa(_RSA_OF_CERTIFICATES)
        try:
            return _load_key(pem)
        except Failure as failure:
            raise Failure(f"parsing private key: {failure}") from failure

    def _builder(
        self, name: str, ips: list[Any], names: list[Any], days: int
    ) -> CertificateBuilder:
        from cryptography import x509  # noqa: PLC0415 - slow to import
        from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415 - slow to import

        others = _alternatives(ips, names)
        try:
            start = datetime.fromtimestamp(self.surroundings.now() // 10**9, UTC)
            builder = (
                x509.CertificateBuilder()
                .subject_name(_subject(name))
                .serial_number(1 + self.surroundings.random.getrandbits(127))
                .not_valid_before(start)
                .not_valid_after(start + timedelta(days=days))
            )
        except (ValueError, OverflowError) as error:
            raise Failure(f"error creating certificate: {error}") from error
        usages = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=not name)
        return builder


def _subject(name: str) -> Name:
    from cryptography.x509 import Name, NameAttribute  # noqa: PLC0415 - slow to import
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - slow to import

    return Name([NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _with_issuer_identifier(builder: CertificateBuilder, issuer: Certificate) -> CertificateBuilder:
    from cryptography import x509  # noqa: PLC0415 - slow to import

    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return builder
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
    return builder.add_extension(identifier, critical=False)


def _alternatives(ips: list[Any], names: list[Any]) -> list[GeneralName]:
    from cryptography import x509  # noqa: PLC0415 - slow to import

    others: list[GeneralName] = []
    for name in names:
        if not isinstance(name, str):
            text = text_of(name)
            raise Failure(f"error processing alternate dns name: {text} is not a string")
        try:
            others.append(x509.DNSName(name))
        except ValueError as error:
            raise Failure(f"error creating certificate: {name}: not an ASCII name") from error
    for ip in ips:
        if not isinstance(ip, str):
            raise Failure(f"error parsing ip: {text_of(ip)} is not a string")
        try:
            others.append(x509.IPAddress(ipaddress.ip_address(ip)))
        except ValueError as error:
            raise Failure(f"error parsing ip: {ip}") from error
    return others


def _finished(
    builder: CertificateBuilder,
    key: CertificateIssuerPrivateKeyTypes,
    signer: CertificateIssuerPrivateKeyTypes,
    *,
    authority: bool,
) -> Pair:
    """Add what depends on the keys, and sign."""
    from cryptography import x509  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above

    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=authority, path_length=None)
    builder = builder.add_extension(usage, critical=True).add_extension(constraints, critical=True)
    if authority:
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        builder = builder.add_extension(identifier, critical=False)
    digest = None if _is_edwards(signer) else hashes.SHA256()
    try:
        certificate = builder.public_key(public).sign(signer, digest)
    except (ValueError, TypeError) as error:
        raise Failure(f"error creating certificate: {error}") from error
    return Pair(certificate.public_bytes(Encoding.PEM).decode(), _pem(key))


def serving_pairs(surroundings: Surroundings) -> tuple[Pair, Pair]:
    """Make two pairs for the gateways of a mesh, between which a Secret can change.

    Each is a P-256 key and a certificate for ``*.example.com``, signed by itself and valid for a
    year.
    """
    maker, names = _Maker(surroundings), ["*.example.com", "localhost"]
    one, other = (
        maker.self_signed(names[0], [], names, 365, _private_key("ecdsa")) for _ in range(2)
    )
    return one, other
