"""Which nodes are kwok's, and which of them have a real kubelet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.pods.cluster_warnings import node_warnings
from pyload.pods.nodes import (
    NodeRule,
    kubelets_among,
    read_lease,
    read_node,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


@pytest.mark.parametrize(
    ("annotation", "annotations", "matches"),
    [
        ("kwok.x-k8s.io/node=fake", {"kwok.x-k8s.io/node": "fake"}, True),
        ("kwok.x-k8s.io/node==fake", {"kwok.x-k8s.io/node": "fake"}, True),
        ("kwok.x-k8s.io/node=fake", {"kwok.x-k8s.io/node": "real"}, False),
        ("kwok.x-k8s.io/node=fake", {}, False),
        ("kwok.x-k8s.io/node", {"kwok.x-k8s.io/node": "real"}, True),
        ("a=b, c", {"a": "b", "c": ""}, True),
        ("a=b,c", {"a": "b"}, False),
        ("", {}, True),
    ],
)
def test_annotations_tell_kwoks_nodes(
    annotation: str, annotations: dict[str, str], *, matches: bool
) -> None:
    """Pods with a real proxy would get a second one."""
    obj: Obj = {"metadata": {"name": "n", "uid": "u", "annotations": annotations}}

    assert read_node(obj, NodeRule(annotation)).matches == matches


def test_a_node_without_annotations_is_real() -> None:
    """The commonest node of all."""
    assert not read_node({"metadata": {"name": "n", "uid": "u"}}, NodeRule()).matches


@pytest.mark.parametrize("annotation", ["=fake", "a,,b", "a!=b", "a in (b)", ","])
def test_a_selector_that_cannot_be_followed_is_refused(annotation: str) -> None:
    """It would select no node, or all."""
    with pytest.raises(UsageError, match="does not select annotations"):
        NodeRule(annotation)


def test_a_rule_names_itself() -> None:
    """The message about missing nodes would not say what was looked for."""
    assert str(NodeRule()) == "annotation kwok.x-k8s.io/node=fake"
    assert str(NodeRule("a", "b=c")) == "annotation a and label b=c"
    assert str(NodeRule("")) == "all nodes"


def test_a_kubelet_holds_its_lease_under_its_nodes_name() -> None:
    """A kwok node's lease belongs to the kwok process."""
    leases = [
        {"metadata": {"name": "real"}, "spec": {"holderIdentity": "real"}},
        {"metadata": {"name": "fake"}, "spec": {"holderIdentity": "host_0b0e"}},
        {"metadata": {"name": "idle"}},
        {"metadata": {"name": "gone"}, "spec": {"holderIdentity": "gone"}},
    ]

    assert kubelets_among({"real", "fake", "idle"}, map(read_lease, leases)) == {"real"}


@pytest.mark.golden
def test_recorded_nodes_are_told_apart(golden: Path) -> None:
    """One node of the recording is kwok's, the other has no kubelet at all."""
    lines = (golden / "kwok" / "nodes-watch.jsonl").read_text().splitlines()
    nodes = [read_node(json.loads(line)["object"], NodeRule()) for line in lines]

    assert {(node.name, node.matches) for node in nodes} == {
        ("kwok-node-0", True),
        ("real-node-0", False),
    }
    assert nodes[0].kubelet_version == "v1.34.0"
    assert nodes[0].ready
    assert node_warnings(nodes, set()) == {}
