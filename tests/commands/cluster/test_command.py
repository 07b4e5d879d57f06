"""The command around a mesh: what it refuses, shows and concludes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.command import ClusterCommand, run_cluster
from pyload.commands.cluster.planning import plan_run
from pyload.errors import ControlPlaneUnreachable, UsageError
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from pyload.kube.transport import Response
from pyload.tasks import Shutdown
from pyload.xds.transport import Status
from tests.mesh.conftest import open_world
from tests.mesh.meshes import nothing_left, options
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

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


async def test_a_dry_run_needs_no_server_and_counts_what_would_be_done() -> None:
    """Somebody who asks how big a run is has no cluster yet, or must not touch it."""
    outcome = await run_cluster(replace(options(), dry_run=True))

    assert outcome.error is None
    assert outcome.result.exit_reason == "nothing was run"
    assert outcome.result.objects.created == 0
    assert outcome.listing.startswith("would create 13 objects in 1 namespaces, and run 4 proxies;")


@pytest.mark.parametrize("flags", [{}, {"dry_run": True}])
async def test_a_result_that_cannot_be_written_is_an_error_before_anything_is_planned(
    tmp_path: Path, flags: dict[str, bool]
) -> None:
    """A typing mistake in --out would show after hours, when the figures are lost."""
    out = tmp_path / "absent" / "r.json"
    with pytest.raises(UsageError, match="its folder does not exist"):
        await run_cluster(replace(options(), out=out, **flags))  # type: ignore[arg-type]
