"""What `pyload cluster --dry-run` promises is what a run then does."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.parse import parse_config
from pyload.manifests.ips import IpAllocator
from pyload.mesh.names import Names
from pyload.mesh.planner import plan_cluster
from pyload.mesh.preview import NAMESPACES_SHOWN, preview, text_of
from tests.commands.cleanup.test_command import MESH

if TYPE_CHECKING:
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.preview import Preview
    from tests.mesh.conftest import World


def previewed(
    text: bytes, cluster_type: ClusterType = "fake-node", *, authenticated: bool = False
) -> Preview:
    """Preview a config."""
    config = parse_config(text, source="mesh.yaml").config
    ips = IpAllocator()
    plan = plan_cluster(config, cluster_type, names=Names(Random(1)), next_ip=ips.allocate)
    return preview(plan, authenticated=authenticated)


@pytest.mark.anyio
@pytest.mark.parametrize("authenticated", [False, True])
@pytest.mark.parametrize("cluster_type", ["fake-node", "fake", "real"])
async def test_the_preview_counts_what_the_run_creates(
    world: World, cluster_type: ClusterType, *, authenticated: bool
) -> None:
    """Somebody who looks before a big run would be told a wrong number."""
    found = previewed(MESH, cluster_type, authenticated=authenticated)
    options = ClusterOptions(
        loaded=parse_config(MESH, source="mesh.yaml"),
        cluster_type=cluster_type,
        duration=1.0,
        seed=1,
    )
    outcome = await world.run(options, authenticated=authenticated)
    objects = outcome.result.objects

    # The namespace's own account may be there before the run writes it.
    assert objects.created + objects.updated == found.objects
    assert outcome.result.proxies.wanted == sum(found.proxies.values())
    asked = [one for one in world.recorder.requests if one.verb != "watch"]
    # Beside those: looking for versions, leases and the ends of namespaces.
    assert len(asked) == pytest.approx(found.create + found.remove, rel=0.35)


@pytest.mark.anyio
@pytest.mark.parametrize("cluster_type", ["fake-node", "fake", "real"])
async def test_the_preview_counts_what_the_run_asks_for(
    world: World, cluster_type: ClusterType
) -> None:
    """With a small --qps the run would take half as long again as it was said to, or less."""
    text = (
        b"namespaces: [{name: mesh, configs: [sidecar], applications: [{name: a, replicas: 20, "
        b"pods: 1, configs: [tls-secret, virtualservice]}]}]"
    )
    found = previewed(text, cluster_type)
    options = ClusterOptions(
        loaded=parse_config(text, source="mesh.yaml"),
        cluster_type=cluster_type,
        duration=1.0,
        seed=1,
    )
    await world.run(options)
    asked = [
        one
        for one in world.recorder.requests
        # Looking for versions, and the kubelet's list of pods, do not grow with the mesh.
        if one.verb not in ("watch", "list") and one.path.count("/") > 3
    ]
    ends = 3 if cluster_type == "fake" else 5

    assert abs(len(asked) - found.create - found.remove) <= ends


def test_the_text_fits_a_terminal_and_sums_many_namespaces_up() -> None:
    """A mesh of five hundred namespaces would scroll the figures away."""
    found = previewed(
        b"nodes: [{name: n, count: 10}]\nnamespaces: [{name: mesh, replicas: 500, "
        b"istio: {default: true}, applications: [{name: a, instances: 2, istio: {default: true}}]}]"
    )
    text = text_of(found, qps=100.0, problems=())
    lines = text.splitlines()

    assert lines[0] == (
        f"would create {found.objects:,} objects in 500 namespaces, and run 1,000 proxies; "
        "nothing was touched"
    )
    assert max(map(len, lines)) <= 100
    assert f"({500 - NAMESPACES_SHOWN} more)" in text
    assert "sidecar 1,000" in text
    assert "10s to 40s" in text
    assert "limits     none of this machine's will bite" in text


def test_problems_and_pauses_are_told() -> None:
    """A run would stand still for minutes, or break, without a warning."""
    found = previewed(b"gracePeriod: 5s\nnamespaces: [{name: mesh, replicas: 3}]\nnodes: [{}]\n")
    text = text_of(found, qps=1.0, problems=["too few files"])

    assert "pauses     15s" in text
    assert "limits     too few files" in text
