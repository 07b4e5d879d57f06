"""What becomes of a node that is lost, and of its pods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controllers import node_health

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NOW = "2026-11-28T00:00:00Z"


def _node(ready: str = "", **spec: Any) -> Obj:
    conditions = [{"type": "Ready", "status": ready, "lastHeartbeatTime": "x"}] if ready else []
    return {"metadata": {"name": "n"}, "spec": spec, "status": {"conditions": conditions}}


def test_a_sign_of_life_is_a_lease_or_a_heartbeat() -> None:
    """A kubelet with Leases would be lost, or one without them."""
    lease = {"spec": {"renewTime": "r"}}

    assert node_health.heartbeat(_node("True"), lease) == ("r", "x")
    assert node_health.heartbeat(_node(), None) == ("", "")


def test_a_lost_node_is_unknown_and_unreachable() -> None:
    """`kubectl get nodes` would show it Ready, and pods would go on to it."""
    lost = {**_node("True"), "status": node_health.lost_status(_node("True"), now=NOW)}
    never = node_health.lost_status(_node(), now=NOW)
    tainted = node_health.tainted(lost, now=NOW)

    assert node_health.readiness(lost) == "Unknown"
    assert {one["reason"] for one in never["conditions"]} == {"NodeStatusNeverUpdated"}
    assert node_health.lost_status(lost, now="later") == lost["status"]
    assert tainted["spec"]["taints"] == [
        {"key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": NOW}
        for effect in ("NoSchedule", "NoExecute")
    ]
    assert node_health.tainted(tainted, now="later") is tainted


def test_taints_go_with_their_reason_and_others_stay() -> None:
    """A node that is back would take no pods."""
    own = {"key": "mine", "effect": "NoSchedule"}
    failing = node_health.tainted(_node("False", taints=[own]), now=NOW)
    back = node_health.tainted({**failing, "status": _node("True")["status"]}, now=NOW)

    assert [one["key"] for one in failing["spec"]["taints"]] == [
        "mine",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/not-ready",
    ]
    assert back["spec"]["taints"] == [own]
    assert node_health.tainted(_node(), now=NOW) == _node()
    assert "taints" not in node_health.tainted(_node("True"), now=NOW)["spec"]


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0.0),
        ([{"key": "node.kubernetes.io/unreachable", "operator": "Exists"}], None),
        ([{"operator": "Exists", "tolerationSeconds": 300}], 300.0),
        ([{"operator": "Exists", "effect": "NoSchedule"}], 0.0),
    ],
)
def test_pods_stay_as_long_as_they_tolerate(tolerations: list[Obj], seconds: float | None) -> None:
    """Pods would move at once, or never."""
    node = node_health.tainted(_node("Unknown"), now=NOW)
    pod = {"spec": {"tolerations": tolerations}}

    assert node_health.patience(pod, node) == seconds
    assert node_health.evicting_since(node) == datetime(2026, 11, 28, tzinfo=UTC)
    assert node_health.patience(pod, _node("True")) is None
    assert node_health.evicting_since(_node("True")) is None


def test_pods_of_a_lost_node_are_unready() -> None:
    """Endpoints would go on to them."""
    ready = {"type": "Ready", "status": "True"}
    pod = {
        "status": {"phase": "Running", "conditions": [ready, {"type": "Other", "status": "True"}]}
    }
    status = node_health.unready_status(pod, now=NOW)

    assert status is not None
    assert [one["status"] for one in status["conditions"]] == ["False", "True"]
    assert node_health.unready_status({"status": status}, now=NOW) is None
