"""Tests of writing a model as a config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pyload.config.dump import dump
from pyload.config.model import (
    ClusterConfig,
    Namespace,
)
from pyload.config.parse import parse_config
from pyload.units import Duration
from tests.config.configs import WHOLE, read
from tests.config.strategies import configs

if TYPE_CHECKING:
    from pyload.config.model import Dialect


def test_dumps_sorted_keys_and_go_durations() -> None:
    """The log would not show what runs, or in a form that scripts do not know."""
    config = read(WHOLE).config
    assert dump(config, "classic") == (
        "gracePeriod: 1.5s\n"
        "jitter:\n"
        "  workloads: 4s\n"
        "namespaces:\n"
        "- applications:\n"
        "  - instances: 4\n"
        "    labels:\n"
        "      tier: gold\n"
        '      version: "1.5"\n'
        "    name: app\n"
        "    replicas: 3\n"
        "    type: plain\n"
        "  - instances: 0\n"
        "    name: app\n"
        "    replicas: 1\n"
        "    type: sidecar\n"
        "  name: mesh\n"
        "  replicas: 2\n"
        '- name: "false"\n'
        "  replicas: 1\n"
        "nodeMetadata:\n"
        '  EMPTY: ""\n'
        '  SIZE: "5"\n'
        "  TEAM: load\n"
        '  "true": "true"\n'
        "nodes:\n"
        "- count: 2\n"
        "  name: node\n"
        "- count: 1\n"
        "  name: default\n"
        "stableNames: true\n"
    )
    current = ClusterConfig(namespaces=(Namespace(grace_period=Duration(1)),))
    assert "gracePeriod: 1ns" in dump(current, "current")
    assert dump(ClusterConfig(), "current") == "jitter: {}\nnodes:\n- count: 1\n  name: default\n"


@given(st.data(), st.sampled_from(["classic", "current"]))
def test_what_is_dumped_loads_as_the_same_config(data: st.DataObject, dialect: Dialect) -> None:
    """A config copied from the log would build another mesh."""
    config = data.draw(configs(dialect))
    text = f"dialect: {dialect}\n{dump(config, dialect)}"
    loaded = parse_config(text.encode(), source="f")
    assert loaded.config == config
    assert loaded.warnings == ()
