"""The object in a request's body, reduced to the parts that the request may change.

A write to an object does not change its status, and one to the status nothing else; some fields
stay as they are if the client leaves them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import defaults, refusals
from pyload.embedded.apiserver.kinds import NAMESPACE, POD
from pyload.embedded.apiserver.versions import in_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.requests import Target
    from pyload.kube.resources import Obj


_KEPT_POD_FIELDS: Final = ("tolerations", "nodeName", "priority", "preemptionPolicy")
"""Fields that admission or the scheduler adds to a pod, and that an update may leave out."""


_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
_OBJECT_OR_NULL: Final = (dict, type(None))
_METADATA_TYPES: Final[Mapping[str, type]] = {
    "name": str,
    "generateName": str,
    "namespace": str,
    "uid": str,
    "resourceVersion": str,
    "labels": dict,
    "annotations": dict,
    "finalizers": list,
    "ownerReferences": list,
}


def read_object(body: Any, target: Target) -> Obj:
    """Return a copy of a body that describes the target.

    Raises:
        Refused: The body is malformed, or has another kind, version, namespace or name.
    """
    kind = target.kind
    if not isinstance(body, dict):
        raise refusals.bad_request("the body is not an object")
    found, version = body.get("kind", ""), body.get("apiVersion", "")
    if (found and found != kind.kind) or (version and version != target.api_version):
        raise refusals.bad_request(
            f"{found} in version {version!r} cannot be handled as a {kind.kind} in version "
            f"{target.api_version!r}"
        )
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict):
        raise refusals.bad_request("metadata is not an object")
    for field, value in metadata.items():
        if value is not None and not isinstance(value, _METADATA_TYPES.get(field, object)):
            raise refusals.bad_request(f"metadata.{field} cannot be {value!r}")
    # What is empty is not kept: a real server decodes it into a type that leaves it out again.
    metadata = {field: value for field, value in metadata.items() if value not in _EMPTY}
    name, namespace = metadata.get("name", ""), metadata.get("namespace", "")
    if target.name:
        if name and name != target.name:
            raise refusals.bad_request(
                f"the name of the object ({name}) does not match the name on the URL "
                f"({target.name})"
            )
        metadata["name"] = target.name
    if not kind.namespaced:
        metadata.pop("namespace", None)
    elif namespace and namespace != target.namespace:
        raise refusals.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    else:
        metadata["namespace"] = target.namespace
    obj = {**body, "kind": kind.kind, "apiVersion": target.api_version, "metadata": metadata}
    if not all(isinstance(obj.get(part), _OBJECT_OR_NULL) for part in ("spec", "status")):
        raise refusals.bad_request("spec and status must be objects")
    return obj if target.api_version == kind.api_version else in_version(obj, kind.api_version)


def with_status(kind: Kind, obj: Obj, old: Obj) -> Obj:
    """Return the old object with the parts that its status subresource may change."""
    changed = {**old}
    if "status" in obj:
        changed["status"] = obj["status"]
    else:
        changed.pop("status", None)
    if kind is POD and "qosClass" in old.get("status", {}):
        changed["status"] = {
            "qosClass": old["status"]["qosClass"],
            **changed.get("status", {}),
        }
    if not kind.custom:
        metadata = dict(old["metadata"])
        for field in ("labels", "annotations", "finalizers"):
            if field in obj["metadata"]:
                metadata[field] = obj["metadata"][field]
            else:
                metadata.pop(field, None)
        changed["metadata"] = metadata
    return defaults.fill(kind, changed)


def without_status(kind: Kind, obj: Obj, old: Obj) -> Obj:
    """Return the new object with the old one's status and the other fields that an update keeps."""
    if kind.has_status:
        obj.pop("status", None)
        if "status" in old:
            obj["status"] = old["status"]
    if kind is NAMESPACE:
        obj["spec"] = old.get("spec", {})
    if kind is POD:
        kept = {name: old["spec"][name] for name in _KEPT_POD_FIELDS if name in old["spec"]}
        obj["spec"] = {**kept, **obj.get("spec", {})}
    return defaults.fill(kind, obj)
