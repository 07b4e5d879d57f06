"""The phases of a run, and how much of the present one is done."""

from __future__ import annotations

import pytest

from pyload.report.phases import Phase, Phases
from pyload.report.progress import Status


def test_a_run_goes_through_its_phases() -> None:
    """A bar that is wrong is worse than none: users wait for what it says."""
    phases = Phases()

    assert phases.observe(Status("starting", 1.0, wanted=5, configured=1), expected=10) == (
        Phase("starting", 1.0, 0.1),
    )
    running = phases.observe(Status("running", 4.0, objects=40), duration=20.0)
    assert running == (Phase("starting", 4.0, 1.0, is_over=True), Phase("running", 0.0, 0.0))
    assert phases.observe(Status("running", 9.0, objects=40), duration=20.0)[-1].share == 0.25
    assert phases.observe(Status("cleaning up", 24.0, objects=40))[-1].share == 0.0
    *ended, present = phases.observe(Status("cleaning up", 26.0, objects=10))
    assert present == Phase("cleaning up", 2.0, 0.75)
    assert [one.seconds for one in ended] == [4.0, 20.0]


def test_a_start_that_was_over_at_the_first_look_is_named_all_the_same() -> None:
    """In a small run it takes less time than until the panel is drawn."""
    phases = Phases().observe(Status("running", 0.4), duration=10.0)

    assert phases == (Phase("starting", 0.4, 1.0, is_over=True), Phase("running", 0.0, 0.0))


@pytest.mark.parametrize(
    ("status", "duration"),
    [
        (Status("running", 5.0, wanted=3, configured=3), None),
        (Status("starting", 5.0), 10.0),
        (Status("cleaning up", 5.0), 10.0),
    ],
)
def test_a_phase_whose_end_nobody_knows_has_no_share(
    status: Status, duration: float | None
) -> None:
    """A run until Ctrl-C would look as if it were over."""
    assert Phases().observe(status, duration=duration)[-1].share is None


def test_a_step_of_a_ladder_lasts_as_long_as_its_duration() -> None:
    """Adding proxies is measured by the proxies, holding them by the time."""
    phases = Phases()
    adding = Status("step 2 of 3, adding proxies", 10.0, wanted=20, configured=10)
    held = Status("step 2 of 3", 12.0, wanted=20, configured=20)

    assert phases.observe(adding, expected=20, duration=60.0)[-1].share == 0.5
    assert phases.observe(held, expected=20, duration=60.0)[-1].share == 0.0
