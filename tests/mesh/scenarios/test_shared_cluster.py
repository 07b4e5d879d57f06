"""Several runs in one cluster: they live side by side, or the second one does not begin (A3)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.file import load_config
from pyload.config.parse import parse_config
from pyload.errors import UsageError
from pyload.kube.resources import LEASES, NAMESPACES, NODES, SERVICE_ACCOUNTS, TELEMETRIES
from pyload.manifests.objects import RUN_LABEL, service_account
from pyload.tasks import Shutdown
from tests.mesh.conftest import open_world
from tests.mesh.meshes import AMBIENT, MESH, nothing_left, options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.harness.outcome import Outcome
    from pyload.kube.resources import Obj
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
TYPES: list[ClusterType] = ["fake", "fake-node", "real"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Servers in memory."""
    async with open_world() as opened:
        yield opened


@contextlib.asynccontextmanager
async def running(world: World, chosen: ClusterOptions) -> AsyncIterator[list[Outcome]]:
    """Run a mesh while the context lasts; its outcome is in the list afterwards."""
    shutdown = Shutdown()
    outcomes: list[Outcome] = []
    task = asyncio.create_task(world.run(replace(chosen, duration=None), shutdown), name="first")
    await asyncio.sleep(3)
    yield outcomes
    shutdown.signal()
    outcomes.append(await task)


