"""A run's Lease, and the addresses that it keeps for itself."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ClusterUnreachable
from pyload.harness.claim import claim
from pyload.kube.client import Client
from pyload.kube.resources import LEASES
from pyload.kube.transport import Response
from pyload.manifests.ips import AddressRange, IpAllocator
from pyload.manifests.runs import Origin

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

WANTED = IpAllocator().needed()


def origin(run_id: str) -> Origin:
    """Make the origin of a run."""
    return Origin(run_id, started=datetime.now(UTC), by="alice@ci")


def client_of(server: ApiServer) -> Client:
    """Make a client."""
    return Client(server.transport(), rng=Random(1))


def leases(server: ApiServer) -> list[str]:
    """Name the Leases that there are."""
    return [obj["metadata"]["name"] for kind, obj in server.objects() if kind == LEASES]


@pytest.mark.parametrize("count", [2, 8])
async def test_runs_that_begin_at_once_get_addresses_of_their_own(count: int) -> None:
    """They read each other's Leases before they have written their own."""
    server = ApiServer()
    over = asyncio.Event()
    ranges: list[AddressRange] = []

    async def run(index: int) -> None:
        async with claim(client_of(server), origin(f"run{index}"), addresses=WANTED) as found:
            assert found is not None
            ranges.append(found)
            await over.wait()

    async with asyncio.TaskGroup() as group:
        for index in range(count):
            group.create_task(run(index))
        await asyncio.sleep(30)
        assert len(leases(server)) == count
        over.set()

    assert len(ranges) == count
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    assert leases(server) == []


async def test_a_lone_run_begins_where_scripts_expect_it() -> None:
    """A mesh would have other addresses at each run."""
    async with claim(client_of(ApiServer()), origin("run"), addresses=WANTED) as found:
        assert found == WANTED


async def test_an_account_without_rights_to_leases_is_warned_and_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """pilot-load needs no such rights; a run that ends for them would be no replacement."""
    caplog.set_level(logging.WARNING, "pyload")
    server = ApiServer()

    def refuse(request: Request) -> Response | None:
        return Response(403, b"{}") if "/leases" in request.path else None

    server.intercept = refuse
    async with claim(client_of(server), origin("run"), addresses=WANTED) as found:
        await asyncio.sleep(60)

    assert found == WANTED
    [warning] = caplog.messages
    assert warning.startswith("other runs cannot see that this one is under way: ")
    assert "on leases in default" in warning


async def test_a_lease_that_cannot_be_deleted_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody would know why a run that has ended passes for one that is under way."""
    caplog.set_level(logging.WARNING, "pyload")
    server = ApiServer()

    def refuse(request: Request) -> Response | None:
        return Response(403, b"{}") if request.method == "DELETE" else None

    server.intercept = refuse
    async with claim(client_of(server), origin("run")):
        pass

    assert [one.partition(":")[0] for one in caplog.messages] == [
        "Lease default/pyload-run stays, and is over in 60 s"
    ]


async def test_the_end_of_a_run_does_not_wait_for_a_server_that_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run would hang after its summary, or add a line to the one about the clean-up (B15)."""
    caplog.set_level(logging.WARNING, "pyload")
    server = ApiServer()

    def away(_: Request) -> Response | None:
        raise ClusterUnreachable("cannot reach the API server")

    now = asyncio.get_running_loop().time
    async with claim(client_of(server), origin("run")):
        server.intercept = away
        await asyncio.sleep(60)
        begun = now()

    assert now() - begun == pytest.approx(3.0, abs=0.1)
    assert caplog.messages == []
