"""What nodes and pods mean for injection and for kwok."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.doctor.cluster import (
    ClusterFacts,
    Node,
    Pod,
    injection_findings,
    kwok_findings,
    read,
    read_pod,
)
from pyload.commands.doctor.control_plane import IstiodPod
from pyload.commands.doctor.findings import Level, Unknown
from tests.pods.cluster import node as node_object
from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.commands.doctor.findings import Finding
    from pyload.kube.resources import Obj

NATIVE = "ENABLE_NATIVE_SIDECARS"


def node(name: str = "k", *, version: str = "v1.34.0", fake: bool = True, **spec: Any) -> Node:
    """Make a node; it is one of kwok's by its annotation if `fake`."""
    obj = node_object(name, fake=fake)
    obj["spec"] = spec
    obj["status"]["nodeInfo"]["kubeletVersion"] = version
    return read(obj)


def said(findings: Iterable[Finding], level: Level | None = None) -> str:
    """Join what findings of a level say."""
    return "\n".join(one.what for one in findings if level in (None, one.level))


def injected(*nodes: Node, **environment: str) -> Finding:
    """Return the finding about node versions."""
    istiods = [IstiodPod("a", environment=environment)]
    (found,) = injection_findings(ClusterFacts(nodes=nodes, istiods=istiods))
    return found


def kwok(*nodes: Node, wanted: bool = False, **facts: Any) -> list[Finding]:
    """Return the findings about kwok."""
    base: dict[str, Any] = {"nodes": nodes, "stages": frozenset({"Node", "Pod"})}
    return list(kwok_findings(ClusterFacts(**(base | facts)), wanted=wanted))


@pytest.mark.parametrize(
    ("versions", "level", "says"),
    [
        (["v1.34.0", "v1.33.1-gke.100"], Level.OK, "native sidecars on all 2 nodes"),
        (["v1.30.0"], Level.OK, "classic sidecars on all 1 nodes"),
        (["v1.34.0", "v1.30.0"], Level.WARNING, "n1 (v1.30.0) is older than 1.33"),
        (["v1.34.0", "kwok-v0.8.0"], Level.WARNING, "cannot read the kubelet version of n1"),
        (["fake", "kwok-0.9.0", ""], Level.WARNING, "n0 (fake) and 2 more"),
        ([], Level.OK, "no nodes yet"),
    ],
)
def test_versions_of_nodes_that_spoil_injection(
    versions: list[str], level: Level, says: str
) -> None:
    """One kwok node with its own version turns the new pods of the whole cluster classic."""
    nodes = [node(f"n{number}", version=version) for number, version in enumerate(versions)]
    found = injected(*nodes)

    assert (found.level, says in found.what) == (level, True), found


def test_istiod_may_be_told_which_sidecars_to_inject() -> None:
    """Who has set the variable would be told to set it."""
    assert injected(node(version="fake"), **{NATIVE: "true"}).level is Level.OK
    assert injected(node(version="fake"), **{NATIVE: "auto"}).level is Level.WARNING


def test_nodes_that_cannot_be_listed() -> None:
    """The other checks go on."""
    facts = ClusterFacts(nodes=Unknown("forbidden"))

    assert [one.level for one in injection_findings(facts)] == [Level.UNKNOWN]
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
            [node("k", podCIDR="10.0.0.0/24"), node("l", podCIDR="10.0.0.0/24")],
            {},
            "have the podCIDR 10.0.0.0/24",
        ),
        ([bare("k"), bare("l")], {}, "k and 1 more are without a podCIDR"),
        ([roomy()], {}, "254 addresses for 1,000,000"),
        ([node()], {"pods": [POD, Pod("mesh/b", "k", "10.0.0.1")]}, "1 IPs belong to several"),
        ([node()], {"pods": [Pod("mesh/b", "k", "", "Pending")]}, "mesh/b is Pending"),
        ([node()], {"pods": [Pod("mesh/b", "k", "10.0.0.1")]}, "none of 1 pods on kwok's"),
    ],
    ids=["idle", "stages", "kubelet", "istiod", "shared", "bare", "narrow", "ips", "pending",
         "uninjected"],
)  # fmt: skip
def test_each_trap(nodes: list[Node], facts: dict[str, Any], says: str) -> None:
    """Each spoils a test with kwok without an error anywhere."""
    found = kwok(*nodes, **facts)
    bad = [one for one in found if one.level in (Level.WARNING, Level.PROBLEM)]

    assert says in said(bad)
    assert all(one.fix for one in bad if one.check != "kwok nodes")


@pytest.mark.parametrize("fact", ["pods", "leases", "stages"])
def test_a_fact_that_is_not_known_stops_no_other(fact: str) -> None:
    """An account without one right would see nothing of the rest."""
    unknown: dict[str, Any] = {fact: Unknown("forbidden")}
    found = kwok(node(), **unknown)

    assert [one.level for one in found].count(Level.UNKNOWN) == 1
    assert "keeps all of its" in said(found)


def test_a_pod_is_reduced_to_what_counts() -> None:
    """Of a cluster of many thousand pods no more fits."""
    classic = read_pod(pod("a", ip="10.0.0.1", phase="Running", proxy=proxy_container()))
    host = plain_pod("b", ip="10.0.0.2")
    host["spec"]["hostNetwork"] = True

    assert (classic.name, classic.ip, classic.phase) == ("mesh/a", "10.0.0.1", "Running")
    assert classic.sidecar == "classic"
    assert (read_pod(host).ip, read_pod(host).sidecar) == ("", "")
