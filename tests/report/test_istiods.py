"""What istiods did in a run, from what they have counted since they started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pyload.report.control_plane import ControlPlane, IstiodTime
from pyload.report.istiod_metrics import parse_page
from pyload.report.istiods import Istiods
from tests.report.istiod_pages import histogram, page

if TYPE_CHECKING:
    from pyload.report.istiod_metrics import IstiodPage

PUSHES = 'pilot_xds_pushes{{type="cds"}} {}\n'
CPU = "process_cpu_seconds_total {}\n"


def parsed(text: bytes) -> IstiodPage:
    """Parse the page of an istiod."""
    read = parse_page(text)
    assert read is not None
    return read


class World:
    """Istiods that are read every five seconds from the begin of the run on."""

    def __init__(self) -> None:
        self.istiods = Istiods(began=100.0)
        self._at = 100.0

    def read(self, **pages: bytes) -> ControlPlane:
        """Read these pages, and return the figures."""
        read = {place: parsed(text) for place, text in pages.items()}
        self.istiods.read(read, at=self._at, source="here")
        self._at += 5.0
        return self.istiods.figures


def test_only_what_grew_in_the_run_counts() -> None:
    """Istiod has pushed for weeks; its whole past would drown the run."""
    world = World()
    assert world.read(a=page(PUSHES.format(1000) + "pilot_xds 5\n")).pushes == {"cds": 0}
    figures = world.read(a=page(PUSHES.format(1020) + "pilot_xds 7\n"))
    assert (figures.pushes, figures.proxies, figures.push_errors) == ({"cds": 20}, 7, 0)


def test_what_istiod_has_no_sample_of_is_none() -> None:
    """Zero would say that it was measured: of rejects, of memory, of CPU."""
    world = World()
    figures = world.read(a=page())
    assert figures == ControlPlane(
        source="here",
        versions=("1.28",),
        istiods=1,
        readings=1,
        pushes={},
        triggers={},
        updates={},
        rejects={},
    )
    assert figures.convergence == IstiodTime()


def test_a_sample_that_appears_in_the_run_began_at_0() -> None:
    """Istiod's samples appear at their first use: all of it was in the run."""
    world = World()
    world.read(a=page())
    figures = world.read(a=page(PUSHES.format(3) + 'pilot_push_triggers{type="endpoint"} 2\n'))
    assert (figures.pushes, figures.triggers) == ({"cds": 3}, {"endpoint": 2})


def test_istiods_are_added_up() -> None:
    """Half of the proxies are on the other istiod, which may have another version."""
    world = World()
    one, two = PUSHES.format(10) + "pilot_xds 3\n", PUSHES.format(20) + "pilot_xds 4\n"
    world.read(a=page(one, version="1.28"), b=page(two, version="1.29"))
    one, two = PUSHES.format(11) + "pilot_xds 3\n", PUSHES.format(22) + "pilot_xds 5\n"
    figures = world.read(a=page(one, version="1.28"), b=page(two, version="1.29"))
    assert (figures.istiods, figures.versions) == (2, ("1.28", "1.29"))
    assert (figures.pushes, figures.proxies) == ({"cds": 3}, 8)


def test_a_restart_loses_nothing_that_was_read() -> None:
    """Counters go back to 0; a difference over the whole run would be negative."""
    world = World()
    world.read(a=page(PUSHES.format(1000)))
    world.read(a=page(PUSHES.format(1010)))
    figures = world.read(a=page(PUSHES.format(4), started=1700.0, uptime=3.0))
    assert (figures.pushes, figures.restarts) == ({"cds": 14}, 1)
    figures = world.read(a=page(PUSHES.format(6), started=1700.0, uptime=8.0))
    assert (figures.pushes, figures.restarts) == ({"cds": 16}, 1)


def test_a_restart_is_noticed_without_the_time_of_the_start() -> None:
    """Not every system knows when a process started; then counters that go back say so."""
    world = World()
    world.read(a=page(PUSHES.format(10), started=None, uptime=50.0))
    world.read(a=page(PUSHES.format(12), started=None, uptime=55.0))
    figures = world.read(a=page(PUSHES.format(5), started=None, uptime=1.0))
    assert (figures.pushes, figures.restarts) == ({"cds": 7}, 1)
    figures = world.read(a=page(PUSHES.format(9), started=None, uptime=6.0))
    assert (figures.pushes, figures.restarts) == ({"cds": 11}, 1)


