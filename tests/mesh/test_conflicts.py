"""Which objects of other runs are in the way, and what the user is told about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.kube.client import Client
from pyload.kube.resources import CONFIG_MAPS, LEASES, NAMESPACES, NODES, SERVICES
from pyload.kube.transport import Response
from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.runs import Origin, RunRecord, run_lease
from pyload.mesh.conflicts import Conflict, find_conflicts, read_leases, refusal
from pyload.mesh.ledger import Entry

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
async def server() -> ApiServer:
    """A namespace, a node and a ConfigMap of another run, and the namespace of nobody's run."""
    server = ApiServer()
    client = Client(server.transport(), rng=Random(1))
    theirs = {RUN_LABEL: "theirs"}
    for path, name, labels in (
        (NAMESPACES.path(), "taken", theirs),
        (NAMESPACES.path(), "shared", {}),
        (NODES.path(), "node", theirs),
        (CONFIG_MAPS.path("shared"), "settings", theirs),
        (CONFIG_MAPS.path("shared"), "ours", {RUN_LABEL: "ours"}),
        (CONFIG_MAPS.path("taken"), "inside", theirs),
    ):
        await client.create(path, {"metadata": {"name": name, "labels": labels}})
    return server


def client_of(server: ApiServer) -> Client:
    """Make a client."""
    return Client(server.transport(), rng=Random(1))


async def test_a_namespace_stands_for_all_that_is_in_it(server: ApiServer) -> None:
    """The error would list ten thousand pods."""
    wanted = [
        Entry(NAMESPACES, "", "taken"),
        Entry(CONFIG_MAPS, "taken", "inside"),
        Entry(NAMESPACES, "", "new"),
        Entry(SERVICES, "new", "web"),
    ]
    found = await find_conflicts(client_of(server), wanted, "ours")

    assert [str(one.entry) for one in found] == ["Namespace taken"]
    assert found[0].record.run_id == "theirs"


async def test_what_no_namespace_of_the_run_holds_is_looked_for(server: ApiServer) -> None:
    """A node, or an object in istio-system, would be taken over and deleted at the end."""
    wanted = [
        Entry(NODES, "", "node"),
        Entry(NODES, "", "another"),
        Entry(CONFIG_MAPS, "shared", "settings"),
        Entry(CONFIG_MAPS, "shared", "ours"),
    ]
    found = await find_conflicts(client_of(server), wanted, "ours")

    assert [str(one.entry) for one in found] == ["ConfigMap shared/settings", "Node node"]


async def test_an_account_that_may_not_look_can_run_all_the_same(server: ApiServer) -> None:
    """pilot-load needs no right to list; what is in the way shows when it is written."""

    def refuse(request: Request) -> Response | None:
        return Response(403, b"{}") if request.method == "GET" else None

    server.intercept = refuse
    client = client_of(server)

    assert await find_conflicts(client, [Entry(NODES, "", "node")], "ours") == []
    assert await read_leases(client) == []


async def test_the_lease_says_most_about_a_run(server: ApiServer) -> None:
    """An object says who began the run, but not whether it is under way."""
    client = client_of(server)
    origin = Origin("theirs", started=NOW - timedelta(hours=5), by="alice@ci")
    await client.create(LEASES.path("default"), run_lease(origin, now=NOW))
    found = await find_conflicts(
        client, [Entry(NODES, "", "node"), Entry(NAMESPACES, "", "taken")], "ours"
    )
    error = refusal(found, await read_leases(client), NOW, ways=["do this", "or that"])

    assert str(error) == (
        "Namespace taken and 1 other objects belong to run theirs, started 5h ago by alice@ci, "
        "still running; do this; `pyload cleanup --run-id theirs` removes what that run has left; "
        "or that"
    )
    assert error.exit_code == 2


def test_without_a_lease_the_object_says_what_it_can() -> None:
    """An account that may not write Leases has runs, too."""
    record = RunRecord("theirs", started=NOW - timedelta(minutes=3), by="alice@ci")
    error = refusal([Conflict(Entry(NODES, "", "node"), record)], [], NOW)

    assert str(error).startswith("Node node belongs to run theirs, started 3m ago by alice@ci; ")
