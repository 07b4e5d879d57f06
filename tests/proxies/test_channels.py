"""From targets to channels, and the transports that these share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from pyload.errors import CertificateError
from pyload.proxies.channels import ChannelResolver, TransportCache
from pyload.proxies.targets import Target
from pyload.xds.client import Channel
from pyload.xds.credentials import Principal
from pyload.xds.tls import ISTIOD, TlsConfig
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from pyload.xds.transport import Transport

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SECURE, PLAIN = "istiod.istio-system.svc:15012", "istiod.istio-system.svc:15010"
PRINCIPAL = Principal("mesh", "app", "primary", "p")


class _Transport:
    closed = False

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed = True


async def test_proxies_of_one_target_share_a_transport_and_others_do_not() -> None:
    """A transport for each of a hundred thousand proxies would be memory for nothing."""
    made: list[_Transport] = []

    def connect(_address: str, _tls: TlsConfig | None) -> Transport:
        made.append(_Transport())
        return cast("Transport", made[-1])

    transports = TransportCache(connect)
    targets = [
        Target(PLAIN),
        Target(PLAIN, token="t"),
        Target(SECURE, TlsConfig(b"root", ISTIOD)),
        Target(SECURE, TlsConfig(b"root", ISTIOD)),
    ]
    got = [transports.get(target) for target in targets]
    exclusive = [
        transports.get(Target(SECURE, TlsConfig(b"root", ISTIOD), exclusive=True)) for _ in range(2)
    ]
    assert got[0] is got[1]
    assert got[2] is got[3]
    assert len(made) == 4
    assert exclusive[0] is not exclusive[1]
    await transports.aclose()
    assert all(one.closed for one in made)


async def test_a_channel_carries_the_token_and_tells_whether_it_is_secure() -> None:
    """Istiod would refuse the stream, or send secrets that are not asked for."""
    peer = Peer()

    async def later(_: Principal) -> Target:
        await asyncio.sleep(1)
        return Target(SECURE, TlsConfig(), token="t")

    transports = TransportCache(lambda _address, _tls: peer)
    plain = ChannelResolver(lambda _: Target(PLAIN), transports)(PRINCIPAL)
    coming = ChannelResolver(later, transports)(PRINCIPAL)
    assert plain == Channel(peer, (), secure=False)
    assert not isinstance(coming, Channel)
    metadata = (("authorization", "Bearer t"), ("clusterid", "primary"))
    assert await coming == Channel(peer, metadata, secure=True)


async def test_a_transport_that_cannot_be_made_is_the_error_of_the_one_dial() -> None:
    """It would break the loop that lets proxies dial, and take all that wait with it."""

    def create(_address: str, _tls: TlsConfig | None) -> Transport:
        raise CertificateError("too many open files")

    resolver = ChannelResolver(lambda _: Target(SECURE), TransportCache(create))
    channel = resolver(PRINCIPAL)
    assert not isinstance(channel, Channel)
    with pytest.raises(CertificateError):
        await channel
