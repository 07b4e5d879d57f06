"""Where the proxies of a run live."""

from __future__ import annotations

import os

import pytest

from pyload.harness.fleets import IN_PROCESS, workers_of

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(
    ("wanted", "proxies", "open_ended", "expected"),
    [
        (None, 0, False, 0),
        (None, IN_PROCESS, False, 0),
        (None, IN_PROCESS + 1, False, CORES),
        (None, 0, True, CORES),
        (0, 100_000, True, 0),
        (7, 1, False, 7),
    ],
)
def test_small_runs_have_no_workers_and_big_ones_one_per_core(
    wanted: int | None,
    proxies: int,
    open_ended: bool,  # noqa: FBT001 - a parameter
    expected: int,
) -> None:
    """A first try would start processes for nothing, or a big run use one core."""
    assert workers_of(wanted, proxies=proxies, open_ended=open_ended) == expected
