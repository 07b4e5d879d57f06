"""The functions that text/template itself has.

``and`` and ``or`` are in the evaluator, as they do not evaluate all their arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from pyload.gotemplate.fmt import escapable, sprint, sprintln
from pyload.gotemplate.functions import Failure, Function, by_name
from pyload.gotemplate.nils import NilValue
from pyload.gotemplate.printf import sprintf
from pyload.gotemplate.values import (
    Ints,
    Lists,
    StringMap,
    Strings,
    Uint8,
    from_utf8,
    kind_of,
    type_of,
    utf8,
)

_INTS: Final = frozenset(("int", "int8", "int16", "int32", "int64"))
_UINTS: Final = frozenset(("uint", "uint8", "uint16", "uint32", "uint64"))
_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_SLICES: Final = (list, tuple, bytes)
_JS: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"'}


# Collections.


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(utf8(value))
    if isinstance(value, (*_SLICES, Mapping)):
        return len(value)
    raise Failure("len of nil pointer" if value is None else f"len of type {type_of(value)}")


def _index(value: Any, *indexes: Any) -> Any:
    if value is None:
        raise Failure("index of untyped nil")
    for index in indexes:
        if value is None:
            raise Failure("index of nil pointer")
        if isinstance(value, (str, *_SLICES)):
            value = _item(value, index)
        elif isinstance(value, Mapping):
            if index is None:
                raise Failure("value is nil; should be of type string")
            if not isinstance(index, str):
                raise Failure(f"value has type {type_of(index)}; should be string")
            value = value.get(index, "" if isinstance(value, StringMap) else None)
        else:
            raise Failure(f"can't index item of type {type_of(value)}")
    return value


def _item(value: Any, index: Any) -> Any:
    if isinstance(value, str):
        data = utf8(value)
        return Uint8(data[_position(index, len(data) - 1)])
    item = value[_position(index, len(value) - 1)]
    return Uint8(item) if isinstance(value, bytes) else item


def _position(index: Any, last: int) -> int:
    """Check an index; the last one allowed is given."""
    if index is None:
        raise Failure("cannot index slice/array with nil")
    if kind_of(index) not in _INTS | _UINTS:
        raise Failure(f"cannot index slice/array with type {type_of(index)}")
    if not 0 <= index <= last:
        raise Failure(f"index out of range: {int(index)}")
    return int(index)


def _slice(value: Any, *indexes: Any) -> Any:
    if value is None:
        raise Failure("slice of untyped nil")
    if len(indexes) > 3:
        raise Failure(f"too many slice indexes: {len(indexes)}")
    if not isinstance(value, (str, *_SLICES)):
        raise Failure(f"can't slice item of type {type_of(value)}")
    if isinstance(value, str) and len(indexes) == 3:
        raise Failure("cannot 3-index slice a string")
    data: Any = utf8(value) if isinstance(value, str) else value
    bounds = [0, len(data), len(data)]
    for place, index in enumerate(indexes):
        bounds[place] = _position(index, len(data))
    low, high, top = bounds
    if low > high:
        raise Failure(f"invalid slice index: {low} > {high}")
    if high > top:
        raise Failure(f"invalid slice index: {high} > {top}")
    part = data[low:high]
    if isinstance(value, str):
        return from_utf8(part)
    return type(value)(part) if isinstance(value, (Strings, Ints, Lists)) else part


def _call(callee: Any, *arguments: Any) -> Any:
    if callee is None:
        raise Failure("call of nil")
    if not callable(callee):
        raise Failure(f"non-function of type {type_of(callee)}")
    return callee(*arguments)


# Comparison.


def _basic(value: Any) -> str:
    """Name the group of types within which values compare; empty if they do not."""
    kind = kind_of(value)
    if kind in _INTS:
        return "int"
    if kind in _UINTS:
        return "uint"
    return kind if kind in ("bool", "string", "float64", "complex128") else ""


def _mixed(first: str, second: str) -> bool:
    return {first, second} == {"int", "uint"}


def _incompatible(first: Any, second: Any) -> Failure:
    types = f"{type_of(first)} and {type_of(second)}"
    return Failure(f"incompatible types for comparison: {types}")


def _is_nil(value: Any) -> bool:
    return value is None or isinstance(value, NilValue)


def _equal(first: Any, second: Any) -> bool:
    left, right = _basic(first), _basic(second)
    if left != right and not _mixed(left, right):
        if first is None or second is None:
            return False
        raise _incompatible(first, second)
    if left:
        return bool(first == second)
    if first is None or second is None:
        return _is_nil(first) == _is_nil(second)
    if kind_of(first) != kind_of(second):
        types = f"{sprint([first])}: {type_of(first)}, {type_of(second)}: {sprint([second])}"
        raise Failure(f"non-comparable types {types}")
    if _is_nil(first) or _is_nil(second):
        return _is_nil(first) == _is_nil(second)
    if kind_of(second) in ("slice", "map", "func"):
        raise Failure(f"non-comparable type {sprint([second])}: {type_of(second)}")
    return type(first) is type(second) and bool(first == second)


def _less(first: Any, second: Any) -> bool:
    left, right = _basic(first), _basic(second)
    if not left or not right:
        raise Failure("invalid type for comparison")
    if left != right and not _mixed(left, right):
        raise _incompatible(first, second)
    if left in ("bool", "complex128"):
        raise Failure("invalid type for comparison")
    return bool(first < second)


def _at_most(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise Failure("missing argument for comparison")
    if type(first) is str is type(others[0]) and first == others[0]:
        return True
    return any(_equal(first, other) for other in others)


# Text.


def _escape_js(text: str) -> str:
    return "".join(_JS.get(character) or _js_character(character) for character in text)


def _js_character(character: str) -> str:
    if character in "<>&=" or character < " ":
        return f"\\u{ord(character):04X}"
    if character.isprintable() or character == "\x7f" or "\udc80" <= character <= "\udcff":
        return character
    return f"\\u{ord(character):04X}"


NATIVES: Final[Mapping[str, Function]] = by_name(
    Function("call", _call, ("any",), "any"),
    Function("eq", _eq, ("any",), "any"),
    Function("ge", lambda first, second: not _less(first, second), ("any", "any")),
    Function("gt", lambda first, second: not _at_most(first, second), ("any", "any")),
    Function("html", lambda *values: escapable(values).translate(_HTML), variadic="any"),
    Function("index", _index, ("any",), "any"),
    Function("js", lambda *values: _escape_js(escapable(values)), variadic="any"),
    Function("le", _at_most, ("any", "any")),
    Function("len", _len, ("any",)),
    Function("lt", _less, ("any", "any")),
    Function("ne", lambda first, second: not _equal(first, second), ("any", "any")),
    Function("not", lambda value: not value, ("any",)),
    Function("print", lambda *values: sprint(values), variadic="any"),
    Function("printf", lambda text, *values: sprintf(text, values), ("string",), "any"),
    Function("println", lambda *values: sprintln(values), variadic="any"),
    Function("slice", _slice, ("any",), "any"),
    Function(
        "urlquery", lambda *values: quote_plus(utf8(escapable(values)), safe=""), variadic="any"
    ),
)
"""By name."""

LAZY: Final = frozenset(("and", "or"))
"""Names of the functions that do not evaluate all their arguments."""
