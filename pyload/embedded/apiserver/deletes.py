"""Delete: what of an object's end comes at once, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import deletion, options, refusals
from pyload.embedded.apiserver.kinds import NAMESPACE
from pyload.embedded.apiserver.requests import Reply, Request, Target, json_reply, object_reply
from pyload.embedded.apiserver.store import check_deletable

if TYPE_CHECKING:
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Store
    from pyload.embedded.apiserver.webhooks.admission import Admission
    from pyload.kube.resources import Obj

_PROTECTED: Final = frozenset(("default", "kube-system", "kube-public"))


class Deletes:
    """Deletes objects of a store.

    Args:
        store: The store.
        admission: The webhooks that deletions have to pass.
        sources: Its clock.
    """

    def __init__(self, store: Store, admission: Admission, sources: Sources) -> None:
        self._store = store
        self._admission = admission
        self._sources = sources

    def delete(self, request: Request, target: Target) -> Reply:
        """Answer a DELETE of an object.

        Raises:
            Refused: It is not there, may not be deleted, or a precondition does not hold.
        """
        kind = target.kind
        body = request.body or {}
        if not isinstance(body, dict):
            raise refusals.bad_request("the body is not DeleteOptions")
        if kind is NAMESPACE and target.name in _PROTECTED:
            raise refusals.forbidden(kind, target.name, "this namespace may not be deleted")
        options.check_deletion(request.query, body)
        self._admission.check_deletion(request, target)
        preconditions = body.get("preconditions") or {}
        grace = body.get("gracePeriodSeconds")
        if grace is None:
            grace = request.number("gracePeriodSeconds")
        if request.dry_run:
            entry = self._store.need(kind, target.namespace, target.name)
            check_deletable(kind, entry, preconditions)
            gone = not deletion.is_held(kind, entry.obj)
            if not gone:
                now = self._sources.now()
                marked = deletion.mark_deleted(kind, entry.obj, now=now, grace=grace)
                return object_reply(200, marked or entry.obj, target)
        else:
            self._hold(request, target, body)
            entry, gone = self._store.delete(
                kind,
                target.namespace,
                target.name,
                now=self._sources.now(),
                grace=grace,
                preconditions=preconditions,
            )
        if gone and not kind.returns_object:
            answer = refusals.success(kind, target.name, entry.obj["metadata"]["uid"])
            return json_reply(200, answer)
        return Reply(200, entry.json(target.api_version))

    def _hold(self, request: Request, target: Target, body: Obj) -> None:
        """Put the finalizer on an object that its deletion asks for, as for its dependents."""
        policy = body.get("propagationPolicy") or request.query.get("propagationPolicy", "")
        if body.get("orphanDependents"):
            policy = "Orphan"
        entry = self._store.need(target.kind, target.namespace, target.name)
        check_deletable(target.kind, entry, body.get("preconditions") or {})
        held = deletion.with_policy(entry.obj, policy)
        if held is not None:
            self._store.update(target.kind, held)
