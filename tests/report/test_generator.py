"""What pyload itself used in a run, as part of the result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyload.report.generator import Generator, Load, Usage
from pyload.report.histogram import Histogram
from pyload.report.metrics import Metrics

USAGE = Usage(cpu_seconds=1.0, rss_bytes=1, rate_limited_seconds=0.0, cores=2.0)


def shares(*values: float) -> Histogram:
    """Return the load of these seconds."""
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def test_the_load_of_a_process_is_known_by_the_second() -> None:
    """A minute at full load in a run of an hour is a minute whose figures are pyload's own."""
    load = Load.of(shares(0.1, 0.2, 0.95, 1.0))
    assert load is not None
    assert load.cpu_share == pytest.approx(0.5625)
    assert (load.cpu_share_max, load.busy_share) == (1.0, 0.5)
    assert Load.of(Histogram()) is None


def test_the_busiest_process_counts() -> None:
    """Seven workers that are idle do not help the proxies of the eighth."""
    metrics = Metrics()
    metrics.cpu_share.record(0.1)
    metrics.dial_queue.record(17)
    metrics.dial_queue.record(3)
    metrics.machine_share.record(0.7)
    worker = replace(Metrics().snapshot(), cpu_shares={"0": shares(1.0, 0.0)})
    snapshot = metrics.snapshot().merged([worker])
    generator = Generator.of(snapshot, USAGE)
    assert list(generator.processes) == ["main", "0"]
    assert generator.busy_share == 0.5
    assert generator.machine == Load(0.7, 0.7, 0.0, 1)
    assert (generator.cores, generator.dial_queue_max) == (2.0, 17)


def test_what_was_not_measured_is_none() -> None:
    """A run of less than a second has no load, which is not a load of 0."""
    generator = Generator.of(Metrics().snapshot(), USAGE)
    assert (generator.busy_share, generator.machine, generator.processes) == (None, None, {})
    assert (generator.loop_lag.max, generator.loop_lag_p99) == (None, None)