def test_an_istiod_that_is_added_counts_from_0() -> None:
    """An autoscaler adds istiods in the middle of a run; all that they do is the run's."""
    world = World()
    world.read(a=page(PUSHES.format(10)))
    figures = world.read(
        a=page(PUSHES.format(11)), b=page(PUSHES.format(5), started=1603.0, uptime=2.0)
    )
    assert (figures.pushes, figures.restarts, figures.istiods) == ({"cds": 6}, 0, 2)


def test_an_istiod_that_was_away_at_the_first_reading_counts_from_its_first_page() -> None:
    """Its weeks before the run are no more the run's than those of the others."""
    world = World()
    world.read(a=page(PUSHES.format(10)))
    figures = world.read(a=page(PUSHES.format(11)), b=page(PUSHES.format(5000)))
    assert figures.pushes == {"cds": 1}


def test_an_istiod_that_is_away_for_a_while_loses_nothing() -> None:
    """Its counters went on; only the picture of that time is missing."""
    world = World()
    world.read(a=page(PUSHES.format(10)), b=page(PUSHES.format(10)))
    world.istiods.missed()
    assert world.read(a=page(PUSHES.format(11))).pushes == {"cds": 1}
    figures = world.read(a=page(PUSHES.format(12)), b=page(PUSHES.format(15)))
    assert (figures.pushes, figures.gaps, figures.readings) == ({"cds": 7}, 1, 3)


def test_while_no_istiod_answers_it_has_no_proxies_and_no_memory() -> None:
    """The last figures before an outage would go on in the history as if nothing had happened."""
    world = World()
    world.read(a=page(PUSHES.format(10) + "pilot_xds 5\ngo_goroutines 9\n"))
    world.istiods.missed()
    figures = world.istiods.figures
    assert (figures.istiods, figures.proxies, figures.goroutines) == (0, None, None)
    assert (figures.pushes, figures.gaps) == ({"cds": 0}, 1)
    assert world.read(a=page(PUSHES.format(11) + "pilot_xds 5\n")).proxies == 5


def test_a_span_has_its_own_figures() -> None:
    """A step of a ladder is not to be judged by the pushes and the CPU of those before."""
    world = World()
    cores = "go_sched_gomaxprocs_threads 2\n"
    world.read(a=page(PUSHES.format(10) + cores + CPU.format(0)))
    world.read(a=page(PUSHES.format(20) + cores + CPU.format(9)))
    mark = world.istiods.mark()
    world.istiods.missed()
    world.read(a=page(PUSHES.format(23) + cores + CPU.format(10)))
    span = world.istiods.since(mark)
    assert (span.pushes, span.readings, span.gaps) == ({"cds": 3}, 1, 1)
    assert (span.cpu_seconds, span.cpu_cores, span.cpu_cores_max) == (1, 0.2, 0.2)
    assert span.cpu_share_max == 0.1
    assert world.istiods.figures.cpu_cores_max == 1.8
    assert world.istiods.since(Istiods().mark()) == world.istiods.figures


def test_istiods_that_take_turns_at_one_address_are_kept_apart() -> None:
    """At a Service each connection may reach another; their counters are not one course."""
    world = World()

    def one(pushes: int) -> bytes:
        return page(PUSHES.format(pushes), started=1000.0, uptime=900.0)

    def two(pushes: int) -> bytes:
        return page(PUSHES.format(pushes), started=1200.0, uptime=700.0)

    world.read(a=one(10))
    figures = world.read(a=two(500))
    assert (figures.pushes, figures.restarts) == ({"cds": 0}, 0)
    assert not world.istiods.take_turns
    figures = world.read(a=one(13))
    assert (figures.pushes, world.istiods.take_turns) == ({"cds": 3}, True)
    assert world.read(a=two(502)).pushes == {"cds": 5}


