"""The pods of a cluster are followed, counted, waited for and listed."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.harness.follow_options import FollowOptions
from pyload.harness.following import Following
from pyload.proxies.late import Late
from tests.pods.cluster import Cluster, node
from tests.pods.fleets import Recording
from tests.pods.injected import plain_pod, pod

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@pytest.fixture
def cluster() -> Cluster:
    """A cluster with a kwok node, a mesh pod and another."""
    cluster = Cluster()
    cluster.put(node("kwok-0"), pod("a", ip="10.0.0.1"), plain_pod("b", ip="10.0.0.2"))
    return cluster


@contextlib.asynccontextmanager
async def follow(
    cluster: Cluster,
    *,
    address: str = "",
    any_pod: bool = False,
    expected: int = 0,
    **options: Any,
) -> AsyncIterator[tuple[Following, Recording]]:
    """Follow a cluster while the context is open."""
    following = Following(
        cluster.client,
        FollowOptions(**options),
        address=address,
        rng=Random(1),
        expected=expected,
        any_pod=any_pod,
    )
    fleet = Recording()
    following.attach(fleet)
    task = asyncio.create_task(following.run(), name="following")
    try:
        await following.follower.synced.wait()
        await asyncio.sleep(0.01)
        yield following, fleet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_proxies_are_those_of_the_mesh_at_the_given_address(cluster: Cluster) -> None:
    """All would connect to the addresses that pods name, which exist only in the cluster."""
    async with follow(cluster, pod_selector="") as (_, fleet):
        assert fleet.names() == {"a"}
        assert fleet.ever["a"].address == "istiod.istio-system.svc:15012"
    addresses = {"istiod.istio-system.svc:15012": "localhost:1"}
    async with follow(cluster, addresses=addresses) as (_, fleet):
        assert fleet.ever["a"].address == "localhost:1"
    async with follow(cluster, address="here:2", addresses=addresses) as (_, fleet):
        assert fleet.ever["a"].address == "here:2"


async def test_any_pod_is_followed_on_any_node(cluster: Cluster) -> None:
    """`impersonate` is also for clusters without kwok, and for pods without a sidecar."""
    cluster.put(node("real-0", fake=False), pod("c", ip="10.0.0.3", node="real-0"))
    async with follow(cluster, any_pod=True, pod_selector="") as (following, fleet):
        assert fleet.names() == {"a", "b", "c"}
        assert (following.counts().nodes, following.counts().pods) == (None, 3)


async def test_the_result_has_the_pods_with_their_times(cluster: Cluster) -> None:
    """The result would lack the figure that users of a mesh feel."""
    async with follow(cluster, pod_selector="") as (following, fleet):
        cluster.put(pod("new", ip="10.0.0.9"))
        await asyncio.sleep(2)
        following.on_configured(fleet.ever["new"])
        counts = following.counts()

    assert (counts.nodes, counts.pods, counts.running, counts.queued) == (1, 3, 2, 0)
    assert counts.skipped == {"not a mesh proxy": 1}
    assert counts.from_ip.count == counts.from_ready.count == 1
    assert counts.from_ip.max == pytest.approx(2, abs=0.02)


async def test_a_start_up_waits_for_pods_that_have_not_come(cluster: Cluster) -> None:
    """A pipeline would go on before the mesh is there, as no pod of it has been seen."""
    async with follow(cluster) as (following, _):
        assert following.missing(with_pods=True) == ""
    async with follow(cluster, expected=3) as (following, _):
        assert following.missing(with_pods=True) == "1 of 3 pods have come"


async def test_a_start_up_says_what_pods_lack(cluster: Cluster) -> None:
    """The user would look for the fault in the control plane."""
    cluster.put(pod("c", ip=""))
    async with follow(cluster) as (following, _):
        assert following.missing(with_pods=True) == "1 pods wait: no pod IP"
        assert following.missing(with_pods=False) == ""
        assert list(following.late()) == [Late("mesh/c", "no pod IP")]


async def test_a_start_up_waits_for_lists_that_have_not_succeeded(cluster: Cluster) -> None:
    """A cluster whose nodes cannot be listed would pass for one without pods (R1)."""
    following = Following(cluster.client, FollowOptions(), address="", rng=Random(1))
    following.attach(Recording())

    assert following.missing(with_pods=True) == "pods have not been listed"


async def test_a_dry_run_lists_all_pods_and_starts_none(cluster: Cluster) -> None:
    """A look at what would happen would put load on the control plane."""
    cluster.put(pod("c", ip=""))
    async with follow(cluster, dry_run=True) as (following, fleet):
        await following.list_pods()

    assert fleet.did("start") == []
    assert [line.split(None, 2) for line in following.listing.splitlines()] == [
        ["run", "mesh/a", "sidecar 10.0.0.1 istiod.istio-system.svc:15012"],
        ["skip", "mesh/b", "not a mesh proxy"],
        ["wait", "mesh/c", "no pod IP"],
    ]
