"""The ranges of the figures of a result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyload.errors import UsageError
from pyload.report.convergence import Convergence
from pyload.report.estimates import OWN, Estimate, estimate, unit_at
from pyload.report.generator import Generator
from pyload.report.histogram import Histogram
from pyload.report.history import TimeSeries
from pyload.report.ladder import Ladder
from pyload.report.latency import Latency
from pyload.report.noise import FEWEST, Range
from pyload.report.result import Result
from tests.report.recorded import EQUAL, recorded

RUN = recorded(EQUAL[0])


def latency(*times: float) -> Latency:
    """Return a distribution."""
    histogram = Histogram()
    for seconds in times:
        histogram.record(seconds)
    return Latency.of(histogram)


def width(found: Estimate) -> float:
    """Return how wide the range of a figure is, as a part of it."""
    assert found.value
    assert found.range is not None
    assert found.range.low <= found.value <= found.range.high
    return (found.range.high - found.range.low) / found.value


@pytest.mark.parametrize(
    ("figure", "least", "largest"),
    [
        ("convergence.p50", 0.01, 0.1),
        ("convergence.p99", 0.01, 0.2),
        ("convergence.last_proxy", 0.01, 0.2),
        ("spread.last.p50", 0.01, 0.3),
        ("pushes_per_second", 0.1, 1.0),
        ("bytes_per_push", 0.001, 0.2),
        ("cpu_per_push", 0.1, 1.5),
        ("pushes.cds", 0.1, 1.0),
        ("generator.cpu_seconds", 0.1, 1.5),
        ("generator.rss_bytes", 0.1, 0.2),
        ("proxies.failed", 0.0, 0.0),
        ("duration", 0.0, 0.0),
    ],
)
def test_figures_of_a_real_run_have_a_range(figure: str, least: float, largest: float) -> None:
    """One without could not be compared; one of a wrong size would be compared wrongly."""
    found = estimate(RUN, figure)
    assert found.why == ""

    assert least <= (width(found) if found.value else 0.0) <= largest


@pytest.mark.parametrize(
    ("figure", "why"),
    [
        ("first_config.p50", "measured in 1 s of the run only, or too unlike in each"),
        ("first_config.p99", "50 times are too few for a p99"),
        ("convergence.max", "one extreme time says little of the next run's; use a p99"),
        ("generator.busy_share", "a result does not show the noise of this figure"),
        ("control_plane.cpu_cores", "it was not measured"),
        ("ladder.holds", "it was not measured"),
    ],
)
def test_what_is_not_known_is_said(figure: str, why: str) -> None:
    """Fifty proxies that connect at once are as late as the machine was in that moment."""
    try:
        found = estimate(RUN, figure)
    except UsageError:
        assert why == "it was not measured"
    else:
        assert found.range is None
        assert found.why == why


def test_too_few_probes_are_said_to_be_too_few() -> None:
    """A user has to know what would help."""
    assert RUN.convergence is not None
    some = RUN.convergence.last_probes[: FEWEST - 1]
    run = replace(RUN, convergence=replace(RUN.convergence, last_probes=some, probes=len(some)))

    for figure in ("convergence.p50", "convergence.last_proxy"):
        found = estimate(run, figure)
        assert found.value
        assert found.range is None
        assert found.why == "4 probes are too few; 5 are needed"


def test_a_busy_pyload_may_have_read_times_late_but_not_early() -> None:
    """A stall of the test machine would look like a slow control plane."""
    calm, busy = (replace(RUN, generator=Generator(loop_lag=latency(lag))) for lag in (0.001, 0.2))
    ranges = [estimate(run, "convergence.p99").range for run in (calm, busy)]
    assert ranges[0] is not None
    assert ranges[1] is not None

    assert ranges[1].low == pytest.approx(0.602 - 0.2, abs=0.02)
    assert ranges[0].low > 0.55
    assert ranges[0].high == ranges[1].high


def test_a_lag_as_long_as_the_time_leaves_nothing_known() -> None:
    """The time may have been anything."""
    run = replace(RUN, generator=Generator(loop_lag=latency(1.0)))
    found = estimate(run, "convergence.p99")

    assert found.range is None
    assert found.why == "pyload was too busy to tell (loop lag 1s)"


def test_starts_over_many_seconds_have_a_range() -> None:
    """The proxies of a long ramp are many events, and those of a short one are one."""
    times = [1.0 + index % 10 / 100 for index in range(3000)]
    columns = {
        "first_config.count": [50.0] * 60,
        "first_config.sum": [sum(times[:50])] * 60,
    }
    history = TimeSeries([float(one) for one in range(60)], [1.0] * 60, columns)
    run = replace(RUN, first_config=latency(*times), history=history, generator=Generator())

    assert width(estimate(run, "first_config.p99")) < 0.05


def test_a_file_without_distributions_or_history_still_has_its_figures() -> None:
    """Such are files of the first version, and steps of a ladder."""
    run = recorded("v1")

    assert estimate(run, "connect.p99") == Estimate(
        0.991952896, None, "the file does not have the distribution"
    )
    found = estimate(run, "bytes_per_push")
    assert (found.value, found.range) == (600_000, None)
    assert estimate(run, "convergence.last_proxy").value is None


def test_a_run_without_pushes_has_no_cost_of_a_push() -> None:
    """A division by zero would end the report."""
    run = Result(version="1", run_id="", command="adsc", duration=0.0, exit_reason="over")

    for figure in ("pushes_per_second", "bytes_per_push", "cpu_per_push"):
        assert estimate(run, figure).value is None
    assert estimate(replace(run, convergence=Convergence()), "convergence.p99").value is None


def test_the_number_that_a_ladder_holds_is_exact() -> None:
    """It is compared as it is, since the next run would find the same step or another."""
    run = replace(RUN, ladder=Ladder(holds=500, breaks=1000, sentence=""))

    assert estimate(run, "ladder.holds") == Estimate(500, Range(500, 500))


def test_figures_of_comparisons_have_units() -> None:
    """A condition on one could not be read."""
    assert {figure: unit_at(figure) for figure in OWN} == {
        "convergence.last_proxy": "seconds",
        "pushes_per_second": "count",
        "bytes_per_push": "bytes",
        "cpu_per_push": "seconds",
        "ladder.holds": "count",
    }
    assert unit_at("first_config.p99") == "seconds"
