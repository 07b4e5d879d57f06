"""Maps. ``set``, ``unset`` and the merges change their first argument, as in Go."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.limits import MAX_DEPTH
from pyload.gotemplate.nils import NilMap
from pyload.gotemplate.sprig.bounds import Budget
from pyload.gotemplate.sprig.casts import strval
from pyload.gotemplate.sprig.equality import empty
from pyload.gotemplate.values import Object, Strings, kind_of, type_of, utf8

_Map = dict[str, Any]


def _dict(*pairs: Any) -> _Map:
    """A map of keys and values in turn; the last key may lack its value, which is empty then."""
    values = [*pairs, ""] if len(pairs) % 2 else pairs
    return {strval(values[index]): values[index + 1] for index in range(0, len(values), 2)}


def _get(mapping: _Map, key: str) -> Any:
    return mapping.get(key, "")


def _set(mapping: _Map, key: str, value: Any) -> _Map:
    if isinstance(mapping, NilMap):
        raise Failure("assignment to entry in nil map")
    mapping[key] = value
    return mapping


def _unset(mapping: _Map, key: str) -> _Map:
    mapping.pop(key, None)
    return mapping


def _pluck(key: str, *mappings: _Map) -> list[Any]:
    return [mapping[key] for mapping in mappings if key in mapping]


def _keys(*mappings: _Map) -> Strings:
    """All keys, map by map; Go's order is random, here each map's is that of its bytes."""
    return Strings(key for mapping in mappings for key in sorted(mapping, key=utf8))


def _values(mapping: _Map) -> list[Any]:
    return [mapping[key] for key in sorted(mapping, key=utf8)]


def _pick(mapping: _Map, *keys: str) -> _Map:
    return {key: mapping[key] for key in keys if key in mapping}


def _omit(mapping: _Map, *keys: str) -> _Map:
    return {key: value for key, value in mapping.items() if key not in keys}


def _merge_into(
    target: _Map, source: _Map, budget: Budget, *, overwrite: bool, depth: int = 0
) -> None:
    if depth > MAX_DEPTH:
        raise Failure(f"maps nest deeper than {MAX_DEPTH} levels")
    for key, value in source.items():
        budget.spend()
        if value is None:
            if overwrite:
                target[key] = None
            continue
        present = target.get(key)
        maps = kind_of(value) == "map" and kind_of(present) == "map"
        if maps and present is not None:
            _merge_into(present, value, budget, overwrite=overwrite, depth=depth + 1)
        if empty(present) or (overwrite and not maps):
            target[key] = value


def _merge(target: _Map, *sources: _Map, overwrite: bool = False) -> _Map:
    # A new map instead of nil, if there is anything to merge.
    real = any(not isinstance(source, NilMap) for source in sources)
    target = {} if real and isinstance(target, NilMap) else target
    budget = Budget()
    for source in sources:
        _merge_into(target, source, budget, overwrite=overwrite)
    return target


_merge_overwrite: Final = partial(_merge, overwrite=True)


def _dig(*path: Any) -> Any:
    """Follow keys into nested maps: the keys, what to answer if one is missing, and the map."""
    if len(path) < 3:
        raise Failure("dig needs at least three arguments")
    *keys, default, value = path
    if type(value) is not dict:
        raise _conversion(value, "map[string]interface {}")
    for key in keys:
        if not isinstance(key, str):
            raise _conversion(key, "string")
    for key in keys:
        if type(value) is not dict:
            raise _conversion(value, "map[string]interface {}")
        if key not in value:
            return default
        value = value[key]
    return value


def _conversion(value: Any, wanted: str) -> Failure:
    actual = "nil" if value is None else type_of(value)
    return Failure(f"interface conversion: interface {{}} is {actual}, not {wanted}")


def _deep_copy(value: Any, budget: Budget, depth: int = 0) -> Any:
    budget.spend()
    if depth > MAX_DEPTH:
        raise Failure(f"deepCopy error: values nest deeper than {MAX_DEPTH} levels")
    if isinstance(value, Object):
        return value
    if isinstance(value, dict):
        copied = {key: _deep_copy(item, budget, depth + 1) for key, item in value.items()}
        return copied if type(value) is dict else type(value)(copied)
    if isinstance(value, list):
        copies = [_deep_copy(item, budget, depth + 1) for item in value]
        return copies if type(value) is list else type(value)(copies)
    return value


def _copy(value: Any) -> Any:
    if value is None:
        raise Failure("reflect: call of reflect.Value.Type on zero Value")
    return _deep_copy(value, Budget())


FUNCTIONS: Final = (
    Function("dict", _dict, variadic="any"),
    Function("get", _get, ("map", "string")),
    Function("set", _set, ("map", "string", "any")),
    Function("unset", _unset, ("map", "string")),
    Function("hasKey", lambda mapping, key: key in mapping, ("map", "string")),
    Function("pluck", _pluck, ("string",), "map"),
    Function("keys", _keys, variadic="map"),
    Function("values", _values, ("map",)),
    Function("pick", _pick, ("map",), "string"),
    Function("omit", _omit, ("map",), "string"),
    Function("merge", _merge, ("map",), "map"),
    Function("mustMerge", _merge, ("map",), "map"),
    Function("mergeOverwrite", _merge_overwrite, ("map",), "map"),
    Function("mustMergeOverwrite", _merge_overwrite, ("map",), "map"),
    Function("dig", _dig, variadic="any"),
    Function("deepCopy", _copy, ("any",)),
    Function("mustDeepCopy", _copy, ("any",)),
)
