"""From watch events to rounds of pushes."""

from __future__ import annotations

import asyncio

import pytest

from pyload.xds.types import EDS
from tests.embedded.controlplane.mesh import APP, running_mesh
from tests.embedded.controlplane.support import (
    HTTP,
    pod,
    service,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@pytest.mark.parametrize("is_delta", [False, True])
async def test_a_pod_that_starts_is_pushed_as_endpoints_after_the_debounce(
    is_delta: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Push latency as users measure it: 100 ms of quiet, then EDS and nothing else."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await mesh.sidecar(delta=is_delta, name="other-1")
        started = asyncio.get_running_loop().time()

        await mesh.add(pod("app-2", app="app", ip="10.1.0.2"))
        response = await script.accept([APP])

        assert asyncio.get_running_loop().time() - started == pytest.approx(0.1)
        assert response.type_url == EDS
        assert b"10.1.0.2" in response.SerializeToString()
        assert mesh.plane.stats.pushes == {"cds": 1, "eds": 2, "lds": 1, "rds": 1}


async def test_many_pods_are_one_push() -> None:
    """A thousand pods that start within the debounce would be a thousand pushes otherwise."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        script = await mesh.sidecar(delta=True, name="other-1")
        rounds = mesh.plane.stats.rounds

        for number in range(50):
            await mesh.add(pod(f"app-{number}", app="app", ip=f"10.1.1.{number}"))
            await asyncio.sleep(0.01)
        response = await script.accept()

        assert len(response.resources) == 1
        assert b"10.1.1.49" in response.resources[0].resource
        assert mesh.plane.stats.rounds == rounds + 1


async def test_many_proxies_share_one_push() -> None:
    """One change must reach everybody, and be generated once."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        scripts = [await mesh.sidecar(delta=False, name=f"p-{number}") for number in range(200)]
        rounds = mesh.plane.stats.rounds

        await mesh.add(pod("app-2", app="app", ip="10.1.0.2"))
        responses = [await script.get() for script in scripts]

        assert mesh.plane.stats.rounds == rounds + 1
        assert len({response.nonce for response in responses}) == 200
        assert len({bytes(response.resources[0]) for response in responses}) == 1
