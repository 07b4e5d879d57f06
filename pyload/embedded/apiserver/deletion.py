"""The deletion of objects that do not vanish at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import NAMESPACE

if TYPE_CHECKING:
    from datetime import datetime

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


FOREGROUND: Final = "foregroundDeletion"
"""The finalizer of an object that goes after its dependents."""

ORPHAN: Final = "orphan"
"""The finalizer of an object whose dependents are to stay."""

_POLICIES: Final = {"Foreground": FOREGROUND, "Orphan": ORPHAN}


def with_policy(obj: Obj, policy: str) -> Obj | None:
    """Return an object with the finalizer of a propagation policy; None if it needs none."""
    finalizer, metadata = _POLICIES.get(policy), obj["metadata"]
    held = metadata.get("finalizers") or []
    if finalizer is None or finalizer in held or "deletionTimestamp" in metadata:
        return None
    return {**obj, "metadata": {**metadata, "finalizers": [*held, finalizer]}}


def timestamp(now: datetime) -> str:
    """Write a time, which must be UTC, as Kubernetes does: in whole seconds."""
    return now.isoformat(timespec="seconds")[:19] + "Z"


def is_held(kind: Kind, obj: Obj) -> bool:
    """Return whether finalizers keep the object from vanishing."""
    if obj["metadata"].get("finalizers"):
        return True
    return kind is NAMESPACE and bool(obj.get("spec", {}).get("finalizers"))


def mark_deleted(kind: Kind, obj: Obj, *, now: datetime, grace: int | None) -> Obj | None:
    """Return the object as a DELETE marks it, or None where it marks nothing.

    A pod always gets a deletionTimestamp, even if it vanishes right after; other objects only if
    a finalizer holds them.
    """
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata:
        current = metadata.get("deletionGracePeriodSeconds")
        if not kind.graceful or not current or grace is None or grace >= current:
            return None
        # Only a shorter grace period counts, and it counts from the first deletion.
        return _marked(obj, now=now, grace=grace, generation=0)
    if kind.graceful:
        return _marked(obj, now=now, grace=_grace_of_pod(obj, grace), generation=1)
    if is_held(kind, obj):
        marked = _marked(obj, now=now, grace=None if kind is NAMESPACE else 0, generation=1)
        if kind is NAMESPACE:
            marked["status"] = {**obj.get("status", {}), "phase": "Terminating"}
        return marked
    return None


def has_ended(pod: Obj) -> bool:
    """Return whether a pod's containers have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def _grace_of_pod(obj: Obj, grace: int | None) -> int:
    spec = obj.get("spec", {})
    if grace is None:
        grace = spec.get("terminationGracePeriodSeconds", 30)
    if not spec.get("nodeName") or has_ended(obj):
        return 0
    return 1 if grace < 0 else grace


def _marked(obj: Obj, *, now: datetime, grace: int | None, generation: int) -> Obj:
    metadata = dict(obj["metadata"])
    metadata["deletionTimestamp"] = timestamp(now + timedelta(seconds=grace or 0))
    if grace is not None:
        metadata["deletionGracePeriodSeconds"] = grace
    if generation and "generation" in metadata:
        metadata["generation"] += generation
    return {**obj, "metadata": metadata}
