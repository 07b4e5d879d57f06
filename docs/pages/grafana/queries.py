"""Queries for the series of the chosen runs and istiods.

Of pyload's metrics only ``pyload_run_info`` names the run, and any program in Go has metrics such
as ``go_goroutines``. A query therefore keeps the series of those targets that have
``pyload_run_info`` or ``pilot_info`` too.
"""

from __future__ import annotations

from typing import Final

RUN: Final = 'pyload_run_info{run_id=~"$run_id"}'
ISTIOD: Final = 'pilot_info{instance=~"$istiod"}'
SPAN: Final = "[$__rate_interval]"
SENT: Final = '{type!~".*_senderr"}'
UNSENT: Final = '{type=~".*_senderr"}'
"""The types under which istiod counts responses that it has sent, or could not send."""


def of_run(vector: str, by: str = "", *, combine: str = "sum") -> str:
    """Return the query for the series of the chosen runs, combined by a label."""
    return f"{combine}{f' by ({by}) ' if by else ''}({vector} and on (job, instance) {RUN})"


def of_istiod(vector: str, by: str = "") -> str:
    """Return the query for the series of the chosen istiods, added up by a label."""
    return f"sum{f' by ({by}) ' if by else ''}({vector} and on (job, instance) {ISTIOD})"


def rate(name: str, labels: str = "") -> str:
    """Return the query for how much a counter grows per second."""
    return f"rate({name}{labels}{SPAN})"


def quantile(share: str, name: str, span: str = SPAN) -> str:
    """Return the query for a quantile of one of pyload's histograms."""
    return f"histogram_quantile({share}, {of_run(f'rate({name}_bucket{span})', 'le')})"


def istiod_quantile(share: str, name: str, by: str = "le") -> str:
    """Return the query for a quantile of one of istiod's histograms."""
    return f"histogram_quantile({share}, {of_istiod(rate(f'{name}_bucket'), by)})"


def istiod_mean(name: str) -> str:
    """Return the query for the mean of one of istiod's histograms."""
    total, count = (of_istiod(rate(f"{name}_{part}")) for part in ("sum", "count"))
    return f"{total} / {count}"


def or_none(query: str) -> str:
    """Return the query with 0 for a counter that istiod has only once it has counted something."""
    return f"{query} or 0 * count({ISTIOD})"


COARSE: Final = (
    "Istiod counts in coarse buckets, between which percentiles are estimates; the mean is exact."
)
"""The note below percentiles of istiod's histograms."""
