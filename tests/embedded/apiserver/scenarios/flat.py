"""Flat objects: what is in them, and what patches make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.scenarios.peers import Sample

Field = tuple[str, ...]

TEXTS: Final = ("labels", "annotations")


class WrongError(Exception):
    """A call that is refused.

    Args:
        code: HTTP status code.
        reason: ``reason`` of the Status.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def without_version(obj: Obj) -> Obj:
    """Return an object as it is in any version."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": ""}}


def defaulted(sample: Sample, obj: Obj) -> Obj:
    """Return an object of a custom kind with what its schema fills in and leaves out."""
    content = obj.get(sample.content)
    if not sample.custom or content is None:
        return obj
    known = {name: value for name, value in content.items() if name != "unknown"}
    return {**obj, sample.content: {"b": "0", **known}}


def check_content(sample: Sample, obj: Obj) -> None:
    """Refuse an object with a value that its kind may not have."""
    for name, value in (obj.get(sample.content) or {}).items():
        if any(value is one or (value == one and value != 1) for one in sample.wrong.get(name, ())):
            raise WrongError(422, "Invalid")


def has_wrong_type(sample: Sample, obj: Obj) -> bool:
    """Return whether a field has a value of another type than those that it may have."""
    content = obj.get(sample.content) or {}
    known = {name: type(values[0]) for name, values in sample.values.items()}
    return any(type(value) is not known.get(name, type(value)) for name, value in content.items())


def merged(old: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        result[name] = merged(result.get(name), value)
        if value is None:
            del result[name]
    return result


def operate(obj: Any, operation: Obj) -> Any:
    """Apply one operation of a JSON patch (RFC 6902) to maps."""
    first, *rest = operation["path"].removeprefix("/").split("/")
    if rest:
        if not isinstance(obj.get(first), dict):
            raise WrongError(422, "Invalid")
        return {**obj, first: operate(obj[first], {**operation, "path": "/".join(rest)})}
    match operation["op"]:
        case "add":
            return {**obj, first: operation["value"]}
        case "replace" | "remove" if first not in obj:
            raise WrongError(422, "Invalid")
        case "replace":
            return {**obj, first: operation["value"]}
        case "remove":
            return {name: value for name, value in obj.items() if name != first}
        case _ if obj.get(first) != operation["value"]:
            raise WrongError(422, "Invalid")
    return obj


def leaves(sample: Sample, obj: Obj) -> dict[Field, Any]:
    """Return what clients own of an object, one by one."""
    found: dict[Field, Any] = {}
    for top in (sample.content, "status"):
        found |= {(top, name): value for name, value in (obj.get(top) or {}).items()}
    for top in TEXTS:
        texts = obj["metadata"].get(top) or {}
        found |= {("metadata", top, name): value for name, value in texts.items()}
    for one in obj["metadata"].get("finalizers") or ():
        found["metadata", "finalizers", one] = one
    return found


def with_leaves(sample: Sample, obj: Obj, left: dict[Field, Any]) -> Obj:
    """Return an object with other fields than it has."""
    result = {**obj, "metadata": {**obj["metadata"], "labels": {}, "annotations": {}}}
    result |= {top: {} for top in (sample.content, "status") if top in obj}
    finalizers: list[str] = []
    for path, value in left.items():
        if path[:2] == ("metadata", "finalizers"):
            finalizers.append(value)
        elif path[0] == "metadata":
            result["metadata"][path[1]][path[2]] = value
        else:
            result.setdefault(path[0], {})[path[1]] = value
    result["metadata"]["finalizers"] = finalizers
    return result
