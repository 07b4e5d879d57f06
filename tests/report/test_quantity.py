"""Tests of how people write and read the numbers of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.report.quantity import parse_quantity, quantity_text

if TYPE_CHECKING:
    from pyload.report.quantity import Unit


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("2s", "seconds", 2.0),
        ("500ms", "seconds", 0.5),
        ("1m30s", "seconds", 90.0),
        ("0", "seconds", 0.0),
        ("10GB", "bytes", 10e9),
        ("10GiB", "bytes", 10 * 1024**3),
        ("1.5 kB", "bytes", 1500.0),
        ("512B", "bytes", 512.0),
        ("512", "bytes", 512.0),
        ("1,000", "count", 1000.0),
        ("1000", "count", 1000.0),
        ("12.5", "count", 12.5),
        ("5%", "ratio", 0.05),
        ("0.05", "ratio", 0.05),
        ("true", "boolean", 1.0),
        ("false", "boolean", 0.0),
    ],
)
def test_quantities_are_read_as_people_write_them(text: str, unit: Unit, value: float) -> None:
    """A threshold of 10GB that meant 10 bytes would fail every run, or pass every one."""
    assert parse_quantity(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("2", "seconds"),
        ("-2s", "seconds"),
        ("2 seconds", "seconds"),
        ("10XB", "bytes"),
        ("2s", "bytes"),
        ("1,00", "count"),
        ("-1", "count"),
        ("1e3", "count"),
        ("5%", "count"),
        ("five", "ratio"),
        ("yes", "boolean"),
    ],
)
def test_a_quantity_of_another_unit_is_refused(text: str, unit: Unit) -> None:
    """``< 2`` could mean seconds or milliseconds; a guess would judge runs by the wrong one."""
    with pytest.raises(ValueError, match=r".*"):
        parse_quantity(text, unit)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "count", "not measured"),
        (0.0134, "seconds", "13ms"),
        (1234.0, "count", "1,234"),
        (12.34, "count", "12.3"),
        (12_300_000.0, "bytes", "12.3 MB"),
        (999.0, "bytes", "999 B"),
        (0.0512, "ratio", "5.12%"),
        (True, "boolean", "true"),
    ],
)
def test_figures_are_shown_in_their_unit(value: float | None, unit: Unit, text: str) -> None:
    """The line that says why a run failed is read by people."""
    assert quantity_text(value, unit) == text
