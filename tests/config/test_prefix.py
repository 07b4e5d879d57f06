"""A prefix before the names that are unique in a cluster, and before what refers to them."""

from __future__ import annotations

import pytest

from pyload.config.parse import parse_config
from pyload.config.prefix import prefixed
from pyload.errors import UsageError

TEXT = b"""
namespaces:
- name: edge
  applications: [{name: wp, type: waypoint, pods: 1}]
- name: mesh
  waypoint: edge/wp
  configs:
  - {name: t, config: {Namespace: edge, gateways: [edge/main, elsewhere/main], size: 3}}
  applications: [{name: web, type: sidecar, pods: 1}]
nodes: [{name: node, count: 2}]
templates: {t: ""}
"""


def test_names_and_references_get_the_prefix_and_others_do_not() -> None:
    """A reference that keeps its old name leads into the namespace of another run."""
    config = prefixed(parse_config(TEXT, source="f").config, "b-")

    assert [one.name for one in config.namespaces] == ["b-edge", "b-mesh"]
    assert [one.name for one in config.nodes] == ["b-node"]
    assert config.namespaces[1].waypoint == "b-edge/wp"
    assert config.namespaces[1].applications[0].name == "web"
    [template] = config.namespaces[1].configs
    assert template.config["Namespace"] == "b-edge"
    assert template.config["gateways"] == ["b-edge/main", "elsewhere/main"]
    assert template.config["size"] == 3


@pytest.mark.parametrize("prefix", ["B-", "-", "a_b-", "x" * 60])
def test_a_prefix_that_makes_no_names_is_refused(prefix: str) -> None:
    """The API server would refuse the first namespace, after the nodes were created."""
    with pytest.raises(UsageError, match="--name-prefix"):
        prefixed(parse_config(TEXT, source="f").config, prefix)
