"""The functions and the data of the templates in ``scenarios/go.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.fmt import sprint
from pyload.gotemplate.functions import Failure, Function, by_name
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


def _upper(text: str) -> str:
    return text.upper()


def _trunc(length: int, text: str) -> str:
    return text[:length] if length < len(text) else text


def _half(number: float) -> float:
    return number / 2


def _toint64(value: Any) -> Int64:
    return Int64(_only(value, int, "int"))


def _wide(value: Int64) -> str:
    return type_of(value)


def _flag(value: bool) -> str:  # noqa: FBT001 - templates pass it by position
    return "true" if value else "false"


def _items(values: list[Any]) -> int:
    return len(values)


def _keys(values: dict[str, Any]) -> int:
    return len(values)


def _cat(*values: Any) -> str:
    return sprint(values)


def _joinall(separator: str, *texts: str) -> str:
    return separator.join(texts)


def _seq(count: int) -> Ints:
    return Ints(range(count))


def _words(text: str) -> Strings:
    return Strings(text.split())


def _smap(key: str, value: str) -> StringMap:
    return StringMap({key: value})


def _self(value: Any) -> Any:
    return value


def _failing() -> str:
    raise Failure("no 100% luck")


def _list(*values: Any) -> list[Any]:
    return list(values)


def _dict(*values: Any) -> dict[str, Any]:
    pairs = zip(values[::2], values[1::2], strict=False)
    return {_only(key, str, "string"): value for key, value in pairs}


def _only(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        found = "nil" if value is None else type_of(value)
        raise Failure(f"interface conversion: interface {{}} is {found}, not {name}")
    return value


FUNCTIONS: Final = by_name(
    Function("cat", _cat, variadic="any"),
    Function("dict", _dict, variadic="any"),
    Function("failing", _failing),
    Function("flag", _flag, ("bool",)),
    Function("half", _half, ("float64",)),
    Function("items", _items, ("list",)),
    Function("joinall", _joinall, ("string",), variadic="string"),
    Function("keys", _keys, ("map",)),
    Function("list", _list, variadic="any"),
    Function("self", _self, ("any",)),
    Function("seq", _seq, ("int",)),
    Function("smap", _smap, ("string", "string")),
    Function("toint64", _toint64, ("any",)),
    Function("trunc", _trunc, ("int", "string")),
    Function("upper", _upper, ("string",)),
    Function("wide", _wide, ("int64",)),
    Function("words", _words, ("string",)),
)
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
