"""What the embedded CA signs, and for whom."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pyload.embedded.controlplane.ca import Authority, CertificateService, identity_in
from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity
from pyload.errors import StreamError
from pyload.xds.csr import new_request
from pyload.xds.wire import ca_pb2

APP = WorkloadIdentity("mesh", "app")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("asked", "life"), [(HOUR, HOUR), (timedelta(0), 24 * HOUR), (9999 * HOUR, 24 * HOUR)]
)
def test_a_workload_gets_its_own_name_for_as_long_as_it_asks(
    asked: timedelta, life: timedelta
) -> None:
    """Whatever name stands in the request: the token decides, as with istiod."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    authority = Authority(now=lambda: start)
    _, csr = new_request("spiffe://cluster.local/ns/other/sa/admin")
    leaf, root = authority.sign(csr, APP, asked)
    assert identity_in(leaf.encode()) == APP
    assert root.encode() == authority.root
    certificate = x509.load_pem_x509_certificate(leaf.encode())
    assert certificate.not_valid_after_utc == start + life
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.root))


def test_strict_clients_trust_what_is_signed() -> None:
    """Python verifies strictly from 3.13 on: its clients could not talk to `isolated --tls`."""
    authority = Authority()
    trusting = ssl.create_default_context(cadata=authority.root.decode())
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.for_server("127.0.0.1").load_into(serving)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there, server_hostname="127.0.0.1")
    server = serving.wrap_bio(there, back, server_side=True)

    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    client.do_handshake()

    assert client.getpeercert()


def test_keys_of_the_real_agent_are_signed_too() -> None:
    """It has RSA keys unless told otherwise."""
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    leaf, _ = Authority().sign(csr, APP, HOUR)
    assert identity_in(leaf.encode()) == APP


def test_a_request_that_is_none_is_refused() -> None:
    """A client's mistake must not end in INTERNAL."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    der = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public, wrong = (
        one.public_key().public_bytes(serialization.Encoding.DER, spki) for one in (key, other)
    )
    forged = x509.load_der_x509_csr(der.replace(public, wrong))
    pem = forged.public_bytes(serialization.Encoding.PEM)
    for csr in (b"", b"nonsense", pem):
        with pytest.raises(StreamError, match="CSR is not properly") as caught:
            Authority().sign(csr, APP, HOUR)
        assert caught.value.name == "INVALID_ARGUMENT"


def test_a_message_that_is_none_is_refused() -> None:
    """As above, one layer below."""

    async def anybody(_: object) -> WorkloadIdentity:
        return APP

    service = CertificateService(Authority(), anybody)
    with pytest.raises(StreamError, match="cannot be read"):
        asyncio.run(service.create(b"\xff\xff", {}))
    good = ca_pb2.CertificateRequest(csr=new_request("spiffe://x")[1].decode())
    answer = asyncio.run(service.create(good.SerializeToString(), {}))
    assert len(ca_pb2.CertificateResponse.FromString(answer).cert_chain) == 2


def test_a_certificate_of_no_workload_identifies_nobody() -> None:
    """The control plane's own certificate is signed by the same root."""
    authority = Authority()
    for certificate in (authority.for_server("example.com").chain, authority.root, b""):
        with pytest.raises(StreamError, match="authentication failure"):
            identity_in(certificate)
