"""The controller of PodDisruptionBudgets: how many pods may be evicted at the moment.

It answers a change of a budget, or of a pod in the namespace of one, a moment later with the
budget's status. Evictions decide by that status alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.deletion import has_ended, timestamp
from pyload.embedded.apiserver.evictions import covers
from pyload.embedded.apiserver.kinds import (
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
)
from pyload.embedded.controllers.deployments import share
from pyload.embedded.controllers.later import Later
from pyload.embedded.controllers.owners import controller_of
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Event, Store
    from pyload.embedded.apiserver.stored_object import Key
    from pyload.kube.resources import Obj

_SCALED: Final = {kind.kind: kind for kind in (DEPLOYMENT, REPLICA_SET, STATEFUL_SET)}


class DisruptionBudgets:
    """Keeps the status of PodDisruptionBudgets.

    Args:
        store: The store.
        sources: Its clock.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources
        self._planned: Later[Key] = Later(sources, self._reconcile)
        store.subscribe(DISRUPTION_BUDGET, self._on_budget)
        store.subscribe(POD, self._on_pod)

    def _on_budget(self, event: Event) -> None:
        if event.type != "DELETED":
            self._planned.add(event.entry.key)

    def _on_pod(self, event: Event) -> None:
        for budget in self._store.entries(DISRUPTION_BUDGET, event.entry.key[0]):
            self._planned.add(budget.key)

    def _reconcile(self, key: Key) -> None:
        entry = self._store.get(DISRUPTION_BUDGET, *key)
        if entry is None:
            return
        budget = entry.obj
        pods = [
            pod.obj
            for pod in self._store.entries(POD, key[0])
            if covers(budget, pod.obj) and not has_ended(pod.obj)
        ]
        status = budget_status(
            budget,
            pods,
            expected=_expected(self._store, pods),
            now=timestamp(self._sources.now()),
        )
        if status != budget.get("status"):
            metadata = dict(budget["metadata"])
            self._store.update(
                DISRUPTION_BUDGET, {**budget, "metadata": metadata, "status": status}
            )


def budget_status(budget: Obj, pods: list[Obj], *, expected: int | None, now: str) -> Obj:
    """Return a budget's status.

    Args:
        budget: The budget.
        pods: Those that it covers.
        expected: Pods that their controllers want; None if some have no controller with a number.
        now: A Kubernetes timestamp.
    """
    spec = budget["spec"]
    healthy = sum(
        1 for pod in pods if has_condition(pod) and "deletionTimestamp" not in pod["metadata"]
    )
    least = spec.get("minAvailable")
    if isinstance(least, int):
        expected, desired = len(pods), least
    elif expected is None:
        # What the share is of cannot be known, so nothing may go.
        expected, desired = len(pods), healthy + 1
    elif least is not None:
        desired = math.ceil(share(least, expected))
    else:
        desired = max(0, expected - math.ceil(share(spec.get("maxUnavailable", 0), expected)))
    allowed = max(0, healthy - desired) if expected > 0 else 0
    return {
        "conditions": [_condition(budget, allowed, now)],
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"]["generation"],
    }


def _condition(budget: Obj, allowed: int, now: str) -> Obj:
    state = "True" if allowed else "False"
    for before in (budget.get("status") or {}).get("conditions") or ():
        if before["status"] == state:
            now = before["lastTransitionTime"]
    return {
        "type": "DisruptionAllowed",
        "status": state,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "observedGeneration": budget["metadata"]["generation"],
        "lastTransitionTime": now,
    }


def _expected(store: Store, pods: list[Obj]) -> int | None:
    wanted: dict[str, int] = {}
    for pod in pods:
        scaled = _scaled(store, pod)
        if scaled is None:
            return None
        wanted[scaled["metadata"]["uid"]] = scaled["spec"].get("replicas", 1)
    return sum(wanted.values())


def _scaled(store: Store, obj: Obj) -> Obj | None:
    """Return the workload at the top of an object's owners that says how many there are to be."""
    top: Obj | None = None
    owner: Any = controller_of(obj)
    while owner and owner["kind"] in _SCALED:
        entry = store.get(_SCALED[owner["kind"]], obj["metadata"]["namespace"], owner["name"])
        if entry is None:
            break
        top = entry.obj
        owner = controller_of(top)
    return top
