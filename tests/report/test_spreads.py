"""The spread of pushes: exact however many processes count, and bounded whatever comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pyload.report.spread import ONE, PushSpread
from pyload.report.spreads import (
    MAX_COUNTED,
    MAX_MOMENTS,
    MAX_OPEN,
    MAX_OVER,
    VERSION_CHARACTERS,
    PushCounts,
    PushTimes,
    Spreads,
)

if TYPE_CHECKING:
    from random import Random

SIZE = 100
"""Length of each response."""

V1, V2 = "2026-11-23T19:21:57Z/1", "2026-11-23T19:21:58Z/2"


def spreads_of(*arrivals: tuple[str, str, float]) -> Spreads:
    """Count proxies, by version, type and time, and close everything."""
    times, spreads = PushTimes(), Spreads()
    for version, type_, at in arrivals:
        times.record(version, type_, SIZE, at)
    spreads.add(times.drain())
    spreads.finish()
    return spreads


def one_by_one(spreads: Spreads) -> list[tuple[str, str, int, float]]:
    """Return version, type, proxies and time until the last of the pushes that are over."""
    return [
        (one.version, one.type, one.proxies, one.last) for one in spreads.last_pushes(started=0)
    ]


def test_percentiles_count_from_the_first_proxy() -> None:
    """The spread would depend on when the run began."""
    arrivals = [(V1, "cds", 100.0 + number / 100) for number in range(100)]
    spreads = spreads_of(*arrivals, (V1, "lds", 100.0), (V1, "lds", 101.25))
    assert spreads.last_pushes(started=90.0) == [
        PushSpread(
            version=V1,
            type="cds",
            began=10.0,
            proxies=100,
            bytes=10000,
            p50=0.49,
            p90=0.89,
            p99=0.98,
            last=0.99,
        ),
        PushSpread(
            version=V1,
            type="lds",
            began=10.0,
            proxies=2,
            bytes=200,
            p50=0.0,
            p90=1.25,
            p99=1.25,
            last=1.25,
        ),
    ]
    assert spreads.last.max == 1.25
    assert round(spreads.proxies.max / ONE) == 100


@given(st.lists(st.integers(0, 4000), min_size=2, max_size=50), st.integers(1, 4), st.randoms())
def test_processes_add_up_exactly(moments: list[int], processes: int, rng: Random) -> None:
    """The spread would depend on how many workers there are."""
    times, spreads = [PushTimes() for _ in range(processes)], Spreads()
    for moment in moments:
        # Half a millisecond, since 0.57 s are less than 570 ms in floating point.
        times[rng.randrange(processes)].record(V1, "eds", SIZE, (moment + 0.5) / 1000)
        if not rng.randrange(10):
            spreads.add(times[rng.randrange(processes)].drain())
    for one in times:
        spreads.add(one.drain())
    spreads.finish()
    ordered = sorted(moments)
    (push,) = spreads.last_pushes(started=0)
    assert push.bytes == SIZE * len(moments)
    for percent, found in ((50, push.p50), (90, push.p90), (99, push.p99), (100, push.last)):
        at = ordered[math.ceil(len(ordered) * percent / 100) - 1]
        assert found == (at - ordered[0]) / 1000


def test_a_push_to_one_proxy_has_no_spread() -> None:
    """Certificates that single proxies are sent would make every push look instant."""
    spreads = spreads_of((V1, "sds", 1.0))
    assert (spreads.proxies.count, spreads.last_pushes(started=0)) == (0, [])


def test_a_push_is_over_when_it_has_been_quiet() -> None:
    """Figures of a run that goes on would never come, or change under the one who reads them."""
    times, spreads = PushTimes(), Spreads()
    for at in (1.0, 5.9):
        times.record(V1, "cds", SIZE, at)
        spreads.add(times.drain())
    spreads.advance(10.8)
    assert spreads.proxies.count == 0
    times.record(V2, "cds", SIZE, 10.9)
    spreads.add(times.drain())
    assert one_by_one(spreads) == [(V1, "cds", 2, 4.9)]


def test_a_straggler_is_counted_and_is_no_push_of_its_own() -> None:
    """The slowest proxies would vanish, or count as a push that reached them in no time."""
    times, spreads = PushTimes(), Spreads()
    for at in (1.0, 1.1, 9.0, 9.0):
        times.record(V1, "cds", SIZE, at)
        spreads.add(times.drain())
        spreads.advance(at + (5 if at == 1.1 else 0))
    spreads.finish()
    assert one_by_one(spreads) == [(V1, "cds", 2, 0.1)]
    assert spreads.stragglers == {"cds": 2}


def test_versions_that_alternate_are_told_apart() -> None:
    """A proxy that is a version behind would count for the wrong push."""
    arrivals = [(version, "cds", 1.0 + at) for at in range(3) for version in (V1, V2, V2)]
    assert one_by_one(spreads_of(*arrivals)) == [(V1, "cds", 3, 2.0), (V2, "cds", 6, 2.0)]


def test_equal_versions_are_one_push_though_they_are_two_objects() -> None:
    """Each distinct response brings a version of its own."""
    twin = "".join(V1)
    copy = V1.encode().decode()
    assert copy is not V1
    assert one_by_one(spreads_of((V1, "cds", 1.0), (copy, "cds", 2.0), (twin, "cds", 3.0))) == [
        (V1, "cds", 3, 2.0)
    ]


def test_what_is_counted_between_reports_is_bounded() -> None:
    """A control plane with a version for each response would fill the memory."""
    times = PushTimes()
    for number in range(2 * MAX_COUNTED):
        times.record(f"{number:0300}", "cds", SIZE, 1.0)
        times.record(f"{number:0300}", "cds", SIZE, 1.0)
    drained = times.drain()
    assert len(drained) == MAX_COUNTED
    assert {len(one.version) for one in drained} == {VERSION_CHARACTERS}
    assert times.drain() == []


def test_what_is_open_is_bounded() -> None:
    """A control plane whose pushes never end would fill the memory; the oldest are given up."""
    spreads = Spreads()
    spreads.add(
        PushCounts(str(number), "cds", {number: 2}, 2 * SIZE) for number in range(2 * MAX_OPEN)
    )
    assert len(spreads._open) == MAX_OPEN
    assert spreads.proxies.count == MAX_OPEN
    spreads.add([PushCounts("long", "cds", dict.fromkeys(range(MAX_MOMENTS + 1), 1), SIZE)])
    assert not spreads._open
    assert spreads._moments == 0
    spreads.add(PushCounts(f"more {number}", "cds", {number: 2}, 2 * SIZE) for number in range(999))
    spreads.finish()
    assert len(spreads._over) == MAX_OVER
    assert len(spreads.last_pushes(started=0)) == 20
