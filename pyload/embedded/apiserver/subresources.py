"""The ``scale`` subresource of workloads: their replicas, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.apiserver import patch, refusals
from pyload.embedded.apiserver.requests import (
    APPLY_PATCH,
    JSON_PATCH,
    Reply,
    Request,
    Target,
    json_reply,
)
from pyload.embedded.apiserver.store import check_preconditions

if TYPE_CHECKING:
    from pyload.embedded.apiserver.store import Store
    from pyload.kube.resources import Obj


def scale(store: Store, request: Request, target: Target) -> Reply:
    """Answer a GET, PUT or PATCH of a workload's scale.

    Raises:
        Refused: The workload is not there, has changed, or the number makes no sense.
    """
    entry = store.need(target.kind, target.namespace, target.name)
    if request.verb != "get":
        shown = _shown(entry.obj)
        wanted = request.body
        if request.verb == "patch":
            if request.content_type == APPLY_PATCH:
                raise refusals.unsupported_media_type((JSON_PATCH,))
            change = patch.json_patch if request.content_type == JSON_PATCH else patch.merge_patch
            wanted = change(shown, request.body)
        if not isinstance(wanted, dict):
            raise refusals.bad_request("the body is not a Scale")
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            text = "must be greater than or equal to 0"
            cause = refusals.Cause.invalid("spec.replicas", replicas, text)
            raise refusals.invalid(target.kind, target.name, [cause])
        given = wanted.get("metadata") or {}
        check_preconditions(
            target.kind, entry, uid=given.get("uid"), revision=given.get("resourceVersion")
        )
        changed = {
            **entry.obj,
            "metadata": dict(entry.obj["metadata"]),
            "spec": {**entry.obj["spec"], "replicas": replicas},
        }
        if request.dry_run:
            return json_reply(200, _shown(changed))
        entry = store.update(target.kind, changed)
    return json_reply(200, _shown(entry.obj))


def _shown(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = obj.get("spec", {}).get("selector", {}).get("matchLabels", {})
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": obj.get("spec", {}).get("replicas", 0)},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }
