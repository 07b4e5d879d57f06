"""How proxies reach their control planes."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from random import Random

import pytest

from pyload.proxies.targets import Target, TargetResolver
from pyload.xds.certificates import Certificates
from pyload.xds.credentials import Principal
from pyload.xds.tls import ISTIOD, TlsConfig
from tests.xds.authorities import MemoryCa

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

START = datetime(2026, 1, 1, tzinfo=UTC)
SECURE, PLAIN = "istiod.istio-system.svc:15012", "istiod.istio-system.svc:15010"


def principal(proxy: str = "a", *, account: str = "app", address: str = "") -> Principal:
    """Describe who connects."""
    return Principal("mesh", account, "Kubernetes", proxy, address)


def token_of(namespace: str, account: str) -> str:
    """Return the token of an account."""
    return f"{namespace}/{account}"


class _Authorities:
    """One CA for each address."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        ca = MemoryCa(lambda: START)
        self._store = Certificates(ca, token_of, rng=Random(1), now=lambda: START)

    def __call__(self, address: str) -> Certificates:
        self.asked.append(address)
        return self._store


@pytest.mark.parametrize(
    ("auth", "address", "expected"),
    [
        ("", PLAIN, Target(PLAIN)),
        ("", SECURE, Target(SECURE, TlsConfig(b"root", ISTIOD), token="mesh/app")),
        ("plaintext-jwt", SECURE, Target(SECURE, token="mesh/app")),
        ("plaintext", SECURE, Target(SECURE)),
    ],
)
async def test_the_target_follows_from_flags_and_address(
    auth: str, address: str, expected: Target
) -> None:
    """A proxy without a certificate has its target at once, with no task for it."""
    fixed = TargetResolver(address=address, auth=auth, roots=b"root", tokens=token_of)
    own = TargetResolver(address="", auth=auth, roots=b"root", tokens=token_of)
    assert fixed(principal()) == expected
    assert own(principal(address=address)) == expected


async def test_an_unverified_server_has_no_name() -> None:
    """A name that is sent but not checked would only mislead who reads a trace."""
    assert TargetResolver(address=SECURE, auth="jwt", tokens=token_of)(principal()) == Target(
        SECURE, TlsConfig(), token="mesh/app"
    )


async def test_a_server_may_have_a_name_that_its_address_does_not_tell() -> None:
    """A control plane behind a load balancer with a name of its own would be refused."""
    resolver = TargetResolver(
        address="lb:1",
        auth="jwt",
        roots=b"root",
        names={"lb:1": "istiod.x.svc"},
        tokens=token_of,
    )
    assert resolver(principal()) == Target(
        "lb:1", TlsConfig(b"root", "istiod.x.svc"), token="mesh/app"
    )


async def test_a_certificate_is_waited_for_once_and_shared_by_its_account() -> None:
    """A hundred thousand dials must not be a hundred thousand tasks."""
    authorities = _Authorities()
    resolver = TargetResolver(address=SECURE, auth="mtls", roots=b"root", certificates=authorities)
    first = resolver(principal("a"))
    assert not isinstance(first, Target)
    waited = await first

    again, other = resolver(principal("b")), resolver(principal("c", account="other"))

    assert again == waited
    assert waited.tls is not None
    assert waited.tls.certificate is not None
    assert (waited.token, waited.exclusive, waited.tls.server_name) == ("", False, ISTIOD)
    assert not isinstance(other, Target)
    assert (await other).tls != waited.tls
    assert set(authorities.asked) == {SECURE}
    assert pickle.loads(pickle.dumps(waited)) == waited


async def test_each_proxy_can_have_its_own_certificate() -> None:
    """With --csr-per-pod, one proxy would show the certificate of another."""
    resolver = TargetResolver(
        address=SECURE, auth="mtls", certificates=_Authorities(), exclusive=True, account=("x", "y")
    )
    got = [
        await coming
        for key in "ab"
        for coming in [resolver(principal(key))]
        if not isinstance(coming, Target)
    ]
    assert [target.exclusive for target in got] == [True, True]
    assert got[0].tls != got[1].tls
    assert resolver(principal("a")) == got[0]


async def test_a_token_is_waited_for_only_if_it_must_be() -> None:
    """A hundred thousand dials must not be a hundred thousand tasks."""
    asked: list[tuple[str, str]] = []

    async def fetched(namespace: str, account: str) -> str:
        asked.append((namespace, account))
        return "new"

    resolver = TargetResolver(
        address=PLAIN, auth="plaintext-jwt", tokens=fetched, account=("default", "default")
    )
    coming = resolver(principal())
    assert not isinstance(coming, Target)
    assert await coming == Target(PLAIN, token="new")
    assert asked == [("default", "default")]
    assert TargetResolver(address=PLAIN, auth="jwt")(principal()) == Target(PLAIN, TlsConfig())


async def test_one_certificate_is_good_for_all_addresses_of_a_ca() -> None:
    """With --ca-address, the CA would be asked once more for each control plane."""
    resolver = TargetResolver(address="", auth="mtls", certificates=_Authorities())
    first = resolver(principal("a", address="one:1"))
    assert not isinstance(first, Target)
    certified = await first
    other = resolver(principal("b", address="other:1"))
    assert isinstance(other, Target)
    assert other.tls is not None
    assert certified.tls is not None
    assert other.tls.certificate == certified.tls.certificate