def test_responses_that_could_not_be_sent_are_no_pushes() -> None:
    """Istiod counts both in one metric."""
    world = World()
    world.read(a=page())
    text = PUSHES.format(3) + 'pilot_xds_pushes{type="cds_senderr"} 2\n'
    figures = world.read(a=page(text))
    assert (figures.pushes, figures.push_errors) == ({"cds": 3}, 2)


def test_a_mean_is_exact_and_percentiles_have_bounds() -> None:
    """Istiod's first bucket ends at 0.1 s: a median read off it would be made up."""
    name, world = "pilot_proxy_convergence_time", World()
    world.read(a=page(histogram(name, {"0.1": 1000, "0.5": 1000, "1": 1000, "+Inf": 1000}, 9.0)))
    buckets = {"0.1": 1090, "0.5": 1098, "1": 1099, "+Inf": 1100}
    figures = world.read(a=page(histogram(name, buckets, 19.0)))
    assert figures.convergence == IstiodTime(100, 0.1, p50_at_most=0.1, p99_at_most=1.0)


def test_beyond_the_last_bucket_there_is_no_bound() -> None:
    """30 s would be a lie about a push that took a minute."""
    name, world = "pilot_proxy_queue_time", World()
    world.read(a=page())
    figures = world.read(a=page(histogram(name, {"30": 1, "+Inf": 2}, 62.0)))
    assert figures.queue == IstiodTime(2, 31.0, p50_at_most=30.0, p99_at_most=None)


def test_the_most_cores_in_use_are_those_of_two_readings() -> None:
    """A mean over a run of an hour hides the minute in which istiod had no CPU left."""
    world = World()
    cores = "go_sched_gomaxprocs_threads 2\n"
    world.read(a=page(cores + CPU.format(50)), b=page(cores + CPU.format(10)))
    world.read(a=page(cores + CPU.format(59)), b=page(cores + CPU.format(11)))
    figures = world.read(a=page(cores + CPU.format(60)), b=page(cores + CPU.format(11)))
    assert (figures.cores, figures.cpu_seconds) == (4, 11)
    assert (figures.cpu_cores, figures.cpu_cores_max) == (1.1, 2.0)
    assert figures.cpu_share_max == 0.9


def test_a_reading_right_after_another_says_nothing_of_cpu() -> None:
    """The last reading may come a moment after the one before; 10 ms of 10 ms are no full core."""
    istiods = Istiods(began=0.0)
    for at, cpu in ((0.0, 50.0), (5.0, 51.0), (5.01, 51.01)):
        istiods.read({"a": parsed(page(CPU.format(cpu)))}, at=at, source="here")
    assert istiods.figures.cpu_cores_max == 0.2


def test_a_real_istiod_is_understood() -> None:
    """Names and labels that are not istiod's would leave the figures empty."""
    istiods = Istiods(began=0.0)
    for at, moment in ((0.0, "before"), (38.0, "after")):
        text = Path(__file__).with_name(f"istiod-1.31-{moment}.txt").read_bytes()
        istiods.read({"istiod": parsed(text)}, at=at, source="istiod")
    figures = istiods.figures
    assert figures.versions == ("1.31.0-a8d7012191eb-Modified",)
    assert figures.pushes == {"cds": 379, "eds": 241, "lds": 367, "rds": 356}
    assert figures.triggers == {"config": 1174, "proxy": 19, "secret": 41, "service": 321}
    assert figures.updates == {"config": 71, "svc": 9, "svcdelete": 9}
    assert (figures.proxies, figures.services, figures.goroutines) == (0, 1, 960)
    assert figures.convergence.mean == pytest.approx(0.011388, abs=1e-6)
    assert figures.convergence == IstiodTime(
        373, figures.convergence.mean, p50_at_most=0.1, p99_at_most=0.5
    )
    assert (figures.queue.count, figures.debounce.count, figures.push.count) == (633, 17, 1343)
    assert figures.send.count == 1343
    assert (figures.cores, figures.heap_bytes, figures.restarts) == (2, 28_729_344, 0)
    assert (figures.cpu_seconds, figures.cpu_cores) == pytest.approx((0.55, 0.55 / 38))
    # It has never counted any of these.
    assert (figures.rejects, figures.internal_errors) == ({}, None)
