"""What nodes and pods mean for a test with kwok."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.doctor.cluster import ClusterFacts, Node, Pod, read, read_pod
from pyload.commands.doctor.control_plane import IstiodPod
from pyload.commands.doctor.findings import Level, Unknown
from pyload.commands.doctor.kwok import kwok_findings
from tests.commands.doctor.nodes import node, said
from tests.pods.cluster import node as node_object
from tests.pods.injected import pod, proxy_container

if TYPE_CHECKING:
    from pyload.commands.doctor.findings import Finding
    from pyload.kube.resources import Obj


def kwok(*nodes: Node, wanted: bool = False, **facts: Any) -> list[Finding]:
    """Return the findings about kwok."""
    base: dict[str, Any] = {"nodes": nodes, "stages": frozenset({"Node", "Pod"})}
    return list(kwok_findings(ClusterFacts(**(base | facts)), wanted=wanted))


def test_nodes_that_cannot_be_listed() -> None:
    """The other checks go on."""
    facts = ClusterFacts(nodes=Unknown("forbidden"))

    assert [one.level for one in kwok_findings(facts, wanted=True)] == [Level.UNKNOWN]
    assert not list(kwok_findings(facts, wanted=False))


def test_a_cluster_without_kwok_hears_nothing_of_it() -> None:
    """Unless that is what the user is about to run."""
    assert not kwok(node(fake=False))
    assert "none of 1 nodes is kwok's" in said(kwok(node(fake=False), wanted=True))


def test_all_is_well_with_kwok() -> None:
    """No trap is seen where there is none."""
    pods = [read_pod(pod("a", ip="10.0.0.1", node="k", proxy=proxy_container(native=True)))]
    found = kwok(node(podCIDR="10.0.0.0/24"), pods=pods, leases=[("k", "host_uuid")])

    assert {one.level for one in found} == {Level.OK}
    assert "keeps all of its 1 nodes Ready" in said(found)


def look_alike(obj: Obj) -> Node:
    """Make a node of a cluster that selects kwok's by something else."""
    return read({**node_object("l", fake=False), **obj})


@pytest.mark.parametrize(
    "found",
    [
        look_alike({"metadata": {"name": "l", "uid": "u", "labels": {"type": "kwok"}}}),
        look_alike({"spec": {"taints": [{"key": "kwok.x-k8s.io/node"}]}}),
        node("l", fake=False, version="kwok-v0.8.0"),
    ],
    ids=["label", "taint", "version"],
)
def test_nodes_without_the_annotation(found: Node) -> None:
    """Clusters of kwokctl have none; a run would find no pods and not say why."""
    (warned, *_) = kwok(found)

    assert warned.level is Level.WARNING
    assert "l is like kwok's, but without the annotation" in warned.what
    assert "--all-nodes" in warned.fix


def idle() -> Node:
    """Make a node that kwok does not look after."""
    obj = node_object("k")
    obj["status"]["conditions"] = []
    return read(obj)


def roomy() -> Node:
    """Make a node with kwok's default number of pods and a narrow range of addresses."""
    obj = node_object("k")
    obj["spec"] = {"podCIDRs": ["10.1.0.0/24", "fd00::/64"]}
    obj["status"]["allocatable"] = {"pods": "1M"}
    return read(obj)


def bare(name: str) -> Node:
    """Make a node without a range of addresses."""
    obj = node_object(name)
    obj["status"]["capacity"] = {"pods": "255"}
    return read(obj)


POD = Pod("mesh/a", "k", "10.0.0.1", "Running", "classic")


@pytest.mark.parametrize(
    ("nodes", "facts", "says"),
    [
        ([idle()], {}, "k is not Ready: kwok does not run, or does not manage them"),
        ([node()], {"stages": frozenset({"Node"})}, "no stage for pods"),
        ([node()], {"leases": [("k", "k")]}, "a real kubelet holds the lease"),
        ([node()], {"istiods": [IstiodPod("istiod-a", "k")]}, "istiod-a is on kwok's node k"),
        (
            [node("k", podCIDR="10.0.0.0/16"), node("l", podCIDR="10.0.3.0/24")],
            {},
            "10.0.0.0/16 and 10.0.3.0/24 overlap",
        ),
        ([bare("k"), bare("l")], {}, "k and 1 more are in kwok's own range (10.0.0.0/24)"),
        ([roomy()], {}, "k is in the podCIDR 10.1.0.0/24: 255 addresses for up to 1,000,000"),
        ([node()], {"pods": [POD, Pod("mesh/b", "k", "10.0.0.1")]}, "1 IPs belong to several"),
        ([node()], {"pods": [Pod("mesh/b", "k", "", "Pending")]}, "mesh/b is Pending"),
        ([node()], {"pods": [Pod("mesh/b", "k", "10.0.0.1")]}, "none of 1 pods on kwok's"),
    ],
    ids=["idle", "stages", "kubelet", "istiod", "overlap", "bare", "narrow", "ips", "pending",
         "uninjected"],
)  # fmt: skip
def test_each_trap(nodes: list[Node], facts: dict[str, Any], says: str) -> None:
    """Each spoils a test with kwok without an error anywhere."""
    found = kwok(*nodes, **facts)
    bad = [one for one in found if one.level in (Level.WARNING, Level.PROBLEM)]

    assert says in said(bad)
    assert all(one.fix for one in bad if one.check != "kwok nodes")


def test_a_range_that_is_just_full_is_no_trap() -> None:
    """The 255 pods of a node in docs/kwok.md fit; a warning of them would be noise."""
    assert not [one for one in kwok(bare("k")) if one.check == "pod CIDRs"]


@pytest.mark.parametrize("fact", ["pods", "leases", "stages"])
def test_a_fact_that_is_not_known_stops_no_other(fact: str) -> None:
    """An account without one right would see nothing of the rest."""
    unknown: dict[str, Any] = {fact: Unknown("forbidden")}
    found = kwok(node(), **unknown)

    assert [one.level for one in found].count(Level.UNKNOWN) == 1
    assert "keeps all of its" in said(found)
