"""The values of one second of a run, as they are read from two results."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from pyload.report.control_plane import ControlPlane, IstiodTime
from pyload.report.convergence import Convergence, ProbeTimes
from pyload.report.counts import ProxyCounts
from pyload.report.figures import paths
from pyload.report.generator import Load
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.report.series import SERIES, SeriesReader, join_of
from tests.report.results import measured


def recorded(*seconds: float) -> Latency:
    """Return a distribution of some times."""
    histogram = Histogram()
    for one in seconds:
        histogram.record(one)
    return Latency.of(histogram)


def test_what_happened_is_the_difference_to_the_last_second() -> None:
    """A series of totals shows nothing but a slope."""
    reader, result = SeriesReader(), measured()
    first = reader.read(result)
    counts = replace(result.proxies, connected=700, reconnects=5)
    more = replace(result, proxies=counts, pushes={**result.pushes, "eds": 9, "cds": 12})
    second = reader.read(more)

    assert (first["pushes.cds"], second["pushes.cds"], second["pushes.eds"]) == (2, 10, 9)
    assert (first["proxies.reconnects"], second["proxies.reconnects"]) == (2, 3)
    assert (first["proxies.connected"], second["proxies.connected"]) == (999, 700)
    assert (first["churn.workloads.done"], second["churn.workloads.done"]) == (2, 0)


def test_a_distribution_is_the_times_of_that_second() -> None:
    """The worst moment of an hour must show in its second, and in no later one."""
    reader, result = SeriesReader(), replace(measured(), first_config=recorded(8.0, 1.0))
    first = reader.read(result)
    second = reader.read(replace(result, first_config=recorded(8.0, 1.0, 2.0, 3.0)))
    third = reader.read(replace(result, first_config=recorded(8.0, 1.0, 2.0, 3.0)))

    assert first["first_config.max"] == 8.0
    assert (second["first_config.count"], second["first_config.sum"]) == (2, 5.0)
    assert second["first_config.max"] == pytest.approx(3.0, rel=0.01)
    assert (third["first_config.count"], third["first_config.max"]) == (0, None)


def test_the_load_of_a_process_is_that_of_its_newest_second() -> None:
    """Its mean since the start hides the second in which it had no CPU left."""
    reader, result = SeriesReader(), measured()
    loads = (Load(0.5, 0.5, 0.0, 1), Load(0.75, 1.0, 0.5, 2), Load(0.75, 1.0, 0.5, 2))
    generators = [replace(result.generator, processes={"0": load}) for load in loads]
    seconds = [reader.read(replace(result, generator=one)) for one in generators]

    name = "generator.processes.0.cpu_share"
    # A worker that has not reported since is as busy as it was.
    assert [one[name] for one in seconds] == [0.5, 1.0, 1.0]
    assert join_of(name) == "max"


def test_the_times_of_a_probe_stand_where_it_ended() -> None:
    """One slow change among a thousand must show when it was, and not before all have it."""
    reader, result = SeriesReader(), measured()
    probe = ProbeTimes(1, 0.5, 2, 1, 0, 0, 0, first=0.1, p50=0.1, p90=0.1, p99=0.1, last=0.1)
    after = replace(probe, arrived=2, p99=9.0, last=9.0)
    faster = replace(probe, number=2, arrived=1, withdrawn=1, first=0.05)
    seconds = [
        reader.read(replace(result, convergence=Convergence(last_probes=probes)))
        for probes in ((probe,), (after, faster), (after, faster))
    ]

    name = "convergence.last_probes"
    assert [one[f"{name}.p99"] for one in seconds] == [None, 9.0, None]
    assert [one[f"{name}.first"] for one in seconds] == [None, 0.05, None]
    assert join_of(f"{name}.first") == "min"


def test_a_mean_of_istiods_becomes_the_sum_that_it_came_from() -> None:
    """Its mean since its start hides the minute in which it was slow."""
    reader, result = SeriesReader(), measured()
    queues = (IstiodTime(count=2, mean=0.5), IstiodTime(count=3, mean=2.0))
    values = [
        reader.read(replace(result, control_plane=ControlPlane(queue=queue, proxies=5)))
        for queue in queues
    ]

    assert values[1]["control_plane.queue.count"] == 1
    assert values[1]["control_plane.queue.sum"] == 5.0
    assert values[1]["control_plane.proxies"] == 5


def test_what_a_run_does_not_have_is_no_series() -> None:
    """Each result would be full of columns of nothing."""
    names = SeriesReader().read(replace(measured(), proxies=ProxyCounts()))

    assert not any(name.startswith(("kwok.", "times.")) for name in names)
    assert "proxies.wanted" in names


def test_every_series_knows_how_it_is_joined() -> None:
    """A join of the wrong kind adds up memory, or forgets pushes."""
    joins = {name: join_of(name) for name in SeriesReader().read(measured())}

    assert joins["pushes.cds"] == joins["first_config.count"] == "sum"
    assert joins["first_config.max"] == joins["generator.rss_bytes"] == "max"
    assert joins["proxies.connected"] == "min"


def test_every_series_is_a_figure() -> None:
    """A misspelt path would be a series that no run has."""
    probes = (f"convergence.last_probes.{one.name}" for one in fields(ProbeTimes))
    known = {*paths(), *probes}
    for path in SERIES:
        assert any(f"{one}.".startswith(f"{path}.") for one in known), path
