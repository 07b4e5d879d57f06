"""Signing requests, and what a CA answers to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.ca import Authority
from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity
from pyload.errors import CertificateError
from pyload.xds.csr import ATTEMPTS, new_request, pause, read_chain, spiffe_id

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_request_names_the_workload_and_nothing_else() -> None:
    """A CA that reads the request, as istiod does not, must find the name of the account."""
    _, csr = new_request(spiffe_id("mesh", "app"))
    request = x509.load_pem_x509_csr(csr)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(request.subject) == []
    assert request.is_signature_valid
    assert names.critical
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [
        "spiffe://cluster.local/ns/mesh/sa/app"
    ]


def test_a_chain_is_kept_until_it_is_worn() -> None:
    """A certificate would be renewed too late, or with each dial."""
    authority = Authority(now=lambda: START)
    key, csr = new_request("spiffe://x")
    chain = authority.sign(csr, WorkloadIdentity("mesh", "app"), timedelta(hours=10))
    expiring = read_chain(key, chain, begun=START)
    assert expiring.refresh_after == START + timedelta(hours=8)
    assert expiring.expires_at == START + timedelta(hours=10) - timedelta(minutes=1)
    assert expiring.value.chain.count(b"BEGIN CERTIFICATE") == 2
    assert expiring.value.key == key


@pytest.mark.parametrize(
    ("chain", "reason"),
    [([], "no chain"), (["one"], "no chain"), (["no", "certificates"], "cannot be read")],
)
def test_what_is_no_chain_is_refused(chain: list[str], reason: str) -> None:
    """Istio's agent takes no chain of one either; a handshake would fail much later."""
    with pytest.raises(CertificateError, match=reason):
        read_chain(b"", chain, begun=START)


def test_an_expired_certificate_is_refused() -> None:
    """It would be asked for again with each dial, and each dial would be refused."""
    authority = Authority(now=lambda: START)
    key, csr = new_request("spiffe://x")
    chain = authority.sign(csr, WorkloadIdentity("mesh", "app"), timedelta(hours=1))
    with pytest.raises(CertificateError, match="has ended already"):
        read_chain(key, chain, begun=START + timedelta(hours=2))


@given(code=st.integers(0, 20), attempt=st.integers(1, 10), seed=st.integers())
def test_the_pauses_of_the_agent(code: int, attempt: int, seed: int) -> None:
    """100 ms, doubled each time, five tries, and only where it can help."""
    wait = pause(code, attempt=attempt, rng=Random(seed))
    if attempt >= ATTEMPTS or code not in (1, 4, 8, 10, 13, 14):
        assert wait is None
    else:
        assert wait is not None
        assert 0.05 * 2 ** (attempt - 1) <= wait <= 0.15 * 2 ** (attempt - 1)
