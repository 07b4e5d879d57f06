"""The choice of a node for a pod.

A pod goes to the node with the fewest pods among those that it may go to: node selector,
required node affinity, taints, readiness and the number of pods that a node takes are honoured;
processors and memory are not counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver.selectors import read_expression
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.resources import Obj


_CONSTRAINTS: Final = ("nodeSelector", "affinity", "tolerations")
_REPELLING: Final = frozenset(("NoSchedule", "NoExecute"))
_SUFFIXES: Final = {"k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True, slots=True)
class SchedulableNode:
    """A node as the scheduler needs it.

    Attributes:
        name: Its name.
        labels: Its labels.
        taints: Key, value and effect of each taint that keeps pods away.
        open: Whether it is ready and not cordoned.
        room: Number of pods that fit on it.
    """

    name: str
    labels: Mapping[str, str]
    taints: tuple[tuple[str, str, str], ...]
    open: bool
    room: int

    @classmethod
    def read(cls, obj: Obj) -> SchedulableNode:
        """Read a node object."""
        spec = obj.get("spec") or {}
        taints = (
            (one.get("key", ""), one.get("value", ""), one.get("effect", ""))
            for one in spec.get("taints") or ()
        )
        allocatable = (obj.get("status") or {}).get("allocatable") or {}
        return cls(
            name=obj["metadata"]["name"],
            labels=obj["metadata"].get("labels") or {},
            taints=tuple(taint for taint in taints if taint[2] in _REPELLING),
            open=has_condition(obj) and not spec.get("unschedulable"),
            room=_count(str(allocatable.get("pods", "0"))),
        )


def _count(quantity: str) -> int:
    digits = quantity.rstrip("kMGi")
    try:
        return int(float(digits) * _SUFFIXES.get(quantity[len(digits) :], 1))
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """A pod fits on no node.

    Attributes:
        message: Why, as Kubernetes words it.
    """

    message: str


class Scheduler:
    """Knows the nodes and how many pods are on each.

    Pods with the same constraints share the work of comparing them with all nodes.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, SchedulableNode] = {}
        self._pods: Counter[str] = Counter()
        self._fitting: dict[bytes, list[str] | Unschedulable] = {}

    def put(self, node: SchedulableNode) -> bool:
        """Add or replace a node; return whether it differs from the one known."""
        if self._nodes.get(node.name) == node:
            return False
        self._nodes[node.name] = node
        self._fitting.clear()
        return True

    def remove(self, name: str) -> None:
        """Forget a node."""
        if self._nodes.pop(name, None) is not None:
            self._fitting.clear()

    def add_pod(self, node: str) -> None:
        """Count a pod that is on a node, or about to be."""
        self._pods[node] += 1
        self._if_on_edge(node, self._pods[node])

    def remove_pod(self, node: str) -> bool:
        """Forget a pod that has left a node; True if the node was full until now."""
        self._pods[node] -= 1
        return self._if_on_edge(node, self._pods[node] + 1)

    def _if_on_edge(self, name: str, pods: int) -> bool:
        node = self._nodes.get(name)
        if node is None or pods != node.room:
            return False
        self._fitting.clear()
        return True

    def choose(self, spec: Obj) -> str | Unschedulable:
        """Choose a node for a pod with this spec."""
        constraints = {name: spec[name] for name in _CONSTRAINTS if spec.get(name)}
        key = orjson.dumps(constraints)
        fitting = self._fitting.get(key)
        if fitting is None:
            refused = {name: self._refusal(node, spec) for name, node in self._nodes.items()}
            fitting = [name for name, why in refused.items() if not why] or Unschedulable(
                _message(refused.values())
            )
            self._fitting[key] = fitting
        if isinstance(fitting, Unschedulable):
            return fitting
        # Counter.__missing__ is Python code; __getitem__ calls it for empty nodes only.
        return min(fitting, key=self._pods.__getitem__)

    def _refusal(self, node: SchedulableNode, spec: Obj) -> str:
        """Return why a pod cannot go to a node; empty if it can."""
        if not node.open:
            return "node(s) were unschedulable"
        for taint in node.taints:
            if not any(tolerates(one, taint) for one in spec.get("tolerations") or ()):
                return f"node(s) had untolerated taint(s) {{{taint[0]}: {taint[1]}}}"
        if not _matches(node, spec):
            return "node(s) didn't match Pod's node affinity/selector"
        return "" if self._pods[node.name] < node.room else "Too many pods"


def _message(refusals: Any) -> str:
    counts = Counter(refusals)
    total = counts.total()
    if not total:
        return "no nodes available to schedule pods"
    reasons = ", ".join(sorted(f"{count} {why}" for why, count in counts.items()))
    return f"0/{total} nodes are available: {reasons}."


def tolerates(toleration: Obj, taint: tuple[str, str, str]) -> bool:
    """Return whether a toleration is of a taint: its key, value and effect."""
    key, value, effect = taint
    if toleration.get("effect", "") not in ("", effect):
        return False
    exists = toleration.get("operator") == "Exists"
    wanted = toleration.get("key", "")
    if not wanted:
        return exists
    return bool(wanted == key and (exists or toleration.get("value", "") == value))


def _matches(node: SchedulableNode, spec: Obj) -> bool:
    selector = spec.get("nodeSelector") or {}
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(_term(node, term) for term in required.get("nodeSelectorTerms") or ())


def _term(node: SchedulableNode, term: Obj) -> bool:
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_holds(node.labels, one) for one in expressions) and all(
        _holds({"metadata.name": node.name}, one) for one in fields
    )


def _holds(labels: Mapping[str, str], expression: Obj) -> bool:
    requirement = read_expression(expression)
    return requirement is not None and requirement.matches(labels.get(requirement.key))
