"""Nodes by name, and the class of each."""

from __future__ import annotations

from pyload.pods.node_cache import NodeCache
from pyload.pods.nodes import NodeClass, NodeRecord


def _node(name: str = "n", *, uid: str = "u", kwok: bool = True) -> NodeRecord:
    return NodeRecord(
        name=name,
        uid=uid,
        matches=kwok,
        ready=True,
        zone="",
        locality="",
        kubelet_version="",
        runtime="",
    )


def test_a_kwok_node_stays_kwoks_until_it_is_made_anew() -> None:
    """Kwok goes on with a node that has lost its annotation; its proxies would stop."""
    nodes = NodeCache()
    nodes.upsert(_node())
    nodes.upsert(_node(kwok=False))
    assert nodes.class_of("n") is NodeClass.KWOK

    nodes.upsert(_node(uid="other", kwok=False))
    assert nodes.class_of("n") is NodeClass.OTHER


def test_a_real_kubelet_makes_a_node_its_own() -> None:
    """Each pod there would have two proxies."""
    nodes = NodeCache()
    nodes.upsert(_node())
    nodes.kubelets = frozenset({"n"})

    assert nodes.class_of("n") is NodeClass.KUBELET
    assert nodes.marked() == {"n"}


def test_a_deleted_node_keeps_its_class_for_a_while() -> None:
    """A node that is made anew would make all its proxies connect again."""
    nodes = NodeCache()
    nodes.upsert(_node())
    nodes.move_pod("a", "", "n")
    assert nodes.mark_deleted("n", 5)
    assert not nodes.mark_deleted("n", 6)
    assert nodes.class_of("n") is NodeClass.KWOK
    assert [(name, node.gone_at) for name, node in nodes.deleted()] == [("n", 5)]

    nodes.give_up("n")
    nodes.forget("n")
    assert nodes.class_of("n") is NodeClass.GONE
    assert list(nodes.records()) == []


def test_a_name_is_forgotten_with_its_last_pod() -> None:
    """An autoscaler's nodes of a year would fill memory."""
    nodes = NodeCache()
    nodes.move_pod("a", "", "n")
    nodes.move_pod("b", "", "n")
    assert nodes.class_of("n") is NodeClass.UNKNOWN
    assert nodes.pods_on("n") == {"a", "b"}

    nodes.move_pod("a", "n", "m")
    nodes.move_pod("b", "n", "")
    assert nodes.get("n") is None
    assert nodes.pods_on("m") == {"a"}


def test_an_unknown_node_cannot_be_deleted() -> None:
    """Its grace period would never end."""
    nodes = NodeCache()
    nodes.move_pod("a", "", "n")

    assert not nodes.mark_deleted("n", 5)
    assert not nodes.mark_deleted("m", 5)
