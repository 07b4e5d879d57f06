"""Commands in a cluster in which another run is under way (A3)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.latency.command import LatencyOptions, run_latency
from pyload.commands.prober.command import ProberOptions, run_prober
from pyload.commands.reproduce.command import ReproduceOptions, run_reproduce
from pyload.commands.startup.command import StartupOptions, run_startup
from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import UsageError
from pyload.harness.connection import Connection
from pyload.kube.client import Client
from pyload.kube.resources import NAMESPACES, SERVICE_ENTRIES
from pyload.manifests.objects import RUN_LABEL
from tests.commands.kubeconfigs import kubeconfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

THEIRS = {RUN_LABEL: "theirs"}
CAPTURE = """
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: mesh}}
"""


@contextlib.asynccontextmanager
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[ApiServer, Connection]]:
    """Serve an API server with objects of another run, and something that listens as istiod."""
    server = ApiServer()
    client = Client(server.transport())
    for name in ("mesh", "gateway-test"):
        await client.create(NAMESPACES.path(), {"metadata": {"name": name, "labels": THEIRS}})
    entry: dict[str, Any] = {"metadata": {"name": "cfg-0", "labels": THEIRS}, "spec": {}}
    await client.create(SERVICE_ENTRIES.path("default"), entry)
    silent = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    address = "{}:{}".format(*silent.sockets[0].getsockname())
    async with server.serve() as url, silent:
        yield (
            server,
            Connection(
                kubeconfig=kubeconfig(tmp_path, url),
                pilot_address=address,
                auth="plaintext",
                metrics_addr="",
            ),
        )


async def refused(server: ApiServer, run: Any) -> str:
    """Return the error of a command that must not write anything."""
    before = [(kind, obj["metadata"]["name"]) for kind, obj in server.objects()]
    with pytest.raises(UsageError) as caught:
        await run
    assert [(kind, obj["metadata"]["name"]) for kind, obj in server.objects()] == before
    return str(caught.value)


async def test_commands_with_fixed_names_do_not_begin(tmp_path: Path) -> None:
    """Two at once would measure each other's objects, and the first to end delete them."""
    (tmp_path / "capture.yaml").write_text(CAPTURE)
    async with cluster(tmp_path) as (server, connection):
        prober = ProberOptions(gateway="127.0.0.1:1", connection=connection)
        capture = str(tmp_path / "capture.yaml")
        reproduce = ReproduceOptions(file=capture, config_only=True, connection=connection)
        latency = LatencyOptions(count=1, connection=connection)
        errors = [
            await refused(server, run_prober(prober, write=lambda _: None)),
            await refused(server, run_reproduce(reproduce)),
            await refused(server, run_latency(latency)),
        ]

    assert [error.partition(", started")[0] for error in errors] == [
        "Namespace gateway-test belongs to run theirs",
        "Namespace mesh belongs to run theirs",
        "ServiceEntry default/cfg-0 belongs to run theirs",
    ]
    # What these commands do not have is no way out.
    assert not [error for error in errors if "--adopt" in error or "--name-prefix" in error]
    assert all("`pyload cleanup --run-id theirs`" in error for error in errors)


async def test_startup_in_a_namespace_of_another_run_warns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The pods vanish when that run ends, and the measurement looks as if they had failed."""
    pod = {"spec": {"containers": [{"name": "app", "image": "a"}]}}
    async with cluster(tmp_path) as (_, connection):
        options = StartupOptions(pod=pod, namespace="mesh", duration=0.2, connection=connection)
        await run_startup(options)

    assert "Namespace mesh goes when run theirs ends" in caplog.messages
