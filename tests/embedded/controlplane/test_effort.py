"""A control plane that can only do so much."""

from __future__ import annotations

from pyload.embedded.controlplane.effort import Effort


def test_pushes_wait_for_the_work_of_those_before() -> None:
    """A test of a limit would find none: every proxy would get its push at the same time."""
    effort = Effort(2.0)

    assert [effort.delay(10.0), effort.delay(10.0), effort.delay(11.0)] == [2.0, 4.0, 5.0]
    # It was idle for a while, and what it did not do then is no head start.
    assert effort.delay(100.0) == 2.0
    assert effort.spent == 8.0


def test_usually_pushes_cost_nothing() -> None:
    """Each push of each embedded run would be a turn of the loop later."""
    effort = Effort(0.0)

    assert effort.delay(10.0) == 0.0
    assert effort.spent == 0.0
