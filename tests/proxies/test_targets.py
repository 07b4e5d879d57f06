"""How proxies reach their control planes."""

from __future__ import annotations

import asyncio
import pickle
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target, TargetResolver, TransportCache
from pyload.xds.certificates import Certificates
from pyload.xds.tls import ISTIOD, TlsConfig
from tests.xds.authorities import MemoryCa

if TYPE_CHECKING:
    from pyload.xds.transport import Transport

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

START = datetime(2026, 1, 1, tzinfo=UTC)
SECURE, PLAIN = "istiod.istio-system.svc:15012", "istiod.istio-system.svc:15010"


def spec(key: str = "a", *, account: str = "app", address: str = "") -> ProxySpec:
    """Make a sidecar."""
    return ProxySpec(
        key=key,
        type="sidecar",
        ip="10.0.0.1",
        name=key,
        namespace="mesh",
        service_account=account,
        address=address,
    )


class _Authorities:
    """One CA for each address."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        ca = MemoryCa(lambda: START)
        self._store = Certificates(
            ca, lambda ns, sa: f"{ns}/{sa}", rng=Random(1), now=lambda: START
        )

    def __call__(self, address: str) -> Certificates:
        self.asked.append(address)
        return self._store


@pytest.mark.parametrize(
    ("auth", "address", "expected"),
    [
        ("", PLAIN, Target(PLAIN)),
        ("", SECURE, Target(SECURE, TlsConfig(b"root", ISTIOD), token=True)),
        ("plaintext-jwt", SECURE, Target(SECURE, token=True)),
        ("plaintext", SECURE, Target(SECURE)),
    ],
)
async def test_the_path_follows_from_flags_and_address(
    auth: str, address: str, expected: Target
) -> None:
    """A proxy without a certificate has its path at once, with no task for it."""
    fixed = TargetResolver(address=address, auth=auth, roots=b"root")
    own = TargetResolver(address="", auth=auth, roots=b"root")
    assert fixed(spec()) == expected
    assert own(spec(address=address)) == expected


async def test_an_unverified_server_has_no_name() -> None:
    """A name that is sent but not checked would only mislead who reads a trace."""
    assert TargetResolver(address=SECURE, auth="jwt")(spec()) == Target(
        SECURE, TlsConfig(), token=True
    )


async def test_a_server_may_have_a_name_that_its_address_does_not_tell() -> None:
    """Behind a load balancer with a name of its own."""
    paths = TargetResolver(
        address="lb:1", auth="jwt", roots=b"root", names={"lb:1": "istiod.x.svc"}
    )
    assert paths(spec()) == Target("lb:1", TlsConfig(b"root", "istiod.x.svc"), token=True)


async def test_a_certificate_is_waited_for_once_and_shared_by_its_account() -> None:
    """A hundred thousand dials must not be a hundred thousand tasks."""
    authorities = _Authorities()
    paths = TargetResolver(address=SECURE, auth="mtls", roots=b"root", certificates=authorities)
    first = paths(spec("a"))
    assert not isinstance(first, Target)
    waited = await first

    again, other = paths(spec("b")), paths(spec("c", account="other"))

    assert again == waited
    assert waited.tls is not None
    assert waited.tls.certificate is not None
    assert (waited.token, waited.own, waited.tls.server_name) == (False, False, ISTIOD)
    assert not isinstance(other, Target)
    assert (await other).tls != waited.tls
    assert set(authorities.asked) == {SECURE}
    assert pickle.loads(pickle.dumps(waited)) == waited


async def test_each_proxy_can_have_its_own_certificate() -> None:
    """With --csr-per-pod."""
    paths = TargetResolver(
        address=SECURE, auth="mtls", certificates=_Authorities(), per_proxy=True, account=("x", "y")
    )
    got = [
        await coming
        for key in "ab"
        for coming in [paths(spec(key))]
        if not isinstance(coming, Target)
    ]
    assert [path.own for path in got] == [True, True]
    assert got[0].tls != got[1].tls
    assert paths(spec("a")) == got[0]


class _Transport:
    closed = False

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


async def test_proxies_of_one_path_share_a_transport_and_others_do_not() -> None:
    """A transport for each of a hundred thousand proxies would be memory for nothing."""
    made: list[_Transport] = []

    def connect(_address: str, _tls: TlsConfig | None) -> Transport:
        made.append(_Transport())
        return cast("Transport", made[-1])

    transports = TransportCache(connect)
    paths = [
        Target(PLAIN),
        Target(PLAIN, token=True),
        Target(SECURE, TlsConfig(b"root", ISTIOD)),
        Target(SECURE, TlsConfig(b"root", ISTIOD)),
    ]
    got = [transports.get(path) for path in paths]
    own = [transports.get(Target(SECURE, TlsConfig(b"root", ISTIOD), own=True)) for _ in range(2)]
    assert got[0] is got[1]
    assert got[2] is got[3]
    assert len(made) == 4
    assert own[0] is not own[1]
    await transports.aclose()
    assert all(one.closed for one in made)
