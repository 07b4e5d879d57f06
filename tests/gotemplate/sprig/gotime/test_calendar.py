"""Tests of the calendar."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.gotime.calendar import date_of, days_of


@given(st.integers(-(10**7), 10**7))
def test_days_and_dates_agree_with_python(days: int) -> None:
    """Dates would be off by a day in leap years."""
    year, month, day = date_of(days)
    assert days_of(year, month, day) == days
    if 1 <= year <= 9999:
        assert dt.date(1970, 1, 1) + dt.timedelta(days) == dt.date(year, month, day)
