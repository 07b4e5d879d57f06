"""What a run makes of its config before anything is created."""

from __future__ import annotations

import logging

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.cluster.planning import plan_run
from pyload.config.parse import parse_config
from pyload.errors import ConfigError

NODES_ALONE = parse_config(b"nodes: [{count: 3}]", source="mesh.yaml")


def test_a_run_of_nothing_is_refused() -> None:
    """It went on for its whole duration, and was all right (A7)."""
    with pytest.raises(ConfigError, match=r"mesh\.yaml:1:1: nothing would run"):
        plan_run(ClusterOptions(loaded=NODES_ALONE))


def test_with_kwok_the_pods_may_be_those_of_others() -> None:
    """A config of nodes alone is how one adds kwok nodes for one's own Deployments."""
    assert plan_run(ClusterOptions(loaded=NODES_ALONE, cluster_type="kwok")).plan.pod_count == 0


def test_a_mesh_that_is_served_for_others_may_be_empty(caplog: pytest.LogCaptureFixture) -> None:
    """`isolated` is also a control plane for proxies and objects of other programs."""
    caplog.set_level(logging.WARNING, "pyload")
    plan_run(ClusterOptions(loaded=NODES_ALONE, may_be_empty=True))
    assert "nothing would run" in caplog.text
