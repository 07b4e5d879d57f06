"""Whether a pod should have a proxy, and if not, why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pyload.pods.desired import RUN, Decision, Policy, Run, decide
from pyload.pods.nodes import NodeClass
from pyload.pods.reader import PodRecord, read_pod
from pyload.pods.reasons import Skip
from tests.pods.injected import plain_pod, pod, proxy_container


def _record(**changes: Any) -> PodRecord:
    return read_pod(pod("a", **{"ip": "10.0.0.1", **changes}))


def _host_network() -> PodRecord:
    obj = pod("a", ip="10.0.0.1")
    obj["spec"]["hostNetwork"] = True
    return read_pod(obj)


def _reason(decision: Decision) -> str:
    return "run" if isinstance(decision, Run) else decision.value


@pytest.mark.parametrize(
    ("record", "node", "reason"),
    [
        (_record(), NodeClass.KWOK, "run"),
        (_record(phase="Pending", ready=False), NodeClass.KWOK, "run"),
        (_record(ready=False), NodeClass.KWOK, "run"),
        (_record(phase="Unknown"), NodeClass.KWOK, "run"),
        (_record(ip=""), NodeClass.KWOK, "no pod IP"),
        (_record(ip="", node=""), NodeClass.UNKNOWN, "not scheduled"),
        (_record(), NodeClass.UNKNOWN, "unknown node"),
        (_record(), NodeClass.OTHER, "not a kwok node"),
        (_record(), NodeClass.KUBELET, "real kubelet on the node"),
        (_record(), NodeClass.GONE, "node gone"),
        (_record(phase="Succeeded"), NodeClass.KWOK, "terminal phase"),
        (_record(phase="Failed"), NodeClass.KWOK, "terminal phase"),
        (_record(deletion=30), NodeClass.KWOK, "terminating"),
        (_record(deletion=0), NodeClass.GONE, "terminating"),
        (_host_network(), NodeClass.KWOK, "host network"),
        (read_pod(plain_pod("a", ip="10.0.0.1")), NodeClass.KWOK, "not a mesh proxy"),
        (read_pod(plain_pod("a", node="")), NodeClass.UNKNOWN, "not a mesh proxy"),
        (read_pod(plain_pod("a")), NodeClass.OTHER, "not a kwok node"),
        (replace(_record(), identity=Skip.OTHER_SHARD), NodeClass.OTHER, "other shard"),
    ],
)
def test_every_pod_has_one_decision(record: PodRecord, node: NodeClass, reason: str) -> None:
    """The counts by reason must add up to the pods there are."""
    assert _reason(decide(record, node, Policy())) == reason


def test_a_proxy_may_wait_until_its_pod_is_ready() -> None:
    """Some tests want the push that follows readiness to find the proxy, others do not."""
    policy = Policy(start_on="ready")

    assert _reason(decide(_record(ready=False), NodeClass.KWOK, policy)) == "not ready"
    assert decide(_record(), NodeClass.KWOK, policy) is RUN


def test_pods_in_their_nodes_network_run_when_asked_for() -> None:
    """A hand-made gateway uses its node's network."""
    assert decide(_host_network(), NodeClass.KWOK, Policy(host_network=True)) is RUN


def test_ztunnels_can_be_left_out() -> None:
    """An istiod without ambient refuses them."""
    ztunnel = _record(proxy=proxy_container("ztunnel"))

    assert decide(ztunnel, NodeClass.KWOK, Policy()) is RUN
    refused = decide(ztunnel, NodeClass.KWOK, Policy(ztunnel=False))
    assert _reason(refused) == "ztunnel not wanted"
