"""One proxy for a library's user: iterating over what it receives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.proxies.identity import principal_of
from pyload.proxies.proxy import Proxy
from pyload.proxies.spec import ProxySpec
from pyload.xds.client import Channel
from pyload.xds.lean import LeanTransport
from pyload.xds.types import short
from tests.xds.messages import cluster, delta_response
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from pyload.xds.transport import Status

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SPEC = ProxySpec(key="p", type="sidecar", ip="10.0.0.1", name="app-1", namespace="mesh")


async def test_pushes_come_in_order_with_names_and_bodies() -> None:
    """The library's user could not see what the control plane sends."""
    seen = []
    async with Proxy(SPEC, "x:15010", transport=Peer()) as proxy:
        async for push in proxy:
            seen.append((short(push.type_url), push.names))
            if len(seen) == 4:
                break

    assert seen == [("cds", ("a",)), ("eds", ("a",)), ("lds", ("l",)), ("rds", ("80",))]
    assert push.bodies


async def test_waiting_for_the_configuration_ends_with_it() -> None:
    """A script would have to guess when its proxy is ready."""
    peer = Peer()
    async with Proxy(SPEC, "x:15010", transport=peer) as proxy:
        await proxy.wait_configured()

        assert [one.type for one in peer.streams[0].requests][:4] == ["cds", "cds", "eds", "lds"]


async def test_a_slow_consumer_loses_the_oldest_pushes_and_can_tell() -> None:
    """A consumer that sleeps would fill the memory, or miss pushes without knowing."""
    peer = Peer()
    async with Proxy(SPEC, "x:15010", transport=peer, buffer=2) as proxy:
        await proxy.wait_configured()
        for number in range(5):
            peer.streams[0].push(delta_response("t", nonce=f"n{number}"))
        await asyncio.sleep(1)

        assert proxy.dropped == 7
        assert [(await anext(proxy)).nonce for _ in range(2)] == ["n3", "n4"]


async def test_the_iteration_outlives_a_reconnect() -> None:
    """A restart of istiod would end the user's loop."""
    peer = Peer()
    async with Proxy(SPEC, "x:15010", transport=peer) as proxy:
        await proxy.wait_configured()
        peer.streams[0].end(GONE)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert proxy.last_error.startswith("unavailable: rpc error: code = Unavailable")
        pushes = [await anext(proxy) for _ in range(8)]

        assert [short(push.type_url) for push in pushes] == ["cds", "eds", "lds", "rds"] * 2
        assert proxy.last_error == ""


async def test_the_iteration_ends_with_the_context() -> None:
    """A task that iterates would hang after the proxy is closed."""
    peer = Peer()
    peer.silent = True
    proxy = Proxy(SPEC, "x:15010", transport=peer)

    async def consume() -> list[object]:
        return [push async for push in proxy]

    async with asyncio.TaskGroup() as group, proxy:
        task = group.create_task(consume(), name="consumer")
        waiting = asyncio.create_task(proxy.wait_configured(), name="waiting")
        await asyncio.sleep(1)
    with pytest.raises(UsageError, match="has stopped"):
        await waiting

    assert task.result() == []
    assert peer.streams[0].closed


async def test_a_proxy_that_dies_raises_to_its_consumer() -> None:
    """The user's loop would wait for ever for a proxy that is dead."""

    def fail(number: int, _name: str) -> Status | None:
        if number == 3:
            raise ZeroDivisionError("boom")
        return None

    async with Proxy(SPEC, "x:15010", transport=Peer(fail)) as proxy:
        with pytest.raises(ZeroDivisionError):
            await proxy.wait_configured()
        with pytest.raises(ZeroDivisionError):
            async for _ in proxy:
                pass


async def test_a_proxy_that_has_not_started_says_so() -> None:
    """A forgotten `async with` would look like a control plane that sends nothing."""
    proxy = Proxy(SPEC, "x:15010", transport=Peer())
    with pytest.raises(UsageError, match="use it as `async with"):
        await anext(proxy)


async def test_tokens_go_with_the_modes_that_want_them() -> None:
    """A token would be sent in plaintext mode, or left out in another."""

    async def token() -> str:
        return "t"

    peers = [Peer(), Peer()]
    for peer, auth in zip(peers, ("plaintext", "plaintext-jwt"), strict=True):
        async with Proxy(SPEC, "x:1", transport=peer, auth=auth, token=token) as proxy:
            await proxy.wait_configured()

    assert [peer.streams[0].metadata for peer in peers] == [
        (),
        (("authorization", "Bearer t"), ("clusterid", "Kubernetes")),
    ]


async def test_a_push_of_clusters_can_be_looked_into() -> None:
    """The README's example would not work."""
    async with Proxy(SPEC, "x:15010", transport=Peer()) as proxy:
        push = await anext(proxy)

    assert push.bodies == (cluster("a"),)


async def test_a_proxy_opens_streams_as_those_of_a_fleet_do() -> None:
    """A library's user with a thousand proxies would pay for a gRPC channel each."""
    async with Proxy(SPEC, "127.0.0.1:15010") as proxy:
        channel = proxy._resolver(principal_of(SPEC))
        assert isinstance(channel, Channel)
        assert isinstance(channel.transport, LeanTransport)
