"""What is wrong with a cluster's nodes."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.pods.cluster_warnings import is_version, node_warnings
from pyload.pods.nodes import NodeRecord


def _node(name: str = "n", **changes: Any) -> NodeRecord:
    fields = {
        "uid": f"uid-{name}",
        "matches": True,
        "ready": True,
        "zone": "",
        "locality": "",
        "kubelet_version": "v1.34.0",
        "runtime": "kwok-0.9.0",
        **changes,
    }
    return NodeRecord(name=name, **fields)


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


def test_a_well_made_cluster_gives_no_warning() -> None:
    """Warnings that are always there are not read."""
    nodes = [_node("a"), _node("b"), _node("c", matches=False, kubelet_version="odd")]

    assert node_warnings(nodes, set()) == {}
    assert node_warnings([], set()) == {}


def test_a_node_that_has_not_come_up_gives_no_warning() -> None:
    """Its versions are filled in a moment after the node was made."""
    assert node_warnings([_node(ready=False, kubelet_version="", runtime="")], set()) == {}


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
    found = node_warnings(nodes, {"a"})

    assert list(found) == [key]
    assert text in found[key]
