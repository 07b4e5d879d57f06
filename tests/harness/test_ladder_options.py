"""Which steps a run may have."""

from __future__ import annotations

import pytest

from pyload.errors import UsageError
from pyload.harness.ladder_options import LadderOptions
from pyload.harness.start_options import NO_WAIT, StartCondition, StartOptions


def test_steps_are_numbers_with_commas() -> None:
    """The user could not say how many proxies each step has."""
    ladder = LadderOptions.parse("100, 500,1000", 30.0)

    assert ladder == LadderOptions((100, 500, 1000), 30.0)
    assert (ladder.first, ladder.last) == (100, 1000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("500,100", "does not increase"),
        ("100,100", "does not increase"),
        ("0,100", "has a step without proxies"),
        ("", "is no list of numbers"),
        ("100,", "is no list of numbers"),
        ("1k", "is no list of numbers"),
        ("-5", "is no list of numbers"),
        ("٣", "is no list of numbers"),
    ],
)
def test_what_is_no_ladder(text: str, why: str) -> None:
    """A typo would become another measurement than the one that was wanted."""
    with pytest.raises(UsageError, match=why) as raised:
        LadderOptions.parse(text, 60.0)
    assert "--steps 100,500,1000" in str(raised.value)


def test_what_does_not_go_with_steps() -> None:
    """The run would end in the middle of a step, or measure steps that are not complete."""
    ladder = LadderOptions((1, 2))
    ladder.check(duration=None, start=StartOptions(StartCondition.parse("connected=all")))

    with pytest.raises(UsageError, match="--step-duration says"):
        ladder.check(duration=60.0, start=StartOptions())
    with pytest.raises(UsageError, match="write --wait configured=all"):
        ladder.check(duration=None, start=StartOptions(StartCondition.parse("configured=9")))


def test_each_step_waits_for_its_proxies() -> None:
    """Called as pilot-load, a step would be measured while its proxies are still coming."""
    ladder = LadderOptions((1, 2))

    assert ladder.waiting(NO_WAIT).wait == StartOptions().wait
    assert ladder.waiting(NO_WAIT).timeout is None
    asked = StartOptions(StartCondition.parse("connected=all"), 5.0)
    assert ladder.waiting(asked) == asked
