"""Whom a proxy trusts, and what it shows."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from pyload.embedded.controlplane.ca import Authority
from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity
from pyload.errors import UsageError
from pyload.key_pair import KeyPair
from pyload.xds.csr import new_request
from pyload.xds.tls import ISTIOD, TlsConfig, server_names


def handshake(client: TlsConfig, server: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Connect two contexts in memory, and pass data both ways as TLS 1.3 needs for its end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.context().wrap_bio(
        to_client, to_server, server_hostname=client.server_name or None
    )
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    assert done == {ours, theirs}
    return ours, theirs


def server(authority: Authority, *, certificates: bool = False) -> ssl.SSLContext:
    """Make a server's context with a certificate of the authority."""
    own = authority.for_server("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    own.load_into(context)
    if certificates:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.root.decode())
    return context


def workload(authority: Authority) -> KeyPair:
    """Have a certificate signed."""
    key, csr = new_request("spiffe://any")
    chain = authority.sign(csr, WorkloadIdentity("mesh", "app"), timedelta(hours=1))
    return KeyPair(key, "".join(chain).encode())


@pytest.mark.parametrize("certificates", [False, True])
def test_a_server_of_the_mesh_is_accepted_and_sees_our_certificate(certificates: bool) -> None:  # noqa: FBT001
    """Istiod knows by it whose stream it is."""
    authority = Authority()
    own = workload(authority) if certificates else None
    ours, theirs = handshake(
        TlsConfig(authority.root, ISTIOD, own), server(authority, certificates=certificates)
    )
    assert ours.selected_alpn_protocol() == "h2"
    shown = theirs.getpeercert()
    names = shown.get("subjectAltName", ()) if shown else ()
    assert names == ((("URI", "spiffe://cluster.local/ns/mesh/sa/app"),) if certificates else ())


def test_any_server_is_accepted_unless_it_is_to_be_verified() -> None:
    """pilot-load verifies nothing, and scripts may rely on it with --insecure."""
    ours, _ = handshake(TlsConfig(), server(Authority()))
    assert ours.version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("own_root", "name", "reason"),
    [(False, ISTIOD, "self-signed certificate in certificate chain"), (True, "other", "mismatch")],
)
def test_other_servers_are_refused(own_root: bool, name: str, reason: str) -> None:  # noqa: FBT001
    """Tokens would be sent to any server at the address."""
    authority = Authority()
    root = authority.root if own_root else Authority().root
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        handshake(TlsConfig(root, name), server(authority))


def test_an_expired_server_is_refused() -> None:
    """A control plane that forgot to renew is a finding, and must look like one."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    authority = Authority(now=lambda: long_ago)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(TlsConfig(authority.root, ISTIOD), server(authority))


@pytest.mark.parametrize(
    "given",
    [
        TlsConfig(roots=b"no certificate"),
        TlsConfig(roots=b"\xff"),
        TlsConfig(certificate=KeyPair(b"no key", b"no certificate")),
    ],
)
def test_what_is_no_pem_is_the_users_mistake(given: TlsConfig) -> None:
    """A wrong file would end in a traceback of OpenSSL."""
    with pytest.raises(UsageError, match="cannot be"):
        given.context()


def test_keys_are_not_shown() -> None:
    """They would get into logs by way of a record's repr."""
    assert "PRIVATE" not in repr(TlsConfig(certificate=workload(Authority())))


@pytest.mark.parametrize(
    ("address", "override", "names"),
    [
        ("localhost:15012", "", (ISTIOD,)),
        ("127.0.0.1:15012", "", (ISTIOD,)),
        ("[::1]:15012", "", (ISTIOD,)),
        (f"{ISTIOD}:15012", "", (ISTIOD,)),
        ("istiod-canary.istio-system.svc:15012", "", ("istiod-canary.istio-system.svc", ISTIOD)),
        ("lb.example.com:443", "", ("lb.example.com", ISTIOD)),
        ("lb.example.com:443", "istiod.other.svc", ("istiod.other.svc",)),
    ],
)
def test_names_of_a_server(address: str, override: str, names: tuple[str, ...]) -> None:
    """Through a port-forward, istiod's certificate is for another name than the address."""
    assert server_names(address, override) == names
