"""The versions in which a mesh's objects are written, by what the API server serves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pyload.kube.transport import Response
from tests.mesh.meshes import EVERYTHING, nothing_left, options

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio


async def test_istio_objects_come_in_the_best_version_that_is_served(world: World) -> None:
    """Older control planes do not know `v1`; newer ones will not know `v1beta1`."""
    hidden = {"networking.istio.io/v1", "security.istio.io/v1"}

    def older(request: Request) -> Response | None:
        group = request.path.removeprefix("/apis/")
        if any(group.startswith(f"{one}/") or group == one for one in hidden):
            return Response(404, b"{}")
        if group in ("networking.istio.io", "security.istio.io"):
            version = {"groupVersion": f"{group}/v1beta1", "version": "v1beta1"}
            third = {"groupVersion": f"{group}/v1alpha3", "version": "v1alpha3"}
            versions = [version, *([third] if group.startswith("net") else [])]
            return Response(200, json.dumps({"kind": "APIGroup", "versions": versions}).encode())
        return None

    world.server.intercept = older
    outcome = await world.run(options(text=EVERYTHING))
    written = {
        request.path.rsplit("/", 1)[-1]: request.path.split("/")[3]
        for request in world.recorder.requests
        if request.verb == "create" and "istio.io" in request.path
    }

    assert outcome.error is None
    assert written["virtualservices"] == written["peerauthentications"] == "v1beta1"
    assert (written["envoyfilters"], written["telemetries"]) == ("v1alpha3", "v1")
    assert nothing_left(world)


async def test_a_kind_that_is_not_served_is_said_before_anything_is_made(world: World) -> None:
    """Half of the mesh would be there before the user learns that Istio is not installed."""

    def bare(request: Request) -> Response | None:
        return Response(404, b"{}") if "istio.io" in request.path else None

    world.server.intercept = bare
    outcome = await world.run(options(text=EVERYTHING))

    assert "the cluster does not serve " in str(outcome.error)
    assert ".istio.io" in str(outcome.error)
    assert outcome.result.objects.created == 0


async def test_an_account_that_may_not_discover_uses_the_newest_versions(world: World) -> None:
    """A narrow role is no reason not to run."""

    def refuse(request: Request) -> Response | None:
        parts = request.path.strip("/").split("/")
        return Response(403, b"{}") if parts[0] == "apis" and len(parts) <= 3 else None

    world.server.intercept = refuse
    outcome = await world.run(options(text=EVERYTHING))

    assert outcome.error is None
    assert nothing_left(world)
