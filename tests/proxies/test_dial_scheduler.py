"""Which proxy dials next, and when."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from pyload.proxies.dial_rate import DialRate
from pyload.proxies.dial_scheduler import DialScheduler
from pyload.timer_heap import TimerHeap

if TYPE_CHECKING:
    from pyload.xds.client import Client

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Dialled:
    """Stands for a client: notes when it may dial."""

    def __init__(self, dials: list[tuple[object, float]]) -> None:
        self._dials = dials

    def dial(self) -> None:
        """Note the time."""
        self._dials.append((self, asyncio.get_running_loop().time()))


def scheduler_of(rate: float | None = None, *, limit: int = 3) -> DialScheduler:
    """Make a scheduler on the running loop's time."""
    return DialScheduler(
        DialRate(rate, rng=Random(1)),
        timers=TimerHeap(),
        clock=asyncio.get_running_loop().time,
        limit=limit,
    )


def clients(count: int, dials: list[tuple[object, float]]) -> list[Client]:
    """Make clients that only know how to dial."""
    return [cast("Client", Dialled(dials)) for _ in range(count)]


async def test_a_limited_number_dials_at_the_same_time_and_in_order() -> None:
    """Ten thousand connections at once overflow a server's queue and time out."""
    dials: list[tuple[object, float]] = []
    waiting = clients(8, dials)
    scheduler = scheduler_of()
    for client in waiting:
        scheduler.enqueue(client)
    assert [who for who, _ in dials] == waiting[:3]
    scheduler.dial_ended()
    scheduler.dial_ended()
    assert [who for who, _ in dials] == waiting[:5]


async def test_a_client_that_withdraws_does_not_dial() -> None:
    """A stopped proxy would connect after its end."""
    dials: list[tuple[object, float]] = []
    waiting = clients(5, dials)
    scheduler = scheduler_of(limit=1)
    for client in waiting:
        scheduler.enqueue(client)
    scheduler.withdraw(waiting[1])
    scheduler.withdraw(waiting[0])
    scheduler.dial_ended()
    assert [who for who, _ in dials] == [waiting[0], waiting[2]]


async def test_dials_are_spaced_out_at_the_rate() -> None:
    """`--connect-rate` would not hold."""
    dials: list[tuple[object, float]] = []
    scheduler = scheduler_of(10, limit=1000)
    for client in clients(100, dials):
        scheduler.enqueue(client)
    await asyncio.sleep(60)
    assert len(dials) == 100
    assert 8 < dials[-1][1] < 12


async def test_clients_that_are_held_up_dial_in_their_order_once_released() -> None:
    """Proxies would count a control plane's own start as their wait for a connection."""
    dials: list[tuple[object, float]] = []
    waiting = clients(4, dials)
    scheduler = DialScheduler(
        DialRate(None, rng=Random(1)),
        timers=TimerHeap(),
        clock=asyncio.get_running_loop().time,
        held=True,
    )
    for client in waiting:
        scheduler.enqueue(client)
    assert not dials

    scheduler.release()

    assert [who for who, _ in dials] == waiting


async def test_a_closed_scheduler_starts_no_dial() -> None:
    """The end of a run would begin with new connections in the place of those that close."""
    dials: list[tuple[object, float]] = []
    scheduler = scheduler_of(1)
    for client in clients(5, dials):
        scheduler.enqueue(client)
    scheduler.close()
    before = len(dials)
    scheduler.dial_ended()
    await asyncio.sleep(60)
    assert len(dials) == before