def written(world: World) -> dict[tuple[str, str, str], Obj]:
    """Return the objects of runs."""
    return {
        (resource.kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj
        for resource, obj in world.server.store.objects()
        if RUN_LABEL in obj["metadata"].get("labels", {}) and resource.kind != "Lease"
    }


def addresses(world: World) -> list[str]:
    """Return the addresses of pods and services that runs have chosen."""
    found: list[Any] = []
    for obj in written(world).values():
        if obj["kind"] == "Pod":
            found.append(obj.get("status", {}).get("podIP"))
        elif obj["kind"] == "Service":
            found.append(obj["spec"].get("clusterIP"))
        elif obj["kind"] == "Endpoints" and not any(
            "targetRef" in address for address in obj["subsets"][0]["addresses"]
        ):
            found += [address["ip"] for address in obj["subsets"][0]["addresses"]]
    return [one for one in found if one]


def announced(world: World, namespace: str) -> set[str]:
    """Return the addresses that proxies of a namespace have announced."""
    own = f".{namespace}~{namespace}.svc"
    return {node_id.split("~")[1] for node_id in world.nodes.ids if own in node_id}


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_two_runs_of_one_config_live_side_by_side(
    world: World, cluster_type: ClusterType
) -> None:
    """Services of one address are refused, and istiod takes pods of one address for each other."""
    loaded = load_config(str(EXAMPLES / "basic.yaml"))
    shutdown = Shutdown()
    chosen = [
        ClusterOptions(loaded=loaded, cluster_type=cluster_type, name_prefix=prefix, seed=1)
        for prefix in ("", "b-")
    ]
    runs = [
        asyncio.create_task(world.run(one, shutdown), name=f"run[{index}]")
        for index, one in enumerate(chosen)
    ]
    await asyncio.sleep(20)
    found, ips = written(world), addresses(world)
    shutdown.signal()
    first, second = await asyncio.gather(*runs)

    assert (first.error, second.error) == (None, None)
    assert first.result.proxies.configured == second.result.proxies.configured == 6
    assert first.result.objects.failed == second.result.objects.failed == 0
    assert {"mesh", "b-mesh"} <= {name for kind, _, name in found if kind == "Namespace"}
    assert len(ips) == len(set(ips)) >= 8
    near = [announced(world, namespace) for namespace in ("mesh", "b-mesh")]
    assert len(near[0]) >= 6
    assert not near[0] & near[1]
    assert nothing_left(world)
    assert "b-mesh" not in world.names("Namespace")


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_a_namespace_of_another_run_is_not_taken_over(
    world: World, cluster_type: ClusterType
) -> None:
    """Two runs of one config destroyed each other, and both said that all was well (A3)."""
    async with running(world, options(cluster_type)) as outcomes:
        before = written(world)
        with pytest.raises(UsageError) as caught:
            await world.run(options(cluster_type))
        after = written(world)
        leases = [name for name in world.names("Lease") if name.startswith("pyload-")]

    text = str(caught.value)
    [first] = outcomes
    assert caught.value.exit_code == 2
    assert re.search(rf"belongs? to run {first.result.run_id}, started \ds ago by .+@", text)
    assert text.startswith("Namespace mesh ")
    assert ", still running; --name-prefix" in text
    assert f"`pyload cleanup --run-id {first.result.run_id}`" in text
    assert "--adopt" in text
    assert before.keys() == after.keys()
    assert len(leases) == 1
    assert first.error is None
    assert first.result.objects.failed == 0


async def test_what_a_dead_run_left_is_taken_over_on_request(world: World) -> None:
    """Starting again after a crash must be able to clean up what the crash left."""
    labels = {RUN_LABEL: "crashed"}
    await world.client.create(NAMESPACES.path(), {"metadata": {"name": "mesh", "labels": labels}})
    with pytest.raises(
        UsageError, match=r"Namespace mesh belongs to run crashed, started \ds ago;"
    ):
        await world.run(options())
    outcome = await world.run(replace(options(), adopt=True))

    assert outcome.error is None
    assert nothing_left(world)


async def test_nodes_and_shared_namespaces_are_not_taken_over_either(world: World) -> None:
    """A node or a mesh-wide object that goes with one run would be missing in the other."""
    text = MESH + b"istio: {telemetry: {}}\n"
    async with running(world, options(text=text)) as outcomes:
        nodes = {name for kind, _, name in written(world) if kind == "Node"}
        other = text.replace(b"name: mesh", b"name: other")
        with pytest.raises(UsageError) as shared:
            await world.run(options(text=other))
        # The same seed draws the same names of nodes.
        with pytest.raises(UsageError) as node:
            await world.run(options(text=MESH.replace(b"name: mesh", b"name: other")))
        assert {name for kind, _, name in written(world) if kind == "Node"} == nodes

    assert "2 other objects" in str(shared.value)
    assert str(node.value).startswith("Node node-")
    assert outcomes[0].error is None
    assert world.names("Telemetry") == []


async def test_the_account_of_ztunnels_is_not_another_runs(world: World) -> None:
    """With the end of the run that has made it, the ztunnels of the other got no tokens (A3)."""
    text = AMBIENT.replace(b"name: mesh", b"name: other").replace(b"name: node", b"name: side")
    shutdown = Shutdown()
    first = replace(options("fake", text=AMBIENT), duration=None)
    task = asyncio.create_task(world.run(first, shutdown, authenticated=True), name="first")
    await asyncio.sleep(3)
    second = options("fake", text=text)
    with pytest.raises(UsageError) as refused:
        await world.run(second, authenticated=True)
    prefixed = replace(second, name_prefix="b-", duration=10.0)
    other = asyncio.create_task(world.run(prefixed, authenticated=True), name="second")
    await asyncio.sleep(3)
    accounts = set(world.names("ServiceAccount"))
    shutdown.signal()
    outcomes = await asyncio.gather(task, other)

    assert str(refused.value).startswith("ServiceAccount istio-system/ztunnel belongs to run ")
    assert {"ztunnel", "b-ztunnel"} <= accounts
    assert [one.error for one in outcomes] == [None, None]
    assert [one.result.proxies.configured for one in outcomes] == [5, 5]
    assert "b-ztunnel" not in world.names("ServiceAccount")
    assert nothing_left(world)


async def test_the_account_that_a_dead_run_left_is_taken_over_on_request(world: World) -> None:
    """It would stay for ever, with the name of a run that is gone."""
    left = service_account("ztunnel", "istio-system", run_id="crashed")
    await world.client.create(SERVICE_ACCOUNTS.path("istio-system"), left)
    adopting = replace(options("fake", text=AMBIENT), adopt=True)
    outcome = await world.run(adopting, authenticated=True)

    assert outcome.error is None
    assert "ztunnel" not in world.names("ServiceAccount")


async def test_an_object_without_a_namespace_in_a_template_is_not_taken_over(world: World) -> None:
    """Which kinds have no namespace only the API server knows, and templates yield any."""
    text = b"""
namespaces:
- name: %s
  configs: [class]
templates:
  class: |
    apiVersion: gateway.networking.k8s.io/v1
    kind: GatewayClass
    metadata: {name: shared}
    spec: {controllerName: a.b/c}
"""
    async with running(world, options(text=text % b"one")) as outcomes:
        with pytest.raises(UsageError, match="GatewayClass shared belongs to run"):
            await world.run(replace(options(text=text % b"two"), seed=2))
        assert "two" not in world.names("Namespace")

    assert outcomes[0].error is None
    assert world.names("GatewayClass") == []


async def test_of_two_runs_that_begin_at_once_one_gives_way(world: World) -> None:
    """The look before the first write sees nothing of a run that has not written either."""
    first, second = await asyncio.gather(
        world.run(options()), world.run(replace(options(), seed=2)), return_exceptions=True
    )
    errors = [one if isinstance(one, BaseException) else one.error for one in (first, second)]
    refused = [one for one in errors if one is not None]

    assert len(refused) == 1
    assert isinstance(refused[0], UsageError)
    assert "belongs to run" in str(refused[0])
    assert nothing_left(world)


async def test_a_run_renews_its_lease_and_deletes_it_at_the_end(world: World) -> None:
    """A run that is under way could not be told from what a dead one has left."""
    async with running(world, options()) as outcomes:
        [name] = [name for name in world.names("Lease") if name.startswith("pyload-")]
        path = LEASES.path("default", name)
        lease = await world.client.get(path)
        await asyncio.sleep(40)
        renewed = await world.client.get(path)
        nodes = await world.client.get(NODES.path(None, world.names("Node")[0]))
        namespace = await world.client.get(NAMESPACES.path(None, "mesh"))

    run_id = outcomes[0].result.run_id
    marks = {"pyload.dev/started-at", "pyload.dev/started-by"}
    assert name == f"pyload-{run_id}"
    assert lease["metadata"]["labels"] == {RUN_LABEL: run_id}
    assert lease["spec"]["leaseDurationSeconds"] == 60
    assert "@" in lease["spec"]["holderIdentity"]
    assert renewed["spec"]["renewTime"] > lease["spec"]["renewTime"]
    assert renewed["spec"]["acquireTime"] == lease["spec"]["acquireTime"]
    assert marks <= nodes["metadata"]["annotations"].keys()
    assert marks <= namespace["metadata"]["annotations"].keys()
    assert not [one for one in world.names("Lease") if one.startswith("pyload-")]


async def test_a_pod_of_another_run_is_left_to_its_own_kubelet(world: World) -> None:
    """Both kubelets would publish an address for it, and only one is the one that it announces."""
    async with (
        running(world, options()),
        running(world, replace(options(duration=None), name_prefix="b-", seed=2)),
    ):
        await asyncio.sleep(5)
        pods = [obj for kind, obj in world.server.store.objects() if kind.kind == "Pod"]
        ips = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods}
        announced = {one.split("~")[2].split(".")[0]: one.split("~")[1] for one in world.nodes.ids}

    assert len(announced) == 8
    assert {name: ips[name] for name in announced} == announced


async def test_a_prefix_reaches_all_that_is_unique_in_a_cluster(world: World) -> None:
    """References that keep the old name would lead into the other run's namespace."""
    text = b"""
istio: {telemetry: {}}
namespaces:
- name: edge
  applications:
  - {name: gw, type: router, instances: 1, gateways: {name: main, replicas: 1}}
- name: mesh
  applications:
  - {name: web, instances: 1, istio: {virtualService: {gateways: [edge/main]}}}
nodes: [{name: node, count: 1}]
"""
    chosen = replace(options(), loaded=parse_config(text, source="f"), name_prefix="b-")
    async with running(world, chosen) as outcomes:
        found = written(world)
        [service] = [obj for (kind, _, _), obj in found.items() if kind == "VirtualService"]
        names = {(kind, name) for kind, _, name in found}

    assert {("Namespace", "b-edge"), ("Namespace", "b-mesh")} <= names
    assert ("Telemetry", "b-istio-system") in names
    assert all(name.startswith("b-node-") for kind, name in names if kind == "Node")
    assert service["spec"]["gateways"][0].startswith("b-edge/main-")
    assert outcomes[0].error is None
    assert TELEMETRIES.kind not in {kind for kind, _, _ in written(world)}
