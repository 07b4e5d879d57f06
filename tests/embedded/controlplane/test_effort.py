"""A control plane that can only do so much."""

from __future__ import annotations

from pyload.embedded.controlplane.effort import Effort


def test_pushes_wait_for_the_work_of_those_before() -> None:
    """A test of a limit would find none: every proxy would get its push at the same time."""
    effort = Effort(2.0)

    assert [effort.delay(10.0), effort.delay(10.0), effort.delay(11.0)] == [2.0, 4.0, 5.0]
    # It was idle for a while, and what it did not do then is no head start.
    assert effort.delay(100.0) == 2.0


def test_usually_pushes_cost_nothing() -> None:
    """Each push of each embedded run would be a turn of the loop later."""
    effort = Effort(0.0)

    assert effort.delay(10.0) == 0.0
    assert effort.metrics_page(20.0) == b""


def test_the_work_shows_as_cpu_of_one_core() -> None:
    """A ladder could not say that the control plane was at its limit."""
    effort = Effort(2.0)
    for _ in range(5):
        effort.delay(10.0)

    # Of the ten seconds that are planned, six are over.
    assert effort.metrics_page(16.0) == (
        b"process_cpu_seconds_total 6.000000000\ngo_sched_gomaxprocs_threads 1\n"
    )
