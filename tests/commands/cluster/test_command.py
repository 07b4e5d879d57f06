"""The command around a mesh: what it refuses, shows and concludes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.cluster.command import ClusterCommand, run_cluster
from pyload.commands.cluster.planning import plan_run
from pyload.config.parse import parse_config
from pyload.errors import (
    ControlPlaneUnreachable,
    Interrupted,
    StartTimeout,
    ThresholdFailed,
    UsageError,
)
from pyload.harness.servers import Servers
from pyload.harness.start_options import NO_WAIT, StartOptions
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from pyload.kube.transport import Response
from pyload.report.thresholds import NO_THRESHOLDS, parse_thresholds
from pyload.tasks import Shutdown
from pyload.xds.transport import Status
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.mesh.conftest import open_world
from tests.mesh.meshes import nothing_left, options
from tests.proxies.resolvers import resolver_of
from tests.report.schema import problems_of
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pyload.commands.cluster.options import ClusterOptions
    from pyload.embedded.apiserver.requests import Request
    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Servers in memory."""
    async with open_world() as opened:
        yield opened


async def test_a_run_in_which_no_proxy_was_ever_served_fails(world: World) -> None:
    """A wrong --auth would pass for a successful load test of nothing."""
    gone = Status(14, "UNAVAILABLE", "no TLS there")
    refusing = Peer(lambda _, name: gone if name == "open" else None)
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(refusing))
    chosen = options()
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "no proxy ever got its config" in str(outcome.error)
    assert outcome.result.objects.left == 0
    assert nothing_left(world)


def judged(**parts: Any) -> ClusterOptions:
    """Return the options of a run that is judged by default."""
    return replace(options(), thresholds=NO_THRESHOLDS, **parts)


class MortalPeer(Peer):
    """A control plane that can be killed."""

    def __init__(self) -> None:
        super().__init__(lambda _, name: GONE if self.dead and name == "open" else None)
        self.dead = False

    def die(self) -> None:
        """End all streams, and open no more."""
        self.dead = True
        for stream in self.streams:
            stream.end(GONE)


@pytest.mark.parametrize("seconds", [6.0, 14.0])
async def test_a_control_plane_that_dies_in_mid_run_fails_it(world: World, seconds: float) -> None:
    """It is the very thing that a load test of istiod looks for, and ended with 0 (A1)."""
    peer = MortalPeer()
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(peer))
    chosen = judged(duration=15.0)
    command = ClusterCommand(chosen, plan_run(chosen), servers)
    asyncio.get_running_loop().call_later(seconds, peer.die)
    outcome = await command.run(Shutdown())

    assert isinstance(outcome.error, ThresholdFailed)
    assert str(outcome.error).startswith("threshold failed: proxies.failed == 0 (it is 4); ")
    assert outcome.result.exit_reason == "its duration was over"
    assert nothing_left(world)


async def test_a_control_plane_that_comes_back_in_time_passes(world: World) -> None:
    """Istiod closes each connection every half an hour: somebody is always just back."""
    peer = MortalPeer()
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(peer))
    chosen = judged(duration=15.0)

    def blink() -> None:
        peer.die()
        peer.dead = False

    asyncio.get_running_loop().call_later(14.9, blink)
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())

    assert outcome.error is None
    assert outcome.result.proxies.configured == 4
    assert problems_of(outcome.result) == []


async def test_a_run_that_is_over_before_any_config_came_fails(world: World) -> None:
    """`2 connected, 0 configured` and exit code 0 is a test of nothing (A5)."""
    peer = Peer()
    peer.silent = True
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(peer))
    chosen = judged(duration=0.5, start=NO_WAIT)
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "4 of 4 were connected when the run was over; give it a longer" in str(outcome.error)


