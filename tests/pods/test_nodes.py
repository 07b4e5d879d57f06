"""Which nodes are kwok's, and what is wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import UsageError
from pyload.pods.nodes import (
    NodeRecord,
    NodeRule,
    is_kwok,
    is_version,
    kubelets_among,
    read_lease,
    read_node,
    warnings,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


def _node(name: str = "n", **changes: Any) -> NodeRecord:
    fields = {
        "uid": f"uid-{name}",
        "matches": True,
        "ready": True,
        "zone": "",
        "kubelet_version": "v1.34.0",
        "runtime": "kwok-0.9.0",
        **changes,
    }
    return NodeRecord(name=name, **fields)


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

    assert is_kwok(obj, NodeRule(annotation)) == matches
    assert read_node(obj, NodeRule(annotation)).matches == matches


def test_a_node_without_annotations_is_real() -> None:
    """The commonest node of all."""
    assert not is_kwok({"metadata": {"name": "n"}}, NodeRule())


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


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("v1.34.0", True),
        ("1.34", True),
        ("v1.34.0-eks-1a2b", True),
        ("v1.34.0+k3s1", True),
        ("v1.34.0-alpha.1.2+abc", True),
        ("kwok-0.9.0", False),
        ("kwok-v0.8.0", False),
        ("fake", False),
        ("", False),
    ],
)
def test_versions_are_read_as_istiod_does(text: str, *, readable: bool) -> None:
    """One fake node takes native sidecars away from the whole cluster."""
    assert is_version(text) == readable


def test_a_kubelet_holds_its_lease_under_its_nodes_name() -> None:
    """A kwok node's lease belongs to the kwok process."""
    leases = [
        {"metadata": {"name": "real"}, "spec": {"holderIdentity": "real"}},
        {"metadata": {"name": "fake"}, "spec": {"holderIdentity": "host_0b0e"}},
        {"metadata": {"name": "idle"}},
        {"metadata": {"name": "gone"}, "spec": {"holderIdentity": "gone"}},
    ]

    assert kubelets_among({"real", "fake", "idle"}, map(read_lease, leases)) == {"real"}


def test_a_well_made_cluster_gives_no_warning() -> None:
    """Warnings that are always there are not read."""
    nodes = [_node("a"), _node("b"), _node("c", matches=False, kubelet_version="odd")]

    assert warnings(nodes, set()) == {}
    assert warnings([], set()) == {}


def test_a_node_that_has_not_come_up_gives_no_warning() -> None:
    """Its versions are filled in a moment after the node was made."""
    assert warnings([_node(ready=False, kubelet_version="", runtime="")], set()) == {}


@pytest.mark.parametrize(
    ("nodes", "key", "text"),
    [
        ([_node("a")], "kubelet", "node a is marked as kwok's, but a real kubelet holds the lease"),
        (
            [_node("x", runtime="containerd://2.1"), _node("y", runtime="containerd://2.1")],
            "runtime",
            "2 nodes, as x, are marked as kwok's, but the container runtime is containerd://2.1",
        ),
        (
            [_node("x", kubelet_version="kwok-0.9.0")],
            "version",
            "node x is of kubelet version 'kwok-0.9.0', which istiod cannot read",
        ),
        ([_node("x"), _node("y", zone="z")], "zone", "node x is without a zone"),
    ],
)
def test_what_spoils_a_test_is_said(nodes: list[NodeRecord], key: str, text: str) -> None:
    """The figures would be wrong without a hint."""
    found = warnings(nodes, {"a"})

    assert list(found) == [key]
    assert text in found[key]


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
    assert warnings(nodes, set()) == {}
