"""The control plane against an API server and scripted proxies, all in memory."""

from __future__ import annotations

import asyncio

import pytest

from pyload.xds.types import ADDRESS, CDS, LDS, RDS
from tests.embedded.controlplane.mesh import APP, running_mesh
from tests.embedded.controlplane.support import (
    HTTP,
    delta,
    pod,
    proxy_node,
    service,
    sotw,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

_API = "outbound|443||kubernetes.default.svc.cluster.local"
_TUNNELS = ["connect_originate", "inner_connect_originate", "outer_connect_originate"]
_SPECIAL = [
    "BlackHoleCluster",
    "PassthroughCluster",
    "InboundPassthroughCluster",
    "connect_originate",
]


async def test_proxies_wait_until_the_mesh_is_known() -> None:
    """A proxy that came early would load an empty mesh, and drop all its traffic."""
    async with running_mesh(ready=False) as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        script = await mesh.dial(delta=False)
        await script.ask(sotw(CDS, node=proxy_node()))

        response = await script.get()

    assert any(APP.encode() in resource for resource in response.resources)


async def test_a_new_service_is_pushed_whole_and_in_order() -> None:
    """Clusters, their endpoints, then what refers to them."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await mesh.sidecar(delta=True)

        await mesh.add(service("web", ip="10.0.0.2", ports=[HTTP]))
        responses = [await script.accept() for _ in range(3)]

        assert [response.type_url for response in responses] == [CDS, LDS, RDS]
        web = "outbound|80||web.mesh.svc.cluster.local"
        assert [resource.name for resource in responses[0].resources] == [
            web,
            *_SPECIAL[:2],
            "inbound|80||",
            *_SPECIAL[2:],
        ]


async def test_a_proxy_is_told_when_its_own_pod_changes_sides() -> None:
    """A pod's labels decide which services its sidecar listens for."""
    async with running_mesh() as mesh:
        await mesh.add(service("web", ip="10.0.0.2", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await mesh.sidecar(delta=True)

        await mesh.add(pod("app-1", app="web"))
        responses = [await script.accept() for _ in range(3)]

        assert [response.type_url for response in responses] == [CDS, LDS, RDS]
        assert [resource.name for resource in responses[0].resources] == [
            *_SPECIAL[:2],
            "inbound|80||",
            *_SPECIAL[2:],
        ]


async def test_refusals_are_counted() -> None:
    """A test of pyload that breaks configuration shows here."""
    async with running_mesh() as mesh:
        script = await mesh.dial(delta=True)
        await script.ask(delta(CDS, node=proxy_node()))
        response = await script.get()
        await script.ask(delta(CDS, nonce=response.nonce, error="broken"))
        await asyncio.sleep(1)

        assert mesh.plane.stats.nacks == {"cds": 1}
        assert mesh.plane.stats.connections == 1


@pytest.mark.parametrize("node_type", ["router", "waypoint", "ztunnel"])
async def test_other_kinds_of_proxies_are_answered(node_type: str) -> None:
    """A gateway that hangs would keep a run from ever being complete."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await mesh.dial(delta=True)
        node = proxy_node(type_=node_type)

        if node_type == "ztunnel":
            answers = [await script.fetch(ADDRESS, node=node)]
        else:
            answers = [await script.fetch(CDS, node=node), await script.fetch(LDS)]

        names = [[resource.name for resource in answer.resources] for answer in answers]
        expected = {
            "router": [
                [_API, APP, "BlackHoleCluster", "connect_originate"],
                ["connect_originate"],
            ],
            "waypoint": [
                ["main_internal", "encap", *_TUNNELS],
                ["connect_terminate", "main_internal", *_TUNNELS],
            ],
            "ztunnel": [
                [
                    "default/kubernetes.default.svc.cluster.local",
                    "mesh/app.mesh.svc.cluster.local",
                ]
            ],
        }
        assert names == expected[node_type]
