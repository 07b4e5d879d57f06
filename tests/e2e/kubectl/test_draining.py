"""`kubectl drain`, which evicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = pytest.mark.e2e

OBJECTS = """
apiVersion: v1
kind: Node
metadata: {name: drained}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec: {nodeName: drained, containers: [{name: c, image: i}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b}
spec: {minAvailable: 1, selector: {matchLabels: {app: p}}}
"""
RUNS = '{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}'


@runs("drain")
def test_a_node_is_drained_within_budgets(kubectl: Kubectl) -> None:
    """Whoever rehearses an upgrade of nodes sees which pods would hold it up."""
    kubectl("apply", "--filename=-", stdin=OBJECTS)
    kubectl("patch", "pod", "p", "--subresource=status", "--type=merge", f"--patch={RUNS}")
    drain = ("drain", "drained", "--force", "--grace-period=0")
    kubectl("wait", "--for=jsonpath={.status.currentHealthy}=1", "pdb/b", "--timeout=5s")
    assert kubectl("get", "pdb", "--no-headers").split()[:4] == ["b", "1", "N/A", "0"]

    refused = kubectl.refused(*drain, "--timeout=1s")
    kubectl("delete", "pdb", "b")
    kubectl(*drain, "--dry-run=server")
    assert kubectl("get", "pods", "--output=name") == "pod/p\n"
    kubectl(*drain)

    assert "Cannot evict pod as it would violate the pod's disruption budget." in refused
    assert "No resources found" in kubectl("get", "pods")
    assert "SchedulingDisabled" in kubectl("get", "node", "drained")
