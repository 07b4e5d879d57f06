"""Fleets that show certificates: flags, CA, transports and streams together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.errors import Conflict
from pyload.harness.connection import Connection
from pyload.harness.servers import Endpoints, Servers, assemble, embedded_servers
from pyload.kube.resources import NAMESPACES, SERVICE_ACCOUNTS
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.tasks import Supervisor
from tests.embedded.controlplane.mesh import running_mesh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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


@pytest.mark.parametrize(("flag", "name"), [("auto", "embedded"), ("none", None)])
async def test_the_embedded_control_plane_shows_its_metrics(flag: str, name: str | None) -> None:
    """An embedded run would have no control plane's side, and look like one without istiod."""
    async with (
        Supervisor() as background,
        embedded_servers(Connection(istiod_metrics=flag), background, proxies=1) as servers,
        fleet_of(1, servers),
    ):
        source = servers.istiod_source
        assert (None if source is None else source.name) == name
        if source is not None:
            reading = await source.read()
            assert reading.pages["embedded"].levels["pilot_xds"] == 1


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
