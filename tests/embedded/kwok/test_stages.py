"""What kwok does with pods and nodes, against recorded statuses."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.kwok.stages import (
    Stage,
    delay,
    internal_ip,
    is_kwok,
    next_stage,
    node_status,
    pod_status,
)
from pyload.kube.resources import has_condition
from tests.embedded.kwok import recording

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


NOW = datetime(2026, 11, 23, 19, 13, 27, tzinfo=UTC)


def _pod(
    phase: str = "Pending",
    *,
    annotations: Obj | None = None,
    job: bool = False,
    grace: int | None = None,
    finalizers: tuple[str, ...] = (),
    inits: tuple[Obj, ...] = (),
) -> Obj:
    metadata: Obj = {"name": "p", "annotations": annotations or {}}
    if job:
        metadata["ownerReferences"] = [{"kind": "Job"}]
    if grace is not None:
        metadata["deletionTimestamp"] = "2026-11-23T19:13:57Z"
        metadata["deletionGracePeriodSeconds"] = grace
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    spec: Obj = {"containers": [{"name": "app", "image": "fake"}]}
    if inits:
        spec["initContainers"] = list(inits)
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.golden
def test_statuses_come_out_as_from_the_real_kwok(golden: Path) -> None:
    """Every step of a recorded pod's status must follow from the step before."""
    seen = set()
    before: dict[str, Obj] = {}
    for pod in recording.read(golden, "pods"):
        uid = pod["metadata"]["uid"]
        old, before[uid] = before.get(uid), pod
        node = pod["spec"].get("nodeName")
        if old is None or node != "kwok-node-0" or pod["status"] == old["status"]:
            continue
        if not old["spec"].get("nodeName"):
            continue
        stage = next_stage(old, "fast")
        assert stage is not None
        ip = pod["status"].get("podIP", "")
        status = pod_status(stage, old, ip=ip, host_ip="", now=pod["status"]["startTime"])
        assert _without_nulls(status) == _without_nulls(pod["status"])
        seen.add(stage)
    assert seen == {Stage.READY, Stage.COMPLETE}


@pytest.mark.golden
def test_a_node_comes_out_as_from_the_real_kwok(golden: Path) -> None:
    """What the node said of itself must stay, and what it left out be filled in."""
    node = recording.read(golden, "nodes")[0]
    recorded = node["status"]
    bare = {
        **node,
        "status": {
            **{field: recorded[field] for field in ("allocatable", "capacity")},
            "nodeInfo": {"kubeletVersion": "v1.34.0", "osImage": ""},
        },
    }
    beat = recorded["conditions"][0]["lastHeartbeatTime"]

    status = node_status(bare, ip="", port=0, now=beat)

    info = {name: text for name, text in recorded["nodeInfo"].items() if text}
    assert status == {**recorded, "nodeInfo": info}
    assert is_kwok(node)
    assert not has_condition(bare)
    assert has_condition({**node, "status": status})


def test_a_heartbeat_keeps_times_and_foreign_conditions() -> None:
    """Dashboards would show nodes that turn ready every ten minutes."""
    foreign = {"type": "Mine", "status": "True"}
    node: Obj = {"metadata": {"creationTimestamp": "A"}, "status": {"conditions": [foreign]}}
    first = node_status(node, ip="192.0.2.1", port=1, now="B")
    again = node_status({**node, "status": first}, ip="192.0.2.9", port=1, now="C")

    ready = again["conditions"][0]
    assert (ready["lastTransitionTime"], ready["lastHeartbeatTime"]) == ("A", "C")
    assert again["conditions"][-1] == foreign
    assert internal_ip({"status": again}) == "192.0.2.1"
    assert first["capacity"] == {"cpu": "1k", "memory": "1Ti", "pods": "1M"}
    assert internal_ip({"status": {}}) == ""


@pytest.mark.parametrize(
    ("pod", "fast", "general"),
    [
        (_pod(), Stage.READY, Stage.CREATE),
        (_pod("Running"), None, None),
        (_pod("Running", job=True), Stage.COMPLETE, Stage.COMPLETE),
        (_pod("Succeeded", job=True), None, None),
        (_pod("Running", grace=30), Stage.DELETE, Stage.DELETE),
        (_pod("Running", grace=0), None, None),
        (_pod("Running", grace=30, finalizers=("a/b",)), Stage.DELETE, None),
    ],
)
def test_the_next_stage_follows_from_the_pod(
    pod: Obj, fast: Stage | None, general: Stage | None
) -> None:
    """A pod would hang, or be written to for ever."""
    assert next_stage(pod, "fast") is fast
    assert next_stage(pod, "general") is general


def test_a_general_pod_goes_through_its_steps() -> None:
    """Its address comes before it is ready: proxies connect in between, as in production."""
    native = {"name": "istio-proxy", "image": "p", "restartPolicy": "Always"}
    pod = _pod(inits=({"name": "istio-init", "image": "p"}, native))
    steps = []
    while (stage := next_stage(pod, "general")) is not None:
        pod["status"] = pod_status(stage, pod, ip="10.0.0.1", host_ip="192.0.2.1", now="T")
        states = [next(iter(one["state"])) for one in pod["status"]["initContainerStatuses"]]
        steps.append((stage, pod["status"]["phase"], has_condition(pod), *states))

    assert steps == [
        (Stage.CREATE, "Pending", False, "waiting", "waiting"),
        (Stage.INIT_RUNNING, "Pending", False, "running", "running"),
        (Stage.INIT_COMPLETED, "Pending", False, "terminated", "terminated"),
        (Stage.READY, "Running", True, "terminated", "terminated"),
    ]
    assert pod["status"]["podIPs"] == [{"ip": "10.0.0.1"}]
    assert pod["status"]["hostIPs"] == [{"ip": "192.0.2.1"}]


def test_readiness_gates_turn_true() -> None:
    """A pod with a gate would never be ready."""
    pod = _pod()
    pod["spec"]["readinessGates"] = [{"conditionType": "x/y"}]
    pod["status"]["conditions"] = [{"type": "x/y", "status": "False"}]

    status = pod_status(Stage.READY, pod, ip="", host_ip="", now="T")

    types = [(one["type"], one["status"]) for one in status["conditions"]]
    assert types == [
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("x/y", "True"),
    ]


@given(seed=st.integers(), stage=st.sampled_from(Stage))
def test_delays_stay_in_their_bounds(seed: int, stage: Stage) -> None:
    """A general pod is late by 1 to 5 s a step, a deleted one by at most its grace period."""
    pod = _pod(grace=30)

    assert delay(stage, pod, "fast", now=NOW, rng=Random(seed)) == 0
    longest = 30 if stage is Stage.DELETE else 5
    assert 1 <= delay(stage, pod, "general", now=NOW, rng=Random(seed)) <= longest


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [("2s", "2s", 2.0), ("10s", "1s", 1.0), ("1m", "0s", 0.0), ("x", "500ms", 0.5)],
)
def test_a_pod_chooses_its_delays(low: str, high: str, expected: float) -> None:
    """Annotations override the stage's bounds; nonsense is as if it were not there."""
    prefix = "pod-ready.stage.kwok.x-k8s.io/"
    pod = _pod(annotations={f"{prefix}delay": low, f"{prefix}jitter-delay": high})

    assert delay(Stage.READY, pod, "general", now=NOW, rng=Random(1)) == expected
