"""Ages and durations as kubectl shows them, in two units at most."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "<unknown>"


def age_text(since: object, now: datetime) -> str:
    """Return how long ago a timestamp is, as kubectl writes it: ``90s``, ``5m10s``, ``3d4h``."""
    if not isinstance(since, str):
        return UNKNOWN
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        return UNKNOWN
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return duration_text(int((now - moment).total_seconds()))


def duration_text(seconds: int) -> str:
    """Return a duration in two units at most."""
    seconds = max(0, seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    years = days // 365
    choices = (
        (seconds < 120, f"{seconds}s"),
        (minutes < 10, _two(minutes, "m", seconds % 60, "s")),
        (hours < 3, f"{minutes}m"),
        (hours < 8, _two(hours, "h", minutes % 60, "m")),
        (hours < 48, f"{hours}h"),
        (days < 8, _two(days, "d", hours % 24, "h")),
        (years < 2, f"{days}d"),
        (years < 8, _two(years, "y", days % 365, "d")),
    )
    return next((text for fits, text in choices if fits), f"{years}y")


def _two(one: int, unit: str, other: int, smaller: str) -> str:
    return f"{one}{unit}{other}{smaller}" if other else f"{one}{unit}"
