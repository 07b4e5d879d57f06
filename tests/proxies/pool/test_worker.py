"""The worker's side of the pipe, beyond what a pool in good health asks for."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.channels import TransportCache
from pyload.proxies.counts import FleetCounts
from pyload.proxies.pool.log_forwarder import LogForwarder
from pyload.proxies.pool.messages import (
    End,
    Message,
    Ready,
    Refresh,
    Report,
    ResolveRequest,
    Setup,
    Start,
    StartProxy,
    StatusUpdate,
    Stop,
    Stopped,
)
from pyload.proxies.pool.pipe import Pipe
from pyload.proxies.pool.worker import Inbox, Worker
from pyload.proxies.spec import ProxySpec
from tests.proxies.pool.memory import MemoryTransport, connect
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SETUP = Setup(delta=True, behavior=ProxyBehavior(), transport="lean")
SPEC = ProxySpec(key="p1", type="sidecar", ip="10.0.0.1", name="p1", namespace="mesh")


class Pool:
    """The other end of a worker's pipe."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.pipe = Pipe(self.messages.append)
        self.inbox = Inbox()
        self.end: MemoryTransport = connect(self.pipe, self.inbox.pipe)
        self.task = asyncio.create_task(self.inbox.serve(self._create))

    def _create(self, setup: Setup, pipe: Pipe) -> Worker:
        peer = Peer()
        return Worker(setup, pipe, TransportCache(lambda _address, _tls: peer), LogForwarder())

    def of(self, kind: type[Message]) -> list[Message]:
        """Return the messages of a kind."""
        return [message for message in self.messages if isinstance(message, kind)]


@contextlib.asynccontextmanager
async def pool() -> AsyncIterator[Pool]:
    """Run a worker, and close its pipe."""
    pool = Pool()
    try:
        yield pool
    finally:
        pool.pipe.close()
        await asyncio.wait([pool.task], timeout=5)
        pool.task.cancel()


async def test_what_comes_before_the_setup_is_handled_after_it() -> None:
    """A pool that writes faster than a worker starts would lose proxies."""
    async with pool() as one:
        one.pipe.send(Refresh(7))
        one.pipe.send(SETUP)
        await asyncio.sleep(0.05)
        report = one.of(Report)[0]
        assert isinstance(report, Report)
        assert report.serial == 7
        assert one.of(Ready) == [Ready()]


async def test_a_worker_whose_pool_is_gone_before_its_setup_ends() -> None:
    """A process would stay behind for each worker of a program that was killed at its start."""
    async with pool() as one:
        one.pipe.close()
        await one.task
        assert one.messages == []


async def test_a_worker_whose_pool_is_gone_ends_and_says_nothing() -> None:
    """Processes would stay behind with ten thousand connections to somebody's istiod."""
    async with pool() as one:
        one.pipe.send(SETUP)
        one.pipe.send(Start((StartProxy(1, restarted=False, spec=SPEC),)))
        await asyncio.sleep(0.05)
        assert one.of(ResolveRequest)
        one.pipe.close()
        await one.task


async def test_the_end_brings_the_last_figures() -> None:
    """A result would lack the last second."""
    async with pool() as one:
        one.pipe.send(SETUP)
        one.pipe.send(Start((StartProxy(1, restarted=False, spec=SPEC),)))
        one.pipe.send(End())
        await one.task
        status, report = one.messages[-2:]
        assert isinstance(status, StatusUpdate)
        assert isinstance(report, Report)
        assert status.counts == report.counts == FleetCounts(wanted=1, withdrawn=1)


async def test_a_message_that_a_worker_cannot_handle_ends_it() -> None:
    """A fault of pyload would go unnoticed."""
    async with pool() as one:
        one.pipe.send(SETUP)
        await asyncio.sleep(0.05)
        one.pipe.send(Ready())
        with pytest.raises(AssertionError):
            await one.task


async def test_a_proxy_that_is_not_there_stops_at_once() -> None:
    """A scale-down would wait for a proxy that has died on its way."""
    async with pool() as one:
        one.pipe.send(SETUP)
        one.pipe.send(Stop((5, 6)))
        await asyncio.sleep(0.05)
        assert one.of(Stopped) == [Stopped((5, 6))]


async def test_a_worker_collects_what_changes_while_its_pool_does_not_read() -> None:
    """A worker would fill its memory with reports for a pool that is busy."""
    async with pool() as one:
        one.pipe.send(SETUP)
        await asyncio.sleep(0.05)
        one.inbox.pipe.full = True
        before = len(one.messages)
        await asyncio.sleep(60)
        assert len(one.messages) == before
        one.inbox.pipe.full = False
        await asyncio.sleep(0.2)
        assert len(one.of(Report)) == 2
