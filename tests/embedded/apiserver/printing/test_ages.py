"""Ages as kubectl shows them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyload.embedded.apiserver.printing.ages import UNKNOWN, age_text, duration_text

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (9 * MINUTE + 5, "9m5s"),
        (10 * MINUTE + 5, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 59 * MINUTE, "7h59m"),
        (47 * HOUR, "47h"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY + HOUR, "8d"),
        (729 * DAY, "729d"),
        (2 * 365 * DAY + DAY, "2y1d"),
        (9 * 365 * DAY, "9y"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: int, text: str) -> None:
    """Scripts that read the column, and people, would find another form than a cluster's."""
    assert duration_text(seconds) == text


def test_what_is_no_time_is_unknown() -> None:
    """An object with a broken timestamp would keep its whole list from being shown."""
    now = datetime(2026, 11, 28, tzinfo=UTC)

    assert age_text("2026-11-27T23:59:00Z", now) == "60s"
    assert age_text("2026-11-27T23:59:00", now) == "60s"
    assert [age_text(one, now) for one in (None, "", "soon", 5)] == [UNKNOWN] * 4
