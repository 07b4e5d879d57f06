"""The leases of fake nodes, while the API server is away."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from pyload.errors import ClusterUnreachable
from pyload.mesh.leases import RENEW_SECONDS, Leases
from pyload.tasks import Supervisor

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

NODES = [f"node-{number}" for number in range(60)]


class Server:
    """An API server that is away for a while, and the times at which it took a lease."""

    def __init__(self, *, away: tuple[float, float] = (0, 0)) -> None:
        self.away = away
        self.taken: dict[str, list[float]] = {}

    async def write(self, lease: Obj) -> None:
        """Accept a lease."""
        now = asyncio.get_running_loop().time()
        if self.away[0] <= now < self.away[1]:
            raise ClusterUnreachable("cannot reach the API server")
        self.taken.setdefault(lease["metadata"]["name"], []).append(now)


async def renewed(server: Server, seconds: float) -> None:
    """Renew the leases of all nodes for a time."""
    leases = Leases(server.write, run_id="r")
    for node in NODES:
        leases.add(node, "uid")
    async with Supervisor() as background:
        background.spawn(leases.run(), name="leases")
        await asyncio.sleep(seconds)


async def test_each_lease_is_renewed_in_time() -> None:
    """Kubernetes takes a node for dead after 40 seconds, and evicts its pods."""
    server = Server()
    await renewed(server, 2.5 * RENEW_SECONDS)

    assert set(server.taken) == set(NODES)
    assert all(times == [0, 20, 40] for times in server.taken.values())


async def test_an_api_server_that_is_away_is_two_lines_not_sixty_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever else went wrong meanwhile could not be found in the log (B15)."""
    caplog.set_level(logging.INFO, logger="pyload")
    server = Server(away=(15.0, 55.5))
    await renewed(server, 100)

    assert caplog.messages == [
        "lease update for node-0 failed: cannot reach the API server",
        "the leases of all nodes are renewed again, after 36s",
    ]
    assert all(55.5 <= times[1] < 57 for times in server.taken.values())


async def test_a_second_outage_is_logged_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """The first one is over, and its line says nothing of this one."""
    server = Server(away=(15.0, 25.0))
    asyncio.get_running_loop().call_later(50.0, setattr, server, "away", (55.0, 75.0))
    await renewed(server, 100)

    assert len(caplog.messages) == 4
