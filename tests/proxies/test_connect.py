"""Proxies that belong to no fleet."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from pyload.proxies.connect import loop_scheduler
from pyload.proxies.proxy import Proxy
from pyload.proxies.spec import ProxySpec
from pyload.xds.tcp import loop_resources
from tests.xds.peer import Peer


def spec(number: int) -> ProxySpec:
    """Describe a proxy."""
    return ProxySpec(
        key=f"p{number}", type="sidecar", ip="10.0.0.1", name=f"p{number}", namespace="mesh"
    )


@pytest.mark.anyio
async def test_proxies_of_a_library_share_one_limit_of_dials() -> None:
    """A script that opens a thousand of them at once would run into time-outs."""
    scheduler = loop_scheduler()
    assert loop_scheduler() is scheduler
    async with Proxy(spec(0), "x:15010", transport=Peer()) as proxy:
        await proxy.wait_configured()
        assert proxy._client is not None
        assert proxy._client._scheduler is scheduler


def test_a_loop_that_has_ended_leaves_nothing() -> None:
    """A library's user may run many loops, one after the other."""

    async def scheduled() -> weakref.ref[object]:
        loop_scheduler()
        loop_resources()
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(scheduled())
    gc.collect()
    assert loop() is None
