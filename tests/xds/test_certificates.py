"""Certificates of proxies, from a CA in memory and in virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from pyload.errors import ApiError, CertificateError, StreamError
from pyload.xds.certificates import CONCURRENCY, Certificates
from pyload.xds.credentials import Principal
from tests.xds.authorities import MemoryCa

if TYPE_CHECKING:
    from pyload.key_pair import KeyPair

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

START = datetime(2026, 1, 1, tzinfo=UTC)
BUSY = StreamError(code=8, name="RESOURCE_EXHAUSTED", message="too many")
DOWN = StreamError(code=14, name="UNAVAILABLE", message="gone")


def now() -> datetime:
    """Virtual time of day."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def certificates() -> tuple[Certificates, MemoryCa]:
    """Make a store whose tokens say whose they are."""
    ca = MemoryCa(now)
    return Certificates(ca, lambda ns, sa: f"{ns}/{sa}", rng=Random(1), now=now), ca


def leaf(certificate: KeyPair) -> x509.Certificate:
    """Read the first certificate of a chain."""
    return x509.load_pem_x509_certificates(certificate.chain)[0]


def uris(certificate: KeyPair) -> list[str]:
    """Read whose certificate it is."""
    names = leaf(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


async def test_a_thousand_proxies_of_three_accounts_cost_three_requests() -> None:
    """The CA would be the first thing to break under a load that no mesh has."""
    store, ca = certificates()
    principals = [Principal("mesh", f"app-{number % 3}", "Kubernetes") for number in range(1000)]

    got = await asyncio.gather(*map(store.get, principals))

    assert ca.authority.signed == store.signed == 3
    assert len(set(got)) == 3
    assert uris(got[1]) == ["spiffe://cluster.local/ns/mesh/sa/app-1"]
    assert store.peek(principals[0]) == got[0]
    assert ca.metadata[0] == (
        ("authorization", "Bearer mesh/app-0"),
        ("clusterid", "Kubernetes"),
    )


async def test_one_certificate_per_proxy_is_one_request_each_but_not_all_at_once() -> None:
    """--csr-per-pod loads the CA as real agents do, each with its own key."""
    store, ca = certificates()
    principals = [Principal("mesh", "app", "Kubernetes", f"pod-{number}") for number in range(200)]

    got = await asyncio.gather(*map(store.get, principals))

    assert ca.authority.signed == 200
    assert ca.most == CONCURRENCY
    assert len({one.key for one in got}) == 200


async def test_a_certificate_is_renewed_before_it_ends() -> None:
    """Reconnects of a run that outlives its certificates would be refused."""
    store, ca = certificates()
    principal = Principal("mesh", "app", "Kubernetes")
    first = await store.get(principal)
    await asyncio.sleep(19 * 3600)
    assert store.peek(principal) == first
    await asyncio.sleep(0.5 * 3600)
    assert store.peek(principal) is None

    second = await store.get(principal)

    assert ca.authority.signed == 2
    assert leaf(second).not_valid_after_utc > now() + timedelta(hours=23)


async def test_a_busy_ca_is_asked_again_later() -> None:
    """Istiod refuses certificates too when it is rate limited, and passing so."""
    store, ca = certificates()
    ca.failures = [BUSY, DOWN]

    await store.get(Principal("mesh", "app", "Kubernetes"))

    assert len(ca.metadata) == 3
    assert 0.2 < asyncio.get_running_loop().time() < 0.6


@pytest.mark.parametrize(
    ("failures", "asked", "text"),
    [
        ([DOWN] * 9, 5, "UNAVAILABLE desc = gone; check --pilot-address"),
        ([StreamError(code=12, name="UNIMPLEMENTED", message="no")], 1, "TLS port"),
    ],
)
async def test_a_ca_that_does_not_sign_is_an_error(
    failures: list[StreamError], asked: int, text: str
) -> None:
    """The proxy counts a failed dial and tries again later, and the user reads why."""
    store, ca = certificates()
    ca.failures = list(failures)

    with pytest.raises(CertificateError, match=r"ns/mesh/sa/app: rpc error") as caught:
        await store.get(Principal("mesh", "app", "Kubernetes"))

    assert text in str(caught.value)
    assert len(ca.metadata) == asked


async def test_a_refused_token_is_an_error_that_says_so() -> None:
    """A token for another audience must not look like a broken CA."""
    ca = MemoryCa(now)
    store = Certificates(ca, lambda ns, sa: "nonsense", rng=Random(1), now=now)
    with pytest.raises(CertificateError, match="UNAUTHENTICATED"):
        await store.get(Principal("mesh", "app", "Kubernetes"))
    assert len(ca.metadata) == 1


async def test_without_a_token_the_ca_is_not_asked() -> None:
    """What the API server says is what the user must mend."""

    async def refuse(_namespace: str, _account: str) -> str:
        raise ApiError(status=403, reason="Forbidden", message="no", verb="POST", path="/token")

    ca = MemoryCa(now)
    store = Certificates(ca, refuse, rng=Random(1), now=now)
    with pytest.raises(ApiError):
        await store.get(Principal("mesh", "app", "Kubernetes"))
    assert ca.metadata == []