async def test_a_run_that_the_user_stops_at_once_has_not_failed(world: World) -> None:
    """Ctrl-C after a typing mistake is no verdict on istiod; exit code 130 says when it came."""
    peer = Peer()
    peer.silent = True
    shutdown = Shutdown()
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(peer))
    chosen = judged(duration=60.0, start=NO_WAIT)
    command = ClusterCommand(chosen, plan_run(chosen), servers)
    asyncio.get_running_loop().call_later(2.0, shutdown.signal)
    outcome = await command.run(shutdown)
    assert (outcome.error, outcome.result.proxies.starting) == (None, 4)

    chosen, shutdown = replace(chosen, start=StartOptions()), Shutdown()
    command = ClusterCommand(chosen, plan_run(chosen), servers)
    asyncio.get_running_loop().call_later(2.0, shutdown.signal)
    outcome = await command.run(shutdown)
    assert isinstance(outcome.error, Interrupted)


async def test_a_mesh_without_proxies_fails_unless_the_user_wants_none(world: World) -> None:
    """`proxies none wanted` and exit code 0 is what a half-written config ends with (A7)."""
    config = b"namespaces: [{applications: [{name: web, type: external, instances: 1}]}]"
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(Peer()))
    chosen = judged(loaded=parse_config(config, source="f"), duration=0.5)
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())
    assert "proxies.started >= 1 (it is 0); `--threshold none`" in str(outcome.error)

    chosen = replace(chosen, thresholds=parse_thresholds(["none"]))
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())
    assert outcome.error is None


async def test_a_cluster_whose_nodes_cannot_be_listed_fails(world: World) -> None:
    """`pods 0 on 0 kwok nodes` and exit code 0 says nothing about the cluster (R1)."""
    world.server.intercept = lambda request: (
        answer(500, a_status(500, "InternalError", "etcd is too old"))
        if request.method == "GET" and request.path == "/api/v1/nodes"
        else None
    )
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(Peer()))
    chosen = judged(loaded=None, cluster_type="kwok", duration=5.0)
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())
    assert isinstance(outcome.error, StartTimeout)
    assert "not been listed: GET /api/v1/nodes: HTTP 500: etcd is too old" in str(outcome.error)

    chosen = replace(chosen, start=NO_WAIT)
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())
    assert isinstance(outcome.error, ThresholdFailed)
    assert "kwok.nodes_synced == true (it is false)" in str(outcome.error)


async def test_an_account_that_may_not_create_tokens_is_told_so(world: World) -> None:
    """With 15012, every proxy would fail, and the reason stand only in its own log lines."""

    def refuse(request: Request) -> Response | None:
        return Response(403, b"{}") if request.path.endswith("/token") else None

    world.server.intercept = refuse
    client = Client(world.server.transport())
    transport = world.plane.transport(tokens=True)
    resolver = resolver_of(transport, auth="plaintext-jwt", tokens=Tokens(client))
    servers = Servers(client, "memory", resolver)
    chosen = options()
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "serviceaccounts/token" in str(outcome.error)


async def test_a_dry_run_needs_no_server_and_counts_what_would_be_done(tmp_path: Path) -> None:
    """Somebody who asks how big a run is has no cluster yet, or must not touch it.

    The file that was asked for was not written, and nobody was told (B6).
    """
    out = tmp_path / "plan.json"
    outcome = await run_cluster(replace(options(), dry_run=True, out=out))

    assert outcome.error is None
    assert outcome.result.exit_reason == "nothing was run"
    assert outcome.result.objects.created == 0
    assert outcome.listing.startswith("would create 13 objects in 1 namespaces, and run 4 proxies;")
    plan = json.loads(out.read_text())
    assert plan == outcome.plan
    assert (plan["schema"], plan["command"]) == ("pyload.dev/plan/v1", "cluster")
    assert (plan["objects"]["total"], plan["proxies"]["total"]) == (13, 4)
    assert list(plan["objects"]["namespaces"]) == ["mesh"]
    assert plan["requests"]["create"] > 0


@pytest.mark.parametrize("flags", [{}, {"dry_run": True}])
async def test_a_result_that_cannot_be_written_is_an_error_before_anything_is_planned(
    tmp_path: Path, flags: dict[str, bool]
) -> None:
    """A typing mistake in --out would show after hours, when the figures are lost."""
    out = tmp_path / "absent" / "r.json"
    with pytest.raises(UsageError, match="its folder does not exist"):
        await run_cluster(replace(options(), out=out, **flags))  # type: ignore[arg-type]
