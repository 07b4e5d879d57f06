"""Every example of the documentation runs, on in-memory servers and at a smaller size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.startup.pod_spec import read_pod_spec
from pyload.config.file import load_config
from pyload.config.model import Jitter
from pyload.embedded.stack import start_kwok
from pyload.tasks import Supervisor
from pyload.units import Duration
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.config.model import Namespace
    from pyload.config.parse import Loaded
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
PODS = sorted((ROOT / "docs" / "examples" / "startup").glob("*.yaml"))

MOST = 2
HALF_A_SECOND = Duration(500_000_000)


def small(loaded: Loaded) -> Loaded:
    """Return a config with at most two of everything, and with all of its churn at a quick pace."""

    def fewer(namespace: Namespace) -> Namespace:
        applications = tuple(
            replace(one, replicas=min(one.replicas, MOST), pods=min(one.pods, MOST))
            for one in namespace.applications
        )
        return replace(namespace, replicas=min(namespace.replicas, MOST), applications=applications)

    config = loaded.config
    jitter = Jitter(
        *(
            min(span, HALF_A_SECOND)
            for span in (config.jitter.workloads, config.jitter.config, config.jitter.secrets)
        )
    )
    nodes = tuple(replace(group, count=min(group.count, MOST)) for group in config.nodes)
    namespaces = tuple(fewer(namespace) for namespace in config.namespaces)
    smaller = replace(config, jitter=jitter, nodes=nodes, namespaces=namespaces)
    return replace(loaded, config=smaller)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
async def test_every_example_runs(world: World, path: Path) -> None:
    """People start from an example; one that does not run is worse than none."""
    kwok = path.name.startswith("kwok-")
    options = ClusterOptions(
        loaded=small(load_config(str(path))),
        cluster_type="kwok" if kwok else "fake-node",
        duration=4.0,
        seed=1,
    )
    async with Supervisor() as background:
        if kwok:
            start_kwok(world.server, background, stages="fast")
        outcome = await world.run(options)
    result = outcome.result

    assert outcome.error is None
    assert result.proxies.configured == result.proxies.wanted
    assert (result.objects.failed, result.objects.left) == (0, 0)
    assert not any(counts["failed"] for counts in result.churn.values())
    assert {what for what, counts in result.churn.items() if counts["done"]} == {
        what
        for what, span in (
            ("workloads", options.config.config.jitter.workloads),
            ("configs", options.config.config.jitter.config),
            ("secrets", options.config.config.jitter.secrets),
        )
        if span
    }


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.name)
def test_pods_to_start_are_pods(path: Path) -> None:
    """`pyload startup --spec` would refuse its own examples."""
    pod = read_pod_spec(path.read_bytes(), source=path.name)

    assert pod["metadata"]["name"] == path.stem
