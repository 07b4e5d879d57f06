"""The pods of a cluster are followed, counted, waited for and listed."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import WaitTimeout
from pyload.harness.follow_options import FollowOptions, WaitCondition
from pyload.harness.following import Following
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
    cluster: Cluster, *, address: str = "", any_pod: bool = False, **options: Any
) -> AsyncIterator[tuple[Following, Recording]]:
    """Follow a cluster while the context is open."""
    following = Following(
        cluster.client,
        FollowOptions(**options),
        address=address,
        rng=Random(1),
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


def connected(count: int) -> Any:
    """Return a fleet of which so many proxies are connected."""
    return SimpleNamespace(counts=SimpleNamespace(connected_now=count))


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


async def test_a_wait_ends_when_all_are_connected(cluster: Cluster) -> None:
    """A pipeline would go on before the mesh is there, or never."""
    async with follow(cluster, wait=WaitCondition(None, 10.0)) as (following, _):
        await following.wait(connected(1), at_least=1)
        with pytest.raises(WaitTimeout, match="0 of 1 connected"):
            await following.wait(connected(0), at_least=1)
        # The run's own mesh is still to come.
        with pytest.raises(WaitTimeout, match="1 of 3 connected"):
            await following.wait(connected(1), at_least=3)


async def test_a_wait_that_fails_says_what_pods_lack(cluster: Cluster) -> None:
    """The user would look for the fault in the control plane."""
    cluster.put(pod("c", ip=""))
    async with follow(cluster, wait=WaitCondition(None, 10.0)) as (following, _):
        with pytest.raises(WaitTimeout, match="1 of 1 connected, 1 waiting: no pod IP"):
            await following.wait(connected(1), at_least=1)


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
