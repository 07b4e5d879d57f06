"""Which proxies of a fleet misbehave."""

from __future__ import annotations

import pytest

from pyload.proxies.behavior import ProxyBehavior


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_proxies_is_as_asked_for_and_always_the_same(share: float) -> None:
    """Two runs with the same switches could not be compared."""
    behavior = ProxyBehavior(slow_fraction=share, nack_fraction=share)
    keys = [f"app-{number}" for number in range(5000)]
    slow = {key for key in keys if behavior.is_slow(key)}
    refusing = {key for key in keys if behavior.nacks(key)}
    assert len(slow) / 5000 == pytest.approx(share, abs=0.03)
    assert len(refusing) / 5000 == pytest.approx(share, abs=0.03)
    assert slow == {key for key in keys if behavior.is_slow(key)}
    if share == 0.5:
        # Not the same proxies for both, or the two faults could not be told apart.
        assert len(slow & refusing) / 5000 == pytest.approx(0.25, abs=0.03)


def test_workers_share_the_rate_and_the_dials() -> None:
    """With four workers, --connect-rate 100 would be 400."""
    assert ProxyBehavior(connect_rate=100).shared_by(4) == ProxyBehavior(
        connect_rate=25, dialling=128
    )
    assert ProxyBehavior(dialling=2).shared_by(5) == ProxyBehavior(dialling=1)
