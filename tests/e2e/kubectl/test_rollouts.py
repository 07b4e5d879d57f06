"""`kubectl rollout`, and the events that say what controllers did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kubectl.rows import runs

if TYPE_CHECKING:
    from tests.e2e.kubectl.command import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

NODE = """
apiVersion: v1
kind: Node
metadata: {name: ready}
status:
  allocatable: {pods: "100"}
  conditions: [{type: Ready, status: "True", reason: KubeletReady}]
"""
RUNS = '{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}'
IMAGE = "--output=jsonpath={.spec.template.spec.containers[0].image}"


def _play_kubelet(kubectl: Kubectl, images: str) -> None:
    """Make every pod of a rollout ready, until it is over."""
    for _ in range(20):
        for name in kubectl("get", "pods", "--output=name").split():
            # Some go meanwhile.
            kubectl.run("patch", name, "--subresource=status", "--type=merge", f"--patch={RUNS}")
        if kubectl.run("rollout", "status", "deploy/web", "--timeout=1s").returncode == 0:
            break
    assert kubectl("get", "deploy/web", IMAGE) == images


@runs(
    "rollout status",
    "rollout history",
    "rollout undo",
    "rollout restart",
    "rollout pause",
    "rollout resume",
)
def test_a_deployment_is_rolled_out_and_back(kubectl: Kubectl) -> None:
    """Whoever tries a rollout here wants to see what a cluster would do."""
    kubectl("create", "--filename=-", stdin=NODE)
    kubectl("create", "deployment", "web", "--image=one", "--replicas=2")
    _play_kubelet(kubectl, "one")
    kubectl("set", "image", "deploy/web", "*=two")
    kubectl("annotate", "deploy/web", "kubernetes.io/change-cause=the second")
    _play_kubelet(kubectl, "two")

    history = kubectl("rollout", "history", "deploy/web").splitlines()
    assert [line.split(maxsplit=1) for line in history[2:4]] == [
        ["1", "<none>"],
        ["2", "the second"],
    ]
    assert "Image:\tone" in kubectl("rollout", "history", "deploy/web", "--revision=1")
    assert "rolled back" in kubectl("rollout", "undo", "deploy/web")
    _play_kubelet(kubectl, "one")
    history = kubectl("rollout", "history", "deploy/web").splitlines()
    assert [line.split()[0] for line in history[2:4]] == ["2", "3"]
    assert "rolled back" in kubectl("rollout", "undo", "deploy/web", "--to-revision=2")
    _play_kubelet(kubectl, "two")

    kubectl("rollout", "pause", "deploy/web")
    kubectl("set", "image", "deploy/web", "*=three")
    waiting = kubectl.refused("rollout", "status", "deploy/web", "--timeout=1s")
    assert "timed out" in waiting
    assert len(kubectl("get", "replicasets", "--output=name").split()) == 2
    kubectl("rollout", "resume", "deploy/web")
    _play_kubelet(kubectl, "three")
    kubectl("rollout", "restart", "deploy/web")
    _play_kubelet(kubectl, "three")
    assert len(kubectl("get", "replicasets", "--output=name").split()) == 4
    kubectl("delete", "node", "ready")


@runs("events")
def test_events_say_what_happened(kubectl: Kubectl) -> None:
    """Why a pod waits is the first question of every user."""
    kubectl("create", "deployment", "web", "--image=i")
    kubectl("wait", "--for=condition=PodScheduled=false", "pod", "--all", "--timeout=5s")
    (pod,) = kubectl("get", "pods", "--output=name").split()

    assert "Scaled up replica set" in kubectl("events", "--for=deployment/web")
    listed = kubectl("get", "events", "--sort-by=.lastTimestamp")
    assert "SuccessfulCreate" in listed
    assert "Created pod: " + pod.removeprefix("pod/") in listed
    assert "FailedScheduling" in kubectl("describe", pod)
    assert "SuccessfulCreate" in kubectl("describe", "replicaset")
