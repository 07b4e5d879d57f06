"""Figures of the added samples of several istiods; see `pyload.report.istiod_metrics`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyload.report.control_plane import IstiodTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.report.istiod_metrics import IstiodPage, Key


def level(pages: Iterable[IstiodPage], name: str) -> int | None:
    """Add up a gauge; None if no page has it."""
    values = [page.levels[name] for page in pages if name in page.levels]
    return int(sum(values)) if values else None


def by_label(grown: Mapping[Key, float], name: str) -> dict[str, int]:
    """Return a counter by the values of its label."""
    return {label: int(count) for (one, label), count in sorted(grown.items()) if one == name}


def time_of(grown: Mapping[Key, float], name: str) -> IstiodTime:
    """Return what a histogram says."""
    count = int(grown.get((f"{name}_count", ""), 0))
    if not count:
        return IstiodTime()
    buckets = sorted(
        (float(bound), counted)
        for (one, bound), counted in grown.items()
        if one == f"{name}_bucket"
    )
    return IstiodTime(
        count=count,
        mean=grown[f"{name}_sum", ""] / count,
        p50_at_most=_bound(buckets, 0.5 * count),
        p99_at_most=_bound(buckets, 0.99 * count),
    )


def _bound(buckets: Iterable[tuple[float, float]], rank: float) -> float | None:
    """Return the upper bound of the bucket of a rank; None beyond the last."""
    bound = next((bound for bound, counted in buckets if counted >= rank), math.inf)
    return bound if math.isfinite(bound) else None
