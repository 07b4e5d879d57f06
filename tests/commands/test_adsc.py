"""xDS connections that belong to no pod."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING

import pytest

from pyload.commands.adsc import AdscOptions, run_adsc
from pyload.config.parse import default_config
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import ControlPlaneUnreachable, Interrupted, ThresholdFailed, UsageError
from pyload.harness.connection import Connection
from pyload.harness.ladder_options import LadderOptions
from pyload.kube.client import Client
from pyload.kube.resources import SERVICES
from pyload.report.thresholds import parse_thresholds
from pyload.tasks import Shutdown, Supervisor
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import NoReturn

pytestmark = pytest.mark.grpc


@contextlib.asynccontextmanager
async def control_plane(
    server: ApiServer | None = None, *, work: float = 0.0
) -> AsyncIterator[tuple[ControlPlane, str]]:
    """Serve a control plane, without a mesh, or to which each push costs some work."""
    plane = ControlPlane(Client((server or ApiServer()).transport()), work=work)
    async with Supervisor() as background, plane.serve() as addresses:
        background.spawn(plane.run(), name="control-plane")
        await plane.ready.wait()
        yield plane, addresses.plaintext


@pytest.mark.parametrize("delta", [True, False])
async def test_each_connection_gets_its_config(tmp_path: Path, delta: bool) -> None:  # noqa: FBT001
    """`adsc --count N` is the quickest way to load an istiod that knows no pods."""
    out = tmp_path / "r.json"
    async with control_plane() as (plane, address):
        options = AdscOptions(
            count=5,
            delay=0.001,
            duration=1.0,
            out=out,
            connection=Connection(
                pilot_address=address, auth="plaintext", delta=delta, metadata={"A": "b"}
            ),
        )
        outcome = await run_adsc(options)
        assert plane.stats.accepted == 5

    assert outcome.error is None
    assert outcome.result.proxies.configured == outcome.result.proxies.wanted == 5
    assert problems_of(outcome.result) == []
    assert json.loads(out.read_text())["pushes"]["cds"] >= 5


async def test_a_ladder_finds_the_limit_of_a_control_plane() -> None:
    """How many connections an istiod serves is the first thing that its operator asks."""
    server = ApiServer()

    async def change() -> NoReturn:
        client = Client(server.transport())
        for number in itertools.count():
            service = {"metadata": {"name": f"s{number}"}, "spec": {"ports": [{"port": 80}]}}
            await client.create(SERVICES.path("default"), service)
            await asyncio.sleep(2.0)
        raise AssertionError("it never ends")

    async with control_plane(server, work=0.02) as (_, address), Supervisor() as background:
        background.spawn(change(), name="changes")
        options = AdscOptions(
            delay=0.001,
            ladder=LadderOptions((2, 60, 100), 4.0),
            thresholds=parse_thresholds(["spread.last.max < 800ms"]),
            connection=Connection(pilot_address=address, auth="plaintext"),
        )
        outcome = await run_adsc(options)
    last = outcome.result.to_text().splitlines()[-1]

    assert isinstance(outcome.error, ThresholdFailed)
    assert last.startswith("2 proxies hold spread.last.max < 800ms; 60 do not (")
    assert "limited by" in last


async def test_a_ladder_has_no_count_of_its_own() -> None:
    """One of the two would be ignored."""
    with pytest.raises(UsageError, match="--count does not go with --steps"):
        AdscOptions(count=5, ladder=LadderOptions((1, 2)))


@pytest.mark.process
async def test_stopping_while_connections_are_still_being_opened_ends_at_once() -> None:
    """pilot-load hangs for ever when it is interrupted before all connections were started."""
    shutdown = Shutdown()
    async with control_plane() as (_, address):
        connection = Connection(pilot_address=address, auth="plaintext")
        options = AdscOptions(count=1_000, delay=10.0, connection=connection)
        run = asyncio.create_task(run_adsc(options, shutdown=shutdown), name="adsc")
        await asyncio.sleep(0.1)
        shutdown.signal()
        async with asyncio.timeout(5):
            outcome = await run

    assert outcome.result.proxies.wanted == 1
    assert isinstance(outcome.error, Interrupted)
    assert outcome.result.exit_reason == "interrupted during start-up"


async def test_without_a_control_plane_nothing_starts() -> None:
    """One sentence and exit code 3, instead of retrying in silence."""
    options = AdscOptions(connection=Connection(pilot_address="127.0.0.1:1", auth="plaintext"))
    with pytest.raises(ControlPlaneUnreachable, match=r"127\.0\.0\.1:1"):
        await run_adsc(options)


async def test_embedded_servers_have_a_mesh_to_load() -> None:
    """The errors of adsc said "or try --embedded", which it did not have (B12)."""
    connection = Connection(metrics_addr="")
    options = AdscOptions(count=2, duration=0.5, embedded=True, connection=connection)
    outcome = await run_adsc(options)

    assert outcome.error is None
    assert outcome.result.proxies.configured == 2
    # Of an empty API server there would be no endpoints.
    assert outcome.result.pushes["eds"] >= 2


async def test_a_config_without_embedded_servers_is_a_mistake() -> None:
    """It would be ignored, as adsc builds no mesh in a cluster."""
    loaded = default_config()
    with pytest.raises(UsageError, match="-c builds a mesh in the embedded API server only"):
        await run_adsc(AdscOptions(loaded=loaded))


async def test_no_connections_are_a_usage_error() -> None:
    """A script that had counted wrong measured one connection, or none (A7)."""
    with pytest.raises(UsageError, match="--count 0 opens no connection; give 1 or more"):
        AdscOptions(count=0)


async def test_for_pilot_load_no_connections_are_one() -> None:
    """That tool opens one, and its scripts may rely on it."""
    assert AdscOptions(count=0, as_pilot_load=True).proxies == 1
