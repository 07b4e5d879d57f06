"""The control plane against an API server and scripted proxies, all in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.xds.transport import Status
from pyload.xds.types import ADDRESS, CDS, EDS, LDS, RDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import (
    HTTP,
    delta,
    pod,
    proxy_node,
    service,
    sotw,
)
from tests.xds.dialogue import UNREAD_LIMIT, Dialogue

if TYPE_CHECKING:
    from tests.embedded.controlplane.mesh import RunningMesh
    from tests.embedded.controlplane.support import Script

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

_API = "outbound|443||kubernetes.default.svc.cluster.local"
_APP = "outbound|80||app.mesh.svc.cluster.local"
_TUNNELS = ["connect_originate", "inner_connect_originate", "outer_connect_originate"]
_SPECIAL = [
    "BlackHoleCluster",
    "PassthroughCluster",
    "InboundPassthroughCluster",
    "connect_originate",
]


async def _sidecar(mesh: RunningMesh, *, delta: bool, name: str = "app-1") -> Script:
    """Connect a sidecar that subscribes to everything, and has everything."""
    script = await mesh.dial(delta=delta)
    await script.fetch(CDS, node=proxy_node(name, labels={"app": "app"}))
    await script.fetch(EDS, [_APP])
    await script.fetch(LDS)
    await script.fetch(RDS, ["80"])
    return script


async def test_proxies_wait_until_the_mesh_is_known() -> None:
    """A proxy that came early would load an empty mesh, and drop all its traffic."""
    async with running_mesh(ready=False) as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        script = await mesh.dial(delta=False)
        await script.ask(sotw(CDS, node=proxy_node()))

        response = await script.get()

    assert any(_APP.encode() in resource for resource in response.resources)


@pytest.mark.parametrize("is_delta", [False, True])
async def test_a_pod_that_starts_is_pushed_as_endpoints_after_the_debounce(
    is_delta: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Push latency as users measure it: 100 ms of quiet, then EDS and nothing else."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await _sidecar(mesh, delta=is_delta, name="other-1")
        started = asyncio.get_running_loop().time()

        await mesh.add(pod("app-2", app="app", ip="10.1.0.2"))
        response = await script.accept([_APP])

        assert asyncio.get_running_loop().time() - started == pytest.approx(0.1)
        assert response.type_url == EDS
        assert b"10.1.0.2" in response.SerializeToString()
        assert mesh.plane.stats.pushes == {"cds": 1, "eds": 2, "lds": 1, "rds": 1}


async def test_many_pods_are_one_push() -> None:
    """A thousand pods that start within the debounce would be a thousand pushes otherwise."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await _sidecar(mesh, delta=True, name="other-1")
        rounds = mesh.plane.stats.rounds

        for number in range(50):
            await mesh.add(pod(f"app-{number}", app="app", ip=f"10.1.1.{number}"))
            await asyncio.sleep(0.01)
        response = await script.accept()

        assert len(response.resources) == 1
        assert b"10.1.1.49" in response.resources[0].resource
        assert mesh.plane.stats.rounds == rounds + 1


async def test_a_new_service_is_pushed_whole_and_in_order() -> None:
    """Clusters, their endpoints, then what refers to them."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await _sidecar(mesh, delta=True)

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
        script = await _sidecar(mesh, delta=True)

        await mesh.add(pod("app-1", app="web"))
        responses = [await script.accept() for _ in range(3)]

        assert [response.type_url for response in responses] == [CDS, LDS, RDS]
        assert [resource.name for resource in responses[0].resources] == [
            *_SPECIAL[:2],
            "inbound|80||",
            *_SPECIAL[2:],
        ]


async def test_a_slow_proxy_skips_pushes_and_holds_nobody_up() -> None:
    """Memory per connection stays bounded, and other proxies are told at once."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        slow = await _sidecar(mesh, delta=False, name="other-1")
        quick = await _sidecar(mesh, delta=False, name="other-2")

        for number in range(20):
            changing = {"name": "tcp", "port": 1000 + number}
            await mesh.replace(service("app", ports=[HTTP, changing]))
            for _ in range(4):
                response = await quick.get()
            assert response.type_url == RDS
        received = []
        while True:
            try:
                async with asyncio.timeout(1):
                    received.append(await slow.get())
            except TimeoutError:
                break

        assert mesh.plane.stats.rounds >= 21
        # One push unread, one being sent, and all others merged into one.
        assert len(received) == 2 * 4 + UNREAD_LIMIT
        assert b"outbound|1019||app" in b"".join(received[-4].resources)


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
                [_API, _APP, "BlackHoleCluster", "connect_originate"],
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


async def test_a_closed_stream_is_forgotten() -> None:
    """Connections that come and go for days must not add up."""
    async with running_mesh() as mesh:
        script = await _sidecar(mesh, delta=False)
        assert mesh.plane.stats.connections == 1

        await script.stream.aclose()

        assert mesh.plane.stats.connections == 0
        assert script.stream.status is not None
        assert script.stream.status.name == "CANCELLED"


async def test_a_stream_ends_with_the_reason() -> None:
    """A client must be able to tell a refusal from a restart."""
    async with running_mesh() as mesh:
        script = await mesh.dial(delta=False)
        await script.ask(sotw(CDS))

        assert await script.stream.recv() is None
        assert script.stream.status == Status(3, "INVALID_ARGUMENT", "missing node information")


async def test_shutdown_ends_all_streams() -> None:
    """No proxy may keep the program from ending, and none may wait for ever."""
    async with running_mesh() as mesh:
        idle = await _sidecar(mesh, delta=True)
        silent = await mesh.dial(delta=True)

    for script in (idle, silent):
        assert await script.stream.recv() is None
        assert script.stream.status is not None
        assert script.stream.status.name == "UNAVAILABLE"
    late = await mesh.dial(delta=False)
    await late.ask(sotw(CDS, node=proxy_node()))
    assert await late.stream.recv() is None


async def test_unknown_methods_are_refused() -> None:
    """The control plane serves aggregated streams only."""
    async with running_mesh() as mesh:
        stream = Dialogue(mesh.plane.transport(), "/other.Service/Stream")
        assert await stream.recv() is None
        assert stream.status is not None
        assert stream.status.name == "UNIMPLEMENTED"


async def test_many_proxies_share_one_push() -> None:
    """One change must reach everybody, and be generated once."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        scripts = [await _sidecar(mesh, delta=False, name=f"p-{number}") for number in range(200)]
        rounds = mesh.plane.stats.rounds

        await mesh.add(pod("app-2", app="app", ip="10.1.0.2"))
        responses = [await script.get() for script in scripts]

        assert mesh.plane.stats.rounds == rounds + 1
        assert len({response.nonce for response in responses}) == 200
        assert len({bytes(response.resources[0]) for response in responses}) == 1
