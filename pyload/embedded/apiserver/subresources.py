"""The subresources that change one part of an object, and nothing else.

They are the ``scale`` of workloads, the ``binding`` of pods and the ``finalize`` of namespaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.bodies import read_object
from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.fields import value_at
from pyload.embedded.apiserver.kinds import NAMESPACE, POD, ScalePaths
from pyload.embedded.apiserver.patches import patch
from pyload.embedded.apiserver.requests import (
    APPLY_PATCH,
    JSON_PATCH,
    Reply,
    Request,
    Target,
    json_reply,
    object_reply,
)
from pyload.embedded.apiserver.store import check_preconditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Store
    from pyload.kube.resources import Obj


class Subresources:
    """Answers requests for subresources.

    Args:
        store: The store.
        sources: Its clock.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources

    def scale(self, request: Request, target: Target) -> Reply:
        """Answer a GET, PUT or PATCH of a workload's scale.

        Raises:
            Refused: The workload is not there, has changed, or the number makes no sense.
        """
        paths = _scale_paths(target)
        entry = self._store.need(target.kind, target.namespace, target.name)
        if request.verb != "get":
            shown = _scale_of(entry.obj, paths)
            wanted = request.body
            if request.verb == "patch":
                if request.content_type == APPLY_PATCH:
                    raise refusals.unsupported_media_type((JSON_PATCH,))
                change = (
                    patch.json_patch if request.content_type == JSON_PATCH else patch.merge_patch
                )
                wanted = change(shown, request.body)
            if not isinstance(wanted, dict):
                raise refusals.bad_request("the body is not a Scale")
            replicas = (wanted.get("spec") or {}).get("replicas", 0)
            if not isinstance(replicas, int) or replicas < 0:
                text = "must be greater than or equal to 0"
                cause = refusals.Cause.invalid("spec.replicas", replicas, text)
                raise refusals.invalid(target.kind, target.name, [cause])
            check_preconditions(target.kind, entry, wanted.get("metadata") or {})
            changed = _replaced(entry.obj, paths.replicas, replicas)
            changed["metadata"] = dict(entry.obj["metadata"])
            if request.dry_run:
                return json_reply(200, _scale_of(changed, paths))
            entry = self._store.update(target.kind, changed)
        return json_reply(200, _scale_of(entry.obj, paths))

    def finalize(self, request: Request, target: Target) -> Reply:
        """Answer a PUT of a namespace's ``finalize``: only its finalizers change.

        Raises:
            Refused: It is not there, or has changed.
        """
        obj = read_object(request.body, target)
        entry = self._store.need(NAMESPACE, "", target.name)
        check_preconditions(NAMESPACE, entry, obj["metadata"])
        wanted = (obj.get("spec") or {}).get("finalizers") or []
        spec = {**entry.obj.get("spec", {}), "finalizers": wanted}
        if not wanted:
            del spec["finalizers"]
        changed = {**entry.obj, "metadata": dict(entry.obj["metadata"]), "spec": spec}
        if request.dry_run:
            return object_reply(200, changed, target)
        return Reply(200, self._store.update(NAMESPACE, changed).json(target.api_version))

    def bind(self, request: Request, target: Target) -> Reply:
        """Answer a POST of a pod's ``binding``: the pod goes to a node.

        Raises:
            Refused: The pod is not there, or bound already.
        """
        entry = self._store.need(POD, target.namespace, target.name)
        node = ((request.body or {}).get("target") or {}).get("name", "")
        if not node:
            raise refusals.bad_request("target.name: Required value")
        spec = entry.obj["spec"]
        if spec.get("nodeName"):
            why = f'pod {target.name} is already assigned to node "{spec["nodeName"]}"'
            raise refusals.conflict(POD, target.name, why)
        scheduled = {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": timestamp(self._sources.now()),
        }
        before = entry.obj.get("status", {})
        conditions = [
            item for item in before.get("conditions", ()) if item["type"] != "PodScheduled"
        ]
        bound = {
            **entry.obj,
            "metadata": dict(entry.obj["metadata"]),
            "spec": {**spec, "nodeName": node},
            "status": {**before, "conditions": [*conditions, scheduled]},
        }
        if not request.dry_run:
            self._store.update(POD, bound)
        return json_reply(201, {**refusals.SUCCESS, "code": 201})


_BUILT_IN: Final = ScalePaths(("spec", "replicas"), ("status", "replicas"))


def _scale_paths(target: Target) -> ScalePaths:
    custom = target.kind.custom
    if not custom:
        return _BUILT_IN
    paths = custom[target.version].scale
    if paths is None:
        raise refusals.no_such_path()
    return paths


def _replaced(obj: Obj, path: Sequence[str], value: Any) -> Obj:
    """Return an object with another value where fields lead to; the argument stays as it is."""
    name, *rest = path
    return {**obj, name: _replaced(obj.get(name) or {}, rest, value) if rest else value}


def _scale_of(obj: Obj, paths: ScalePaths) -> Obj:
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    if paths is _BUILT_IN:
        labels = obj.get("spec", {}).get("selector", {}).get("matchLabels", {})
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
    else:
        selector = (value_at(obj, *paths.selector) or "") if paths.selector else ""
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": value_at(obj, *paths.replicas) or 0},
        "status": {
            "replicas": value_at(obj, *paths.status) or 0,
            **({"selector": selector} if selector else {}),
        },
    }
