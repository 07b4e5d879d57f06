"""When the first and the last proxy have a change."""

from __future__ import annotations

import asyncio

from pyload.commands.latency.arrivals import Arrivals, Spread
from pyload.xds.types import CDS
from tests.commands.latency.pushes import ENTRY, push


async def _arrivals() -> None:
    arrivals = Arrivals(ENTRY, present=True, keys=["a", "b", "c", "d"], delta=True)
    shared = push(CDS, "outbound|80||1.example.com")
    nothing = push(CDS, "outbound|80||x")
    for key, one, now in (
        ("a", nothing, 1.0),
        ("a", shared, 2.0),
        ("a", shared, 3.0),
        ("z", shared, 3.0),
        ("b", shared, 4.0),
        ("c", push(CDS, removed=("outbound|80||1.example.com",)), 5.0),
        ("c", shared, 6.0),
    ):
        arrivals.on_push(key, one, now)
    assert arrivals.waiting == {"d"}
    assert not arrivals.done.is_set()
    arrivals.on_push("d", shared, 10.0)
    assert arrivals.done.is_set()
    assert arrivals.spread() == Spread(2.0, 5.0, 10.0)


def test_the_first_the_median_and_the_last_proxy() -> None:
    """Each proxy counts once, from when it first has what was asked for."""
    asyncio.run(_arrivals())
