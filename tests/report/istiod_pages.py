"""Metrics pages of istiods, as short as a test needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def histogram(name: str, buckets: Mapping[str, int], total: float, labels: str = "") -> str:
    """Return the lines of a histogram, whose buckets are cumulative and end with +Inf."""
    comma = f"{labels}," if labels else ""
    braces = f"{{{labels}}}" if labels else ""
    return "".join(
        [f'{name}_bucket{{{comma}le="{bound}"}} {count}\n' for bound, count in buckets.items()]
        + [f"{name}_sum{braces} {total}\n", f"{name}_count{braces} {buckets['+Inf']}\n"]
    )


def page(
    text: str = "", *, started: float | None = 1000.0, uptime: float = 600.0, version: str = "1.28"
) -> bytes:
    """Return a page of an istiod that has been up for ten minutes, with these lines besides."""
    lines = f'pilot_info{{version="{version}"}} 1\nistiod_uptime_seconds {uptime}\n{text}'
    if started is not None:
        lines += f"process_start_time_seconds {started}\n"
    return lines.encode()
