"""The flags that say where the proxies of a run live, and how they behave."""

from __future__ import annotations

import pytest

from pyload.cli.adsc import command
from pyload.cli.flags.fleet import FleetFlags, fleet_flags
from pyload.errors import UsageError
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.xds.types import NDS, PCDS


def flags(*arguments: str) -> FleetFlags:
    """Return the flags of a command with these arguments."""
    with command.make_context("adsc", list(arguments)) as context:
        return fleet_flags(context)


def test_flags_become_behavior() -> None:
    """A switch would do nothing."""
    assert flags() == FleetFlags(workers=None, behavior=DEFAULT)
    assert flags(
        *("--workers", "2", "--agent-types", "pcds, NDS", "--connect-rate", "25"),
        *("--slow-fraction", "0.5", "--nack-fraction", "1"),
    ) == FleetFlags(
        workers=2,
        behavior=ProxyBehavior(
            agent_types=(PCDS, NDS), connect_rate=25, slow_fraction=0.5, nack_fraction=1
        ),
    )


@pytest.mark.parametrize(
    ("flag", "value", "problem"),
    [
        ("--workers", "many", "--workers many is no number of processes; give 0 to 1024, or auto"),
        ("--workers", "1025", "--workers 1025 is no number"),
        ("--agent-types", "nds,ads", "--agent-types ads is not known; choose nds, pcds or both"),
        ("--connect-rate", "0", "--connect-rate 0 is no rate"),
        ("--connect-rate", "nan", "--connect-rate nan is no rate"),
        ("--connect-rate", "inf", "--connect-rate inf is no rate"),
        ("--slow-fraction", "1.5", "--slow-fraction 1.5 is no share"),
        ("--nack-fraction", "-0.1", "--nack-fraction -0.1 is no share"),
        ("--nack-fraction", "nan", "--nack-fraction nan is no share"),
    ],
)
def test_what_makes_no_sense_is_refused(flag: str, value: str, problem: str) -> None:
    """A run of an hour would have measured something else."""
    with pytest.raises(UsageError, match=problem):
        flags(flag, value)
