"""Whether a pod should have a proxy, and if not, why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.pods.desired import OTHER_SHARD, RUN, Decision, Policy, Run, Standing, decide
from pyload.pods.reader import PodRecord, read_pod
from tests.proxies.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    Obj = dict[str, Any]


def _record(**changes: Any) -> PodRecord:
    return read_pod(pod("a", **{"ip": "10.0.0.1", **changes}))


def _host_network() -> PodRecord:
    obj = pod("a", ip="10.0.0.1")
    obj["spec"]["hostNetwork"] = True
    return read_pod(obj)


def _reason(decision: Decision) -> str:
    return "run" if isinstance(decision, Run) else decision.reason


@pytest.mark.parametrize(
    ("record", "node", "reason"),
    [
        (_record(), Standing.KWOK, "run"),
        (_record(phase="Pending", ready=False), Standing.KWOK, "run"),
        (_record(ready=False), Standing.KWOK, "run"),
        (_record(phase="Unknown"), Standing.KWOK, "run"),
        (_record(ip=""), Standing.KWOK, "no pod IP"),
        (_record(ip="", node=""), Standing.UNKNOWN, "not scheduled"),
        (_record(), Standing.UNKNOWN, "unknown node"),
        (_record(), Standing.OTHER, "not a kwok node"),
        (_record(), Standing.KUBELET, "real kubelet on the node"),
        (_record(), Standing.GONE, "node gone"),
        (_record(phase="Succeeded"), Standing.KWOK, "terminal phase"),
        (_record(phase="Failed"), Standing.KWOK, "terminal phase"),
        (_record(deletion=30), Standing.KWOK, "terminating"),
        (_record(deletion=0), Standing.GONE, "terminating"),
        (_host_network(), Standing.KWOK, "host network"),
        (read_pod(plain_pod("a", ip="10.0.0.1")), Standing.KWOK, "not a mesh proxy"),
        (read_pod(plain_pod("a", node="")), Standing.UNKNOWN, "not a mesh proxy"),
        (read_pod(plain_pod("a")), Standing.OTHER, "not a kwok node"),
        (replace(_record(), identity=OTHER_SHARD), Standing.OTHER, "other shard"),
    ],
)
def test_every_pod_has_one_decision(record: PodRecord, node: Standing, reason: str) -> None:
    """The counts by reason must add up to the pods there are."""
    assert _reason(decide(record, node, Policy())) == reason


def test_a_proxy_may_wait_until_its_pod_is_ready() -> None:
    """Some tests want the push that follows readiness to find the proxy, others do not."""
    policy = Policy(start_on="ready")

    assert _reason(decide(_record(ready=False), Standing.KWOK, policy)) == "not ready"
    assert decide(_record(), Standing.KWOK, policy) is RUN


def test_pods_in_their_nodes_network_run_when_asked_for() -> None:
    """A hand-made gateway uses its node's network."""
    assert decide(_host_network(), Standing.KWOK, Policy(host_network=True)) is RUN


def test_ztunnels_can_be_left_out() -> None:
    """An istiod without ambient refuses them."""
    ztunnel = _record(proxy=proxy_container("ztunnel"))

    assert decide(ztunnel, Standing.KWOK, Policy()) is RUN
    refused = decide(ztunnel, Standing.KWOK, Policy(ztunnel=False))
    assert _reason(refused) == "ztunnel not wanted"
