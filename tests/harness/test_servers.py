"""Fleets that show certificates: flags, CA, transports and streams together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cleanup.command import CleanupOptions, run_cleanup
from pyload.commands.cluster.command import run_cluster
from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.latency.command import LatencyOptions, run_latency
from pyload.commands.prober.command import ProberOptions, run_prober
from pyload.commands.startup.command import StartupOptions, run_startup
from pyload.errors import ClusterUnreachable, Conflict
from pyload.harness.connection import Connection
from pyload.harness.servers import Endpoints, Servers, assemble, embedded_servers
from pyload.kube.resources import NAMESPACES, SERVICE_ACCOUNTS
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.tasks import Shutdown, Supervisor
from tests.embedded.controlplane.mesh import running_mesh
from tests.kube.kubeconfigs import a_config, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


pytestmark = pytest.mark.grpc

ACCOUNTS = ("a", "b", "c")


def specs(count: int) -> list[ProxySpec]:
    """Make sidecars of three accounts."""
    return [
        ProxySpec(
            key=f"p{number}",
            type="sidecar",
            ip=f"10.0.{number >> 8}.{number & 255}",
            name=f"p{number}",
            namespace="mesh",
            service_account=ACCOUNTS[number % 3],
        )
        for number in range(count)
    ]


class Configured(FleetEvents):
    """Waits until so many proxies are configured."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.done = asyncio.Event()

    def on_configured(self, spec: ProxySpec) -> None:
        """Count down."""
        del spec
        self.left -= 1
        if not self.left:
            self.done.set()


@contextlib.asynccontextmanager
async def fleet_of(count: int, servers: Servers) -> AsyncIterator[LocalFleet]:
    """Start proxies and wait until all are configured."""
    assert servers.client is not None
    for path, kind, name in (
        (NAMESPACES.path(), "Namespace", "mesh"),
        *((SERVICE_ACCOUNTS.path("mesh"), "ServiceAccount", name) for name in ACCOUNTS),
    ):
        # Some are there already.
        with contextlib.suppress(Conflict):
            await servers.client.create(
                path, {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
            )
    events = Configured(count)
    fleet = LocalFleet(
        servers.resolver, delta=True, metrics=Metrics(), rng=Random(1), events=events
    )
    async with fleet:
        for spec in specs(count):
            fleet.start(spec)
        async with asyncio.timeout(15):
            await events.done.wait()
        yield fleet


@pytest.mark.parametrize("transport", ["grpc", "lean"])
@pytest.mark.parametrize("auth", ["plaintext", "plaintext-jwt", "jwt", "mtls"])
async def test_every_way_to_authenticate_configures_every_proxy(auth: str, transport: str) -> None:
    """Each mode over each transport, from the flags to the config."""
    connection = Connection(auth=auth, transport=transport)
    async with (
        Supervisor() as background,
        embedded_servers(connection, background, proxies=9) as servers,
        fleet_of(9, servers) as fleet,
    ):
        assert fleet.counts.configured_now == 9
        assert fleet.metrics.snapshot().disconnects == {}


@pytest.mark.parametrize(("proxies", "open_ended"), [(9, False), (0, True)])
async def test_an_embedded_control_plane_is_ready_before_the_first_proxy(
    caplog: pytest.LogCaptureFixture,
    proxies: int,
    open_ended: bool,  # noqa: FBT001 - a parameter
) -> None:
    """The first `first config` that anybody sees was a second of imports (B13)."""
    caplog.set_level(logging.INFO, "pyload")
    async with (
        Supervisor() as background,
        embedded_servers(Connection(), background, proxies=proxies, open_ended=open_ended),
    ):
        assert any("control plane is ready" in message for message in caplog.messages)


@pytest.mark.parametrize(("per_pod", "signed"), [(False, 3), (True, 60)])
async def test_how_often_the_ca_is_asked(per_pod: bool, signed: int) -> None:  # noqa: FBT001
    """Once per account, or with --csr-per-pod once per proxy; never again for a new connection."""
    connection = Connection(auth="mtls", csr_per_pod=per_pod)
    async with running_mesh() as mesh, mesh.plane.serve(tls_port=0) as addresses:
        endpoints = Endpoints(mesh.client, addresses.mtls, "mtls", addresses.root)
        connection = replace(connection, ca_address=addresses.tls)
        async with assemble(connection, endpoints, proxies=60) as servers:
            for _ in range(2):
                async with fleet_of(60, servers):
                    pass
        assert mesh.plane.authority is not None
        assert mesh.plane.authority.signed == signed
        assert mesh.plane.stats.accepted == 120


@pytest.mark.socket
@pytest.mark.anyio
@pytest.mark.parametrize("command", ["cluster", "latency", "prober", "startup", "cleanup"])
async def test_the_first_line_of_a_run_that_writes_names_the_cluster(
    command: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A load test of the wrong cluster was noticed by its users (A4)."""
    caplog.set_level(logging.INFO, logger="pyload")
    closed = "http://127.0.0.1:1"
    clusters = [{"name": "c", "cluster": {"server": closed}}]
    path = write(tmp_path / "kubeconfig", a_config(clusters=clusters))
    connection = Connection(kubeconfig=str(path), as_user="jane")
    runs = {
        "cluster": lambda: run_cluster(ClusterOptions(connection=connection)),
        "latency": lambda: run_latency(LatencyOptions(connection=connection)),
        "prober": lambda: run_prober(ProberOptions(connection=connection), write=print),
        "startup": lambda: run_startup(
            StartupOptions(connection=connection, pod={}, namespace="default")
        ),
        "cleanup": lambda: run_cleanup(
            CleanupOptions(connection=connection, everything=True), shutdown=Shutdown()
        ),
    }

    with pytest.raises(ClusterUnreachable):
        await runs[command]()

    first = caplog.records[0].getMessage()
    assert first == f"context here, server {closed}, user u, impersonating jane"
