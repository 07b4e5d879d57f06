"""When a push begins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.debounce import Debounce


def test_nothing_is_due_without_a_change() -> None:
    """An idle mesh must not be pushed to."""
    assert Debounce(quiet=0.1, longest=10).due() is None


def test_a_push_is_due_when_changes_pause() -> None:
    """A single change should reach proxies after the quiet period."""
    debounce = Debounce(quiet=0.1, longest=10)
    debounce.changed(5.0)
    debounce.changed(5.05)

    assert debounce.due() == 5.05 + 0.1


def test_changes_that_never_pause_are_pushed_at_the_limit() -> None:
    """Constant churn must not keep proxies from ever being told."""
    debounce = Debounce(quiet=0.1, longest=10)
    for step in range(1000):
        debounce.changed(step * 0.05)

    assert debounce.due() == 10


def test_only_one_push_is_in_flight() -> None:
    """A push that takes long must end before the next begins, which then tells the rest."""
    debounce = Debounce(quiet=0.1, longest=10)
    debounce.changed(1.0)
    debounce.started()
    debounce.changed(1.5)

    assert debounce.due() is None

    debounce.finished()

    assert debounce.due() == 1.6


@given(st.lists(st.floats(0, 5), min_size=1))
def test_no_change_waits_longer_than_the_limit(gaps: list[float]) -> None:
    """Whatever the pattern of changes, the first of them is pushed in time."""
    debounce = Debounce(quiet=0.1, longest=10)
    now = 0.0
    first: float | None = None
    for pause in gaps:
        debounce.changed(now)
        first = now if first is None else first
        due = debounce.due()
        assert due is not None
        assert due <= first + 10
        now += pause
        if due <= now:
            debounce.started()
            debounce.finished()
            first = None
