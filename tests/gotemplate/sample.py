"""The functions and the data of the templates in ``scenarios/go.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.fmt import sprint
from pyload.gotemplate.functions import Failure, function
from pyload.gotemplate.values import (
    Int32,
    Int64,
    Ints,
    StringMap,
    Strings,
    Uint8,
    Uint64,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@function("upper", "string")
def _upper(text: str) -> str:
    return text.upper()


@function("trunc", "int", "string")
def _trunc(length: int, text: str) -> str:
    return text[:length] if length < len(text) else text


@function("half", "float64")
def _half(number: float) -> float:
    return number / 2


@function("toint64", "any")
def _toint64(value: Any) -> Int64:
    return Int64(_only(value, int, "int"))


@function("wide", "int64")
def _wide(value: Int64) -> str:
    return type_of(value)


@function("flag", "bool")
def _flag(value: bool) -> str:  # noqa: FBT001 - templates pass it by position
    return "true" if value else "false"


@function("items", "list")
def _items(values: list[Any]) -> int:
    return len(values)


@function("keys", "map")
def _keys(values: dict[str, Any]) -> int:
    return len(values)


@function("cat", variadic="any")
def _cat(*values: Any) -> str:
    return sprint(values)


@function("joinall", "string", variadic="string")
def _joinall(separator: str, *texts: str) -> str:
    return separator.join(texts)


@function("seq", "int")
def _seq(count: int) -> Ints:
    return Ints(range(count))


@function("words", "string")
def _words(text: str) -> Strings:
    return Strings(text.split())


@function("smap", "string", "string")
def _smap(key: str, value: str) -> StringMap:
    return StringMap({key: value})


@function("self", "any")
def _self(value: Any) -> Any:
    return value


@function("failing")
def _failing() -> str:
    raise Failure("no 100% luck")


@function("list", variadic="any")
def _list(*values: Any) -> list[Any]:
    return list(values)


@function("dict", variadic="any")
def _dict(*values: Any) -> dict[str, Any]:
    pairs = zip(values[::2], values[1::2], strict=False)
    return {_only(key, str, "string"): value for key, value in pairs}


def _only(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        found = "nil" if value is None else type_of(value)
        raise Failure(f"interface conversion: interface {{}} is {found}, not {name}")
    return value


FUNCTIONS: Final = {
    sample.name: sample
    for sample in (
        _cat,
        _dict,
        _failing,
        _flag,
        _half,
        _items,
        _joinall,
        _keys,
        _list,
        _self,
        _seq,
        _smap,
        _toint64,
        _trunc,
        _upper,
        _wide,
        _words,
    )
}
"""By name."""

_TYPES: Final[dict[str, Callable[[Any], Any]]] = {
    "$bytes": str.encode,
    "$float": float,
    "$int": int,
    "$int32": Int32,
    "$int64": Int64,
    "$stringmap": StringMap,
    "$strings": Strings,
    "$uint64": Uint64,
    "$uint8": Uint8,
}


def of_json(value: Any) -> Any:
    """Make a Go value of JSON, where ``{"$int": 5}`` is an int and a plain number a float64."""
    if isinstance(value, dict):
        if len(value) == 1 and (name := next(iter(value))) in _TYPES:
            return _TYPES[name](value[name])
        return {name: of_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [of_json(item) for item in value]
    return float(value) if type(value) is int else value
