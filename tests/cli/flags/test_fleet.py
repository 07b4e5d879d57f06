"""The flags that say how the proxies of a run behave."""

from __future__ import annotations

from typing import Any, Final

import pytest

from pyload.cli.flags.fleet import behavior_of
from pyload.errors import UsageError
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.xds.types import NDS, PCDS

NONE: Final = {
    "agent_types": "",
    "connect_rate": None,
    "slow_fraction": 0.0,
    "nack_fraction": 0.0,
}
"""The values of the flags where none is given."""


def test_flags_become_behavior() -> None:
    """A switch would do nothing."""
    assert behavior_of(NONE) == DEFAULT
    values = {
        "agent_types": "pcds, NDS",
        "connect_rate": 25,
        "slow_fraction": 0.5,
        "nack_fraction": 1,
    }
    assert behavior_of(values) == ProxyBehavior(
        agent_types=(PCDS, NDS), connect_rate=25, slow_fraction=0.5, nack_fraction=1
    )


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
def test_what_makes_no_sense_is_refused(flags: dict[str, Any], says: str) -> None:
    """A run of an hour would have measured something else."""
    with pytest.raises(UsageError, match=says):
        behavior_of({**NONE, **flags})
