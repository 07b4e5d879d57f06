"""What a start-up can wait for, and when it is over."""

from __future__ import annotations

import pytest

from pyload.errors import UsageError
from pyload.harness.start_options import StartCondition, StartOptions
from pyload.proxies.counts import FleetCounts

COUNTS = FleetCounts(connected_now=9, configured_now=8)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("connected=all", StartCondition("connected")),
        ("connected=3", StartCondition("connected", 3)),
        ("configured=all", StartCondition("configured")),
        ("configured=0", StartCondition("configured", 0)),
    ],
)
def test_what_can_be_waited_for(text: str, condition: StartCondition) -> None:
    """Scripts write it, and the error of a wait shows it."""
    assert StartCondition.parse(text) == condition
    assert str(condition) == text


@pytest.mark.parametrize(
    "text", ["connected", "connected=", "connected=-1", "all", "x=1", "configured=٣"]
)
def test_what_cannot_be_waited_for(text: str) -> None:
    """A typo in --wait must not become a wait for nothing."""
    with pytest.raises(UsageError, match="connected=all"):
        StartCondition.parse(text)


def test_a_number_of_proxies_is_enough_whatever_else_is_wanted() -> None:
    """The user may want to go on with a part of the mesh."""
    assert StartCondition.parse("connected=9").holds(COUNTS, wanted=100, complete=False)
    assert not StartCondition.parse("configured=9").holds(COUNTS, wanted=100, complete=True)


def test_all_proxies_are_there_once_no_more_have_to_be_started() -> None:
    """Pods come one after another; the first of them would be all that there are."""
    connected = StartCondition.parse("connected=all")

    assert connected.holds(COUNTS, wanted=9, complete=True)
    assert not connected.holds(COUNTS, wanted=9, complete=False)
    assert not connected.holds(COUNTS, wanted=10, complete=True)


def test_without_a_proxy_there_is_nothing_to_wait_for_unless_the_user_does() -> None:
    """A run of objects alone would never begin, and a script would go on without its mesh."""
    default, asked = StartOptions().wait, StartCondition.parse("configured=all")
    assert default is not None

    assert default.holds(FleetCounts(), wanted=0, complete=True)
    assert not asked.holds(FleetCounts(), wanted=0, complete=True)
