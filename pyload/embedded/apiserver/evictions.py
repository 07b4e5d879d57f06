"""The eviction of pods: a deletion that PodDisruptionBudgets may refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.deletion import has_ended
from pyload.embedded.apiserver.kinds import DISRUPTION_BUDGET, POD
from pyload.embedded.apiserver.requests import Reply, json_reply
from pyload.embedded.apiserver.selectors import Selector, read_labels
from pyload.embedded.apiserver.store import check_preconditions
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request, Target
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Store
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.kube.resources import Obj

_REFUSED: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL: Final = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


class Evictions:
    """Answers requests for the eviction of pods.

    Args:
        store: The store.
        sources: Its clock.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources

    def evict(self, request: Request, target: Target) -> Reply:
        """Answer a POST of a pod's ``eviction``.

        Raises:
            Refused: The pod is not there, a precondition does not hold, or a budget forbids it.
        """
        body = request.body
        if not isinstance(body, dict):
            raise refusals.bad_request("the body is not an Eviction")
        if (body.get("metadata") or {}).get("name", target.name) != target.name:
            raise refusals.bad_request("name in URL does not match name in Eviction object")
        options = body.get("deleteOptions") or {}
        dry = request.dry_run or "All" in (options.get("dryRun") or ())
        pod = self._store.need(POD, target.namespace, target.name)
        preconditions = options.get("preconditions") or {}
        check_preconditions(POD, pod, preconditions)
        budget = self._budget_of(pod.obj)
        if budget is not None:
            self._use(budget, dry=dry)
        if not dry:
            self._store.delete(
                POD,
                target.namespace,
                target.name,
                now=self._sources.now(),
                grace=options.get("gracePeriodSeconds"),
            )
        return json_reply(201, {**refusals.SUCCESS, "code": 201})

    def _budget_of(self, pod: Obj) -> StoredObject | None:
        """Return the budget that an eviction uses up, or None."""
        metadata, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
        if "deletionTimestamp" in metadata or phase == "Pending" or has_ended(pod):
            return None
        found = [
            one
            for one in self._store.entries(DISRUPTION_BUDGET, metadata["namespace"])
            if covers(one.obj, pod)
        ]
        if len(found) > 1:
            raise refusals.Refused(500, "", _SEVERAL)
        if not found or (not has_condition(pod) and _lets_unhealthy_go(found[0].obj)):
            return None
        return found[0]

    def _use(self, budget: StoredObject, *, dry: bool) -> None:
        """Note in a budget's status that one pod less may go."""
        name, obj = budget.key[1], budget.obj
        status = obj.get("status") or {}
        if status.get("observedGeneration", 0) < obj["metadata"]["generation"]:
            why = f"The disruption budget {name} is still being processed by the server."
            raise refusals.too_many_requests(_REFUSED, _cause(why), retry_after=10)
        allowed = status.get("disruptionsAllowed", 0)
        if allowed < 1:
            why = (
                f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy "
                f"pods and has {status.get('currentHealthy', 0)} currently"
            )
            raise refusals.too_many_requests(_REFUSED, _cause(why))
        if not dry:
            changed = {
                **obj,
                "metadata": dict(obj["metadata"]),
                "status": {**status, "disruptionsAllowed": allowed - 1},
            }
            self._store.update(DISRUPTION_BUDGET, changed)


def covers(budget: Obj, pod: Obj) -> bool:
    """Return whether a budget is about a pod of its namespace."""
    selector = budget["spec"].get("selector")
    labels = pod["metadata"].get("labels") or {}
    return selector is not None and Selector(read_labels(selector)).matches_labels(labels)


def _lets_unhealthy_go(budget: Obj) -> bool:
    """Return whether pods that are not ready may go without regard to the budget."""
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy", 0)
    return bool(0 < desired <= status.get("currentHealthy", 0))


def _cause(why: str) -> Obj:
    return {"reason": "DisruptionBudget", "message": why}
