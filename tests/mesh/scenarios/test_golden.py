"""The requests of a run, held to those that pilot-load made of a real API server.

Numbers refer to the list of differences in docs/compatibility.md.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.file import load_config
from tests.mesh.recording import Recorded, bodies, counted, read

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.golden]

TYPES: list[ClusterType] = ["fake-node", "fake", "real"]


async def record(world: World, golden: Path, cluster_type: ClusterType) -> list[Recorded]:
    """Run the recorded config as long as pilot-load ran it."""
    options = ClusterOptions(
        loaded=load_config(str(golden / "kube" / "classic-basic.yaml")),
        cluster_type=cluster_type,
        duration=12.0,
        seed=3,  # with a refresh in the middle, and none just before the end
    )
    outcome = await world.run(options)
    assert outcome.error is None
    return [one for one in world.requests if "/endpointslices" not in one.path]  # 10


def start(requests: list[Recorded]) -> list[Recorded]:
    """Everything before the first refresh."""
    return [request for request in requests if request.time < 1.0]


def end(requests: list[Recorded]) -> list[Recorded]:
    """Everything from the last pause on: cleanup comes all at once, at the end."""
    gaps = [
        index
        for index in range(1, len(requests))
        if requests[index].time - requests[index - 1].time > 0.3
    ]
    return requests[gaps[-1] :]


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_the_start_makes_the_recorded_requests(
    world: World, golden: Path, cluster_type: ClusterType
) -> None:
    """Controllers and istiod would see another mesh if a request were missing or extra."""
    ours = counted(start(await record(world, golden, cluster_type)))
    theirs = counted(start(read(golden / "kube" / f"classic-basic.{cluster_type}.requests.jsonl")))

    assert ours == theirs


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_bodies_are_the_recorded_ones(
    world: World, golden: Path, cluster_type: ClusterType
) -> None:
    """A field that is missing or differs changes what istiod makes of the object."""
    ours = bodies(await record(world, golden, cluster_type))
    theirs = bodies(read(golden / "kube" / f"classic-basic.{cluster_type}.requests.jsonl"))
    if cluster_type != "fake":
        del theirs["update", "/api/v1/namespaces/mesh/finalize"]  # 5

    assert ours == theirs


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_a_refresh_makes_the_recorded_requests(
    world: World, golden: Path, cluster_type: ClusterType
) -> None:
    """The new pod must be there before the old one goes, and endpoints follow in between."""

    def kinds(requests: list[Recorded]) -> set[tuple[str, str]]:
        during = [one for one in requests if one.time >= 1.0 and one not in end(requests)]
        leases = [one for one in during if "leases" in one.path]
        return {(one.verb, one.path) for one in during if one not in leases and one.code < 400}

    ours = await record(world, golden, cluster_type)
    theirs = read(golden / "kube" / f"classic-basic.{cluster_type}.requests.jsonl")

    assert kinds(ours) == kinds(theirs)


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_cleanup_deletes_what_pilot_load_deletes(
    world: World, golden: Path, cluster_type: ClusterType
) -> None:
    """An object that is not deleted stays in the user's cluster."""
    ours = counted(end(await record(world, golden, cluster_type)))
    theirs = counted(end(read(golden / "kube" / f"classic-basic.{cluster_type}.requests.jsonl")))
    if cluster_type != "fake":
        for key in list(theirs):  # 5
            if key[1].endswith("/finalize") or "/configmaps/" in key[1]:
                del theirs[key]
    ours = Counter({key: n for key, n in ours.items() if key[0] not in ("get", "list")})  # 7
    # The recording's cluster had an istiod, which made this one.
    certificate = ("delete", "/api/v1/namespaces/mesh/configmaps/istio-ca-root-cert")
    theirs[*certificate, 404] = theirs.pop((*certificate, 200), 0)
    if cluster_type == "fake":
        # Later istiods make this one too, and it would outlive a finalized namespace.
        theirs["delete", "/api/v1/namespaces/mesh/configmaps/istio-ca-crl", 404] = 1

    assert ours == +theirs
    assert world.names("Node") == []
    assert "mesh" not in world.names("Namespace")


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_what_comes_before_the_recorded_requests_is_little(
    world: World, golden: Path, cluster_type: ClusterType
) -> None:
    """A look at each object of a big mesh would double the time of its start."""
    await record(world, golden, cluster_type)
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    lease = f"{leases}/pyload-*"
    path = "/api/v1/namespaces/mesh"
    looks = [("get", path, 404)]  # 26
    if cluster_type != "real":
        looks.append(("list", "/api/v1/nodes", 200))
    after = [one for one in world.recorder.requests[len(world.claim) :] if leases in one.path]

    def keys(requests: list[Recorded]) -> list[tuple[str, str, int]]:
        paths = [re.sub("pyload-[a-z]{8}", "pyload-*", one.path) for one in requests]
        return [(one.verb, path, one.code) for one, path in zip(requests, paths, strict=True)]

    assert keys(world.claim) == [  # 27
        *looks,
        ("list", leases, 200),
        ("get", lease, 404),
        ("create", leases, 201),
        ("list", leases, 200),
    ]
    assert keys(after) == [("delete", lease, 200)]
