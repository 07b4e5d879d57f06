"""Where a run's proxies live, and how they behave."""

from __future__ import annotations

import os

import pytest

from pyload.errors import UsageError
from pyload.harness.fleets import IN_PROCESS, behavior_of, workers_of
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.xds.types import NDS, PCDS

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


def test_flags_become_habits() -> None:
    """A switch would do nothing."""
    assert behavior_of() == DEFAULT
    assert behavior_of(
        agent_types="pcds, NDS", connect_rate=25, slow_fraction=0.5, nack_fraction=1
    ) == ProxyBehavior(agent_types=(PCDS, NDS), connect_rate=25, slow_fraction=0.5, nack_fraction=1)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"agent_types": "nds,ads"}, "--agent-types ads is not known; choose nds, pcds or both"),
        ({"connect_rate": 0.0}, "--connect-rate 0 is no rate"),
        ({"connect_rate": float("nan")}, "--connect-rate nan is no rate"),
        ({"connect_rate": float("inf")}, "--connect-rate inf is no rate"),
        ({"slow_fraction": 1.5}, "--slow-fraction 1.5 is no share"),
        ({"nack_fraction": -0.1}, "--nack-fraction -0.1 is no share"),
        ({"nack_fraction": float("nan")}, "--nack-fraction nan is no share"),
    ],
)
def test_what_makes_no_sense_is_refused(flags: dict[str, float], says: str) -> None:
    """A run of an hour would have measured something else."""
    with pytest.raises(UsageError, match=says):
        behavior_of(**flags)  # type: ignore[arg-type] # the texts among them


def test_workers_share_the_rate_and_the_dials() -> None:
    """With four workers, --connect-rate 100 would be 400."""
    assert ProxyBehavior(connect_rate=100).shared_by(4) == ProxyBehavior(
        connect_rate=25, dialling=128
    )
    assert ProxyBehavior(dialling=2).shared_by(5) == ProxyBehavior(dialling=1)
