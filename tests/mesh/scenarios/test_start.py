"""The duration of a mesh begins when its proxies are ready; if they never are, the run ends."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.command import ClusterCommand
from pyload.commands.cluster.planning import plan_run
from pyload.errors import ControlPlaneUnreachable, StartTimeout
from pyload.harness.servers import Servers
from pyload.harness.start_options import StartCondition, StartOptions
from pyload.kube.client import Client
from pyload.proxies.behavior import ProxyBehavior
from pyload.tasks import Shutdown
from tests.mesh.meshes import nothing_left, options
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from pyload.commands.cluster.options import ClusterOptions
    from pyload.harness.outcome import Outcome
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

PROXIES = 4


async def run(world: World, chosen: ClusterOptions, peer: Peer) -> Outcome:
    """Run a mesh on a control plane."""
    servers = Servers(Client(world.recorder, rng=Random(1)), "memory", resolver_of(peer))
    return await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())


async def test_a_short_duration_does_not_end_before_anything_is_configured(world: World) -> None:
    """`--duration 500ms` was over with 0 configured proxies, and exit code 0 (A5)."""
    slow = ProxyBehavior(connect_rate=1.0)

    outcome = await run(world, replace(options(duration=0.5), behavior=slow), Peer())

    assert outcome.error is None
    assert outcome.result.proxies.configured == PROXIES
    assert outcome.result.first_config.count == PROXIES


@pytest.mark.parametrize(
    "behavior", [ProxyBehavior(nack_fraction=1.0), ProxyBehavior(slow_fraction=1.0)]
)
async def test_proxies_that_misbehave_on_purpose_do_not_hold_up_the_start(
    world: World, behavior: ProxyBehavior
) -> None:
    """A run with --nack-fraction would never begin."""
    outcome = await run(world, replace(options(), behavior=behavior), Peer())

    assert outcome.error is None
    assert outcome.result.proxies.configured == PROXIES


async def test_a_proxy_that_is_late_ends_the_run_and_is_named(world: World) -> None:
    """A pipeline has to know that it did not get the mesh that it asked for (B4)."""
    dials = 0

    def refuse(_number: int, name: str) -> object:
        nonlocal dials
        dials += name == "open"
        return GONE if name == "open" and dials >= PROXIES else None

    outcome = await run(world, options(), Peer(refuse))  # type: ignore[arg-type]

    assert isinstance(outcome.error, StartTimeout)
    assert outcome.error.exit_code == 5
    assert "waited 5m0s for configured=all: 3 of 4 proxies are configured" in str(outcome.error)
    assert "no stream: mesh/web-" in str(outcome.error)
    assert outcome.result.proxies.configured == 3
    assert nothing_left(world)


async def test_a_mesh_of_which_enough_is_there_begins(world: World) -> None:
    """One proxy that is refused for good must not stop a test of the others (B4)."""
    dials = 0

    def refuse(_number: int, name: str) -> object:
        nonlocal dials
        dials += name == "open"
        return GONE if name == "open" and dials >= PROXIES else None

    enough = StartOptions(StartCondition("configured", 3), 60.0)
    outcome = await run(world, replace(options(), start=enough), Peer(refuse))  # type: ignore[arg-type]

    assert outcome.result.exit_reason == "its duration was over"


async def test_a_start_that_served_nobody_says_that_in_the_first_place(world: World) -> None:
    """A wrong --auth is the reason, and not a time that is too short."""
    refusing = Peer(lambda _, name: GONE if name == "open" else None)

    outcome = await run(world, options(), refusing)

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "no proxy ever got its config" in str(outcome.error)
