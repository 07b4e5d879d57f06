"""The spread of pushes as people and thresholds read it."""

from __future__ import annotations

from pyload.report.metrics import Metrics
from pyload.report.spread import Spread


def measured() -> Spread:
    """Measure two pushes: 1 kB to ten proxies within 0.9 s, and 1 MB to three within 0.6 s."""
    metrics = Metrics()
    for number in range(10):
        metrics.push_times.record("v1", "cds", 1000, 1.0 + number / 10)
    for at in (3.0, 3.5, 3.6):
        metrics.push_times.record("v1", "lds", 1_000_000, at)
    metrics.close_spreads()
    return Spread.of(metrics.snapshot(), metrics.spreads.last_pushes(started=0.5))


def test_the_section_has_what_was_measured() -> None:
    """A threshold for the spread would be checked against another figure."""
    spread = measured()
    assert (spread.pushes, spread.proxies_p50, spread.proxies_max) == (2, 3, 10)
    assert (spread.bytes_p50, spread.bytes_max) == (10_000, 3_000_000)
    assert (spread.p50.max, spread.p99.min, spread.last.max) == (0.5, 0.6, 0.9)
    assert [(one.type, one.began, one.bytes) for one in spread.last_pushes] == [
        ("cds", 0.5, 10_000),
        ("lds", 2.5, 3_000_000),
    ]


def test_the_summary_has_one_line_and_none_without_a_push() -> None:
    """A run of a single proxy would claim to have measured a spread."""
    half = "a push reaches 50 % of its proxies in 400ms, 99 % in 600ms, all in 600ms"
    assert measured().rows() == [("spread", f"{half} (medians of 2, from its first proxy)")]
    assert Spread().rows() == []


def test_a_push_that_reaches_all_at_once_does_not_claim_to_take_no_time() -> None:
    """Times are those of whole milliseconds."""
    metrics = Metrics()
    for _ in range(2):
        metrics.push_times.record("v1", "cds", 1, 1.0)
    metrics.close_spreads()
    ((_, text),) = Spread.of(metrics.snapshot()).rows()
    assert text.startswith("a push reaches 50 % of its proxies in under 1ms, 99 % in under 1ms, ")
