"""JSON merge patch (RFC 7386), JSON patch (RFC 6902) and strategic merge patch.

All take objects as immutable: they give new ones, which share what did not change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyload.embedded.apiserver.patches.shapes import MergeShape
    from pyload.kube.resources import Obj


MAX_OPERATIONS: Final = 10_000


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch: nulls remove, maps merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """Apply the operations of a JSON patch.

    Raises:
        Refused: They are not operations (400), or one fails (422).
    """
    if not isinstance(operations, list):
        raise refusals.bad_request("error decoding patch: a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}"
        raise refusals.Refused(413, "RequestEntityTooLarge", message)
    for operation in operations:
        target = _operate(target, operation)
    return target


def _operate(target: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise refusals.bad_request("error decoding patch: an operation needs op and path")
    path = _pointer(operation["path"])
    match operation.get("op"):
        case "add":
            return _add(target, path, _operand(operation))
        case "remove":
            return _remove(target, path)
        case "replace":
            _read(target, path)
            return _replace(target, path, _operand(operation))
        case "move":
            source = _pointer(str(operation.get("from", "")))
            if path[: len(source)] == source and path != source:
                raise _failed("a value cannot move into itself")
            value = _read(target, source)
            return _add(_remove(target, source), path, value)
        case "copy":
            return _add(target, path, _read(target, _pointer(str(operation.get("from", "")))))
        case "test":
            wanted = operation.get("value")
            # As in the library of real servers, a field that is not there is null.
            container = _read(target, path[:-1])
            absent = bool(path) and isinstance(container, dict) and path[-1] not in container
            if (None if absent else _read(target, path)) != wanted:
                raise _failed(f"testing value {operation['path']} failed")
            return target
        case other:
            raise _failed(f"unknown operation {other!r}")


def _operand(operation: Obj) -> Any:
    if "value" not in operation:
        raise _failed(f"operation {operation.get('op')} needs a value")
    return operation["value"]


def _failed(why: str) -> refusals.Refused:
    message = "the server rejected our request due to an error in our request"
    cause = {"reason": "UnexpectedServerResponse", "message": why}
    return refusals.Refused(422, "Invalid", message, details={"causes": [cause]})


def _pointer(text: str) -> tuple[str, ...]:
    if text == "":
        return ()
    if not text.startswith("/"):
        raise _failed(f"{text!r} is not a JSON pointer")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def _index(step: str, *, limit: int) -> int:
    if not step.isdecimal() or (len(step) > 1 and step[0] == "0") or int(step) > limit:
        raise _failed(f"there is no item {step!r}")
    return int(step)


def _at(container: Any, step: str) -> Any:
    """Return the key or the index under which a container has a step of a path."""
    if isinstance(container, list):
        return _index(step, limit=len(container) - 1)
    if isinstance(container, dict) and step in container:
        return step
    raise _failed(f"there is no {step!r}")


def _read(target: Any, path: Sequence[str]) -> Any:
    for step in path:
        target = target[_at(target, step)]
    return target


def _changed(target: Any, path: Sequence[str], change: Callable[[Any, str], None]) -> Any:
    """Copy the containers along a path, and let ``change`` alter the last one."""
    step, *rest = path
    if not isinstance(target, dict | list):
        raise _failed(f"there is no {step!r}")
    copy: Any = target.copy()
    if rest:
        at = _at(copy, step)
        copy[at] = _changed(copy[at], rest, change)
    else:
        change(copy, step)
    return copy


def _add(target: Any, path: Sequence[str], value: Any) -> Any:
    def change(container: Any, step: str) -> None:
        if isinstance(container, dict):
            container[step] = value
        elif step == "-":
            container.append(value)
        else:
            container.insert(_index(step, limit=len(container)), value)

    return _changed(target, path, change) if path else value


def _replace(target: Any, path: Sequence[str], value: Any) -> Any:
    def change(container: Any, step: str) -> None:
        container[_at(container, step)] = value

    return _changed(target, path, change) if path else value


def _remove(target: Any, path: Sequence[str]) -> Any:
    def change(container: Any, step: str) -> None:
        del container[_at(container, step)]

    if not path:
        raise _failed("the whole object cannot be removed")
    return _changed(target, path, change)


_SET_ORDER: Final = "$setElementOrder/"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"


def strategic_merge_patch(target: Obj, patch: Obj, shape: MergeShape) -> Obj:
    """Apply a strategic merge patch: as a merge patch, but keyed lists merge item by item.

    Understands ``$patch: replace|delete|merge``, ``$retainKeys``, ``$setElementOrder/FIELD`` and
    ``$deleteFromPrimitiveList/FIELD``.

    Raises:
        Refused: A directive makes no sense, or an item lacks its key.
    """
    directive = patch.get("$patch", "merge")
    if directive not in ("merge", "replace", "delete"):
        raise refusals.bad_request(f"Unknown patch type {directive!r} in map")
    if directive != "merge":
        rest = {} if directive == "delete" else patch
        return {name: value for name, value in rest.items() if not name.startswith("$")}
    merged = dict(target)
    retained = patch.get("$retainKeys")
    if retained is not None:
        merged = {name: value for name, value in merged.items() if name in retained}
    for name, value in patch.items():
        if name.startswith("$"):
            _direct(merged, name, value)
        elif value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged_value(merged.get(name), value, shape.child(name))
    for name, order in patch.items():
        if name.startswith(_SET_ORDER):
            field = name.removeprefix(_SET_ORDER)
            if isinstance(merged.get(field), list):
                before = target.get(field) or []
                key = shape.child(field).merge_key
                merged[field] = _ordered(merged[field], order, before, key)
    return merged


def _direct(merged: Obj, name: str, value: Any) -> None:
    if name.startswith(_DELETE_FROM):
        field = name.removeprefix(_DELETE_FROM)
        merged[field] = [item for item in merged.get(field, []) if item not in value]
    elif not name.startswith(_SET_ORDER) and name not in ("$patch", "$retainKeys"):
        raise refusals.bad_request(f"unknown directive {name!r} in a strategic merge patch")


def _merged_value(value: Any, patch: Any, shape: MergeShape) -> Any:
    if isinstance(patch, dict):
        return strategic_merge_patch(value if isinstance(value, dict) else {}, patch, shape)
    if isinstance(patch, list):
        value = value if isinstance(value, list) else []
        if shape.merge_key:
            return _merged_items(value, patch, shape)
        if shape.is_set:
            both = [*value, *(item for item in patch if item not in value)]
            return _ordered(both, patch, value, "")
    return patch


def _merged_items(items: list[Obj], patch: list[Obj], shape: MergeShape) -> list[Obj]:
    key = shape.merge_key
    if any(entry.get("$patch") == "replace" for entry in patch):
        return [entry for entry in patch if entry.get("$patch") != "replace"]
    merged = list(items)
    for entry in patch:
        if key not in entry:
            raise refusals.bad_request(f"map: {entry} does not contain declared merge key: {key}")
        at = next((i for i, item in enumerate(merged) if item.get(key) == entry[key]), None)
        if entry.get("$patch") == "delete":
            if at is not None:
                del merged[at]
        elif at is None:
            merged.append(strategic_merge_patch({}, entry, shape.item))
        else:
            merged[at] = strategic_merge_patch(merged[at], entry, shape.item)
    return _ordered(merged, patch, items, key)


def _ordered(items: list[Any], order: list[Any], before: list[Any], key: str) -> list[Any]:
    """Put the items of a list into the order of a patch.

    Items that the patch does not name come before the first one that they stood before, and new
    ones therefore before all that are left.

    Args:
        items: The items to order.
        order: Items, or their keys alone, in the order that is wanted.
        before: The list as it was.
        key: The field that identifies an item; empty for what is no map.
    """

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    ranks = {identity(item): rank for rank, item in enumerate(order)}
    places = {identity(item): place for place, item in enumerate(before)}
    others = [item for item in items if identity(item) not in ranks]
    ordered = []
    named = (item for item in items if identity(item) in ranks)
    for item in sorted(named, key=lambda one: ranks[identity(one)]):
        place = places.get(identity(item), 0)
        while others and places.get(identity(others[0]), place) < place:
            ordered.append(others.pop(0))
        ordered.append(item)
    return [*ordered, *others]
