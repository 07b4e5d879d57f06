"""Sets of fields, in the FieldsV1 form in which managedFields holds them.

A set is a dict from path elements (``f:NAME`` a field, ``k:{…}`` an item of a keyed list, ``v:…``
a value in a set) to nodes. A node is a dict of the elements below; the node itself is a member of
the set if it is empty or has the element ``.``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver.patches.shapes import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.embedded.apiserver.patches.shapes import MergeShape
    from pyload.kube.resources import Obj

Fields = dict[str, Any]

# Shared by all sets: there are many of these, and a set is never changed once it is made.
_LEAF: Final[Fields] = {}
_ITEM: Final[Fields] = {".": _LEAF}


def is_member(node: Fields) -> bool:
    """Return whether a node itself belongs to its set."""
    return not node or "." in node


def union(one: Fields, other: Fields) -> Fields:
    """Return the fields of either set."""
    if not one or not other:
        return one or other
    joined = dict(one)
    for element, node in other.items():
        mine = joined.get(element)
        if mine is None:
            joined[element] = node
        elif element != ".":
            joined[element] = _join(mine, node)
    return joined


def _join(one: Fields, other: Fields) -> Fields:
    if not one and not other:
        return one
    joined = union(one, other)
    if is_member(one) or is_member(other):
        joined = {".": {}, **joined}
    return joined


def difference(one: Fields, other: Fields) -> Fields:
    """Return the fields of the first set that the second lacks."""
    if not other:
        return one
    left: Fields = {}
    for element, node in one.items():
        if element == ".":
            continue
        removed = other.get(element)
        if removed is None:
            left[element] = node
            continue
        below = difference(node, removed) if node else {}
        below.pop(".", None)
        if is_member(node) and not is_member(removed):
            left[element] = {".": {}, **below} if below else {}
        elif below:
            left[element] = below
    return left


def intersection(one: Fields, other: Fields) -> Fields:
    """Return the fields of both sets."""
    common: Fields = {}
    for element, node in one.items():
        match = other.get(element)
        if element == "." or match is None:
            continue
        below = intersection(node, match)
        if is_member(node) and is_member(match):
            common[element] = {".": {}, **below} if below else {}
        elif below:
            common[element] = below
    return common


def paths(fields: Fields, prefix: str = "") -> Iterator[str]:
    """Iterate over the members as messages show them: ``.spec.ports[port=80]``."""
    for element, node in fields.items():
        if element == ".":
            continue
        kind, _, text = element.partition(":")
        if kind == "f":
            path = f"{prefix}.{text}"
        elif kind == "k":
            keys = orjson.loads(text)
            shown = ",".join(f"{key}={orjson.dumps(value).decode()}" for key, value in keys.items())
            path = f"{prefix}[{shown}]"
        else:
            path = f"{prefix}[={text}]"
        if is_member(node):
            yield path
        yield from paths(node, path)


@lru_cache(maxsize=4096)
def _field(name: str) -> str:
    # Cached so that equal names share one text.
    return "f:" + name


def of_config(config: Obj, shape: MergeShape) -> Fields:
    """Return the fields that an applied configuration sets."""
    return _with_config({}, config, shape)


def _with_config(node: Fields, config: Obj, shape: MergeShape) -> Fields:
    """Add the fields of a map to its node, and return the node."""
    fields, items = shape.fields, shape.items
    for name, value in config.items():
        below = _LEAF
        # Most values are scalars, or lists that nothing identifies the items of.
        if value and (value.__class__ is dict or value.__class__ is list):
            inner = fields.get(name) or items or PLAIN
            if value.__class__ is dict:
                below = _LEAF if inner.atomic else _with_config({}, value, inner)
            elif inner.keys:
                below = {inner.key_of(item): _item_node(item, inner.item) for item in value}
            elif inner.is_set:
                below = {value_element(item): _LEAF for item in value}
        node[_field(name)] = below
    return node


def _item_node(item: Obj, shape: MergeShape) -> Fields:
    return _ITEM if shape.atomic else _with_config({".": _LEAF}, item, shape)


def value_element(item: Any) -> str:
    """Return the path element of a value in a set."""
    return "v:" + orjson.dumps(item).decode()


def whole(value: Any, shape: MergeShape) -> Fields:
    """Return the node of a value that appears or vanishes: with everything in it."""
    if value and isinstance(value, dict) and not shape.atomic:
        return _whole_map(value, shape)
    if value and isinstance(value, list):
        if shape.keys:
            node = dict(_ITEM)
            for item in value:
                node[shape.key_of(item)] = whole(item, shape.item) or _ITEM
            return node
        if shape.is_set:
            return {**_ITEM, **{value_element(item): _LEAF for item in value}}
    return _LEAF


def _whole_map(value: Obj, shape: MergeShape) -> Fields:
    node = dict(_ITEM)
    fields, items = shape.fields, shape.items
    for name, inner in value.items():
        # Most values are scalars, or lists that nothing identifies the items of.
        if inner.__class__ is dict or inner.__class__ is list:
            node[_field(name)] = whole(inner, fields.get(name) or items or PLAIN)
        else:
            node[_field(name)] = _LEAF
    return node


def compare(old: Obj, new: Obj, shape: MergeShape) -> tuple[Fields, Fields]:
    """Return the fields that were added or modified, and those that were removed."""
    changed: Fields = {}
    removed: Fields = {}
    for name, value in new.items():
        if name not in old:
            changed[_field(name)] = whole(value, shape.child(name))
            continue
        before = old[name]
        if before is not value and before != value:
            _compare_values(_field(name), (before, value), shape.child(name), (changed, removed))
    for name, value in old.items():
        if name not in new:
            removed[_field(name)] = whole(value, shape.child(name))
    return changed, removed


def _compare_values(
    element: str, values: tuple[Any, Any], shape: MergeShape, found: tuple[Fields, Fields]
) -> None:
    """Compare one field's values before and after, and record what was changed or removed."""
    old, new = values
    below: tuple[Fields, Fields]
    if isinstance(old, dict) and isinstance(new, dict) and not shape.atomic:
        below = compare(old, new, shape)
    elif isinstance(old, list) and isinstance(new, list) and shape.keys:
        below = _compare_items(old, new, shape)
    elif isinstance(old, list) and isinstance(new, list) and shape.is_set:
        below = (
            {value_element(item): _LEAF for item in new if item not in old},
            {value_element(item): _LEAF for item in old if item not in new},
        )
    else:
        found[0][element] = _LEAF
        return
    for target, part in zip(found, below, strict=True):
        if part:
            target[element] = part


def _compare_items(old: list[Obj], new: list[Obj], shape: MergeShape) -> tuple[Fields, Fields]:
    before = {shape.key_of(item): item for item in old}
    changed: Fields = {}
    removed: Fields = {}
    for item in new:
        key = shape.key_of(item)
        match = before.pop(key, None)
        if match is None:
            changed[key] = whole(item, shape.item) or _ITEM
        elif match != item:
            _compare_values(key, (match, item), shape.item, (changed, removed))
    for key, item in before.items():
        removed[key] = whole(item, shape.item) or _ITEM
    return changed, removed
