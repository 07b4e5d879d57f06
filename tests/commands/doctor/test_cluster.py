"""What nodes and pods mean for injection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.commands.doctor.cluster import ClusterFacts, Node, injection_findings, read_pod
from pyload.commands.doctor.control_plane import IstiodPod
from pyload.commands.doctor.findings import Level, Unknown
from tests.commands.doctor.nodes import node
from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from pyload.commands.doctor.findings import Finding

NATIVE = "ENABLE_NATIVE_SIDECARS"


def injected(*nodes: Node, **environment: str) -> Finding:
    """Return the finding about node versions."""
    istiods = [IstiodPod("a", environment=environment)]
    (found,) = injection_findings(ClusterFacts(nodes=nodes, istiods=istiods))
    return found


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


def test_a_pod_is_reduced_to_what_counts() -> None:
    """Of a cluster of many thousand pods no more fits."""
    classic = read_pod(pod("a", ip="10.0.0.1", phase="Running", proxy=proxy_container()))
    host = plain_pod("b", ip="10.0.0.2")
    host["spec"]["hostNetwork"] = True

    assert (classic.name, classic.ip, classic.phase) == ("mesh/a", "10.0.0.1", "Running")
    assert classic.sidecar == "classic"
    assert (read_pod(host).ip, read_pod(host).sidecar) == ("", "")
