"""Which node a pod goes to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controllers.scheduler import SchedulableNode, Scheduler, Unschedulable

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def _node(
    name: str, *, labels: Obj | None = None, ready: bool = True, pods: str = "110", **spec: Any
) -> SchedulableNode:
    return SchedulableNode.read(
        {
            "metadata": {"name": name, "labels": labels or {}},
            "spec": spec,
            "status": {
                "allocatable": {"pods": pods},
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            },
        }
    )


def _scheduler(*nodes: SchedulableNode) -> Scheduler:
    scheduler = Scheduler()
    for node in nodes:
        scheduler.put(node)
    return scheduler


def _affinity(*terms: Obj) -> Obj:
    required = {"nodeSelectorTerms": list(terms)}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    }


def _expression(key: str, operator: str, *values: str) -> Obj:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "plain"),
        ({"nodeSelector": {"type": "kwok"}}, "kwok"),
        (_affinity(_expression("type", "In", "kwok", "x")), "kwok"),
        (_affinity(_expression("type", "NotIn", "kwok")), "plain"),
        (_affinity(_expression("type", "Exists")), "kwok"),
        (_affinity(_expression("type", "DoesNotExist")), "plain"),
        (_affinity(_expression("cores", "Gt", "4")), "kwok"),
        (_affinity(_expression("cores", "Lt", "4")), "plain"),
        (_affinity({}, _expression("type", "In", "kwok")), "kwok"),
        (
            _affinity(
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["kwok"]}]}
            ),
            "kwok",
        ),
    ],
)
def test_selectors_and_affinity_choose(spec: Obj, expected: str) -> None:
    """Pods meant for kwok nodes would run elsewhere, or the other way round."""
    scheduler = _scheduler(
        _node("plain", labels={"cores": "2"}), _node("kwok", labels={"type": "kwok", "cores": "8"})
    )
    scheduler.add_pod("kwok" if expected == "plain" else "plain")

    assert scheduler.choose(spec) == expected


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "kwok.x-k8s.io/node", "operator": "Exists"}, True),
        ({"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}, True),
        ({"key": "kwok.x-k8s.io/node", "value": "other"}, False),
        ({"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_taints_keep_pods_away(toleration: Obj, *, tolerated: bool) -> None:
    """Kwok's guide taints its nodes so that other pods stay off them."""
    scheduler = _scheduler(_node("n", taints=[TAINT]))

    chosen = scheduler.choose({"tolerations": [toleration]})

    assert (chosen == "n") is tolerated


@pytest.mark.parametrize(
    ("operator", "values"), [("Gt", ["x"]), ("Gt", []), ("Nonsense", []), ("", [])]
)
def test_nonsense_matches_nothing(operator: str, values: list[str]) -> None:
    """A typing error in an affinity must not put pods just anywhere."""
    scheduler = _scheduler(_node("n", labels={"cores": "8"}))

    chosen = scheduler.choose(_affinity(_expression("cores", operator, *values)))

    assert isinstance(chosen, Unschedulable)


def test_why_a_pod_fits_nowhere_is_said() -> None:
    """Users read the pod's condition to learn what is wrong."""
    assert _scheduler().choose({}) == Unschedulable("no nodes available to schedule pods")
    scheduler = _scheduler(
        _node("off", ready=False),
        _node("cordoned", unschedulable=True),
        _node("tainted", taints=[TAINT, {"key": "soft", "effect": "PreferNoSchedule"}]),
        _node("full", pods="0"),
        _node("odd", pods="many"),
        _node("other"),
    )

    chosen = scheduler.choose({"nodeSelector": {"a": "b"}})

    assert chosen == Unschedulable(
        "0/6 nodes are available: 1 node(s) had untolerated taint(s) {kwok.x-k8s.io/node: fake}, "
        "2 node(s) were unschedulable, 3 node(s) didn't match Pod's node affinity/selector."
    )
    assert scheduler.choose({}) == "other"
    assert scheduler.choose({}) == "other"


def test_a_full_node_takes_no_more_until_a_pod_leaves() -> None:
    """A node would get more pods than it says it takes."""
    scheduler = _scheduler(_node("small", pods="1"), _node("big", pods="1k"))
    scheduler.add_pod("big")
    scheduler.add_pod("big")
    assert scheduler.choose({}) == "small"
    scheduler.add_pod("small")

    assert scheduler.choose({}) == "big"
    assert not scheduler.remove_pod("big")
    assert scheduler.remove_pod("small")
    assert scheduler.choose({}) == "small"


def test_news_of_nodes_are_told_from_noise() -> None:
    """Pods that wait would be tried again with every heartbeat, or never."""
    scheduler = _scheduler(_node("n"))

    assert not scheduler.put(_node("n"))
    assert scheduler.put(_node("n", ready=False))
    assert isinstance(scheduler.choose({}), Unschedulable)
    scheduler.remove("n")
    scheduler.remove("n")
    scheduler.remove_pod("n")
    assert scheduler.choose({}) == Unschedulable("no nodes available to schedule pods")


@given(nodes=st.integers(1, 6), moves=st.lists(st.integers(0, 9), max_size=40))
def test_pods_are_spread(nodes: int, moves: list[int]) -> None:
    """One node would carry all pods: no two nodes differ by more than one if none leave."""
    scheduler = _scheduler(*(_node(f"n{number}") for number in range(nodes)))
    pods: Counter[str] = Counter()
    for _ in moves:
        chosen = scheduler.choose({})
        assert isinstance(chosen, str)
        scheduler.add_pod(chosen)
        pods[chosen] += 1

    counts = [pods[f"n{number}"] for number in range(nodes)]
    assert max(counts) - min(counts) <= 1
