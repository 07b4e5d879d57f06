"""The functions that text/template itself has.

``and`` and ``or`` are in the evaluator, as they do not evaluate all their arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from pyload.gotemplate.fmt import escapable, sprint, sprintln
from pyload.gotemplate.functions import Failure, Function, function
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
    truth,
    type_of,
    utf8,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTS: Final = frozenset(("int", "int8", "int16", "int32", "int64"))
_UINTS: Final = frozenset(("uint", "uint8", "uint16", "uint32", "uint64"))
_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_SLICES: Final = (list, tuple, bytes)
_JS: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"'}


# Collections.


@function("len", "any")
def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(utf8(value))
    if isinstance(value, (*_SLICES, Mapping)):
        return len(value)
    raise Failure("len of nil pointer" if value is None else f"len of type {type_of(value)}")


@function("index", "any", variadic="any")
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


@function("slice", "any", variadic="any")
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
    low, high, top = 0, len(data), len(data)
    for place, index in enumerate(indexes):
        position = _position(index, len(data))
        low, high, top = (
            position if place == 0 else low,
            position if place == 1 else high,
            position if place == 2 else top,
        )
    if low > high:
        raise Failure(f"invalid slice index: {low} > {high}")
    if high > top:
        raise Failure(f"invalid slice index: {high} > {top}")
    part = data[low:high]
    if isinstance(value, str):
        return from_utf8(part)
    return type(value)(part) if isinstance(value, (Strings, Ints, Lists)) else part


@function("call", "any", variadic="any")
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


@function("eq", "any", variadic="any")
def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise Failure("missing argument for comparison")
    if type(first) is str is type(others[0]) and first == others[0]:
        return True
    return any(_equal(first, other) for other in others)


@function("ne", "any", "any")
def _ne(first: Any, second: Any) -> bool:
    return not _equal(first, second)


@function("lt", "any", "any")
def _lt(first: Any, second: Any) -> bool:
    return _less(first, second)


@function("le", "any", "any")
def _le(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)


@function("gt", "any", "any")
def _gt(first: Any, second: Any) -> bool:
    return not (_less(first, second) or _equal(first, second))


@function("ge", "any", "any")
def _ge(first: Any, second: Any) -> bool:
    return not _less(first, second)


@function("not", "any")
def _not(value: Any) -> bool:
    return not truth(value)


# Text.


@function("print", variadic="any")
def _print(*values: Any) -> str:
    return sprint(values)


@function("printf", "string", variadic="any")
def _printf(text: str, *values: Any) -> str:
    return sprintf(text, values)


@function("println", variadic="any")
def _println(*values: Any) -> str:
    return sprintln(values)


@function("html", variadic="any")
def _html(*values: Any) -> str:
    return escapable(values).translate(_HTML)


@function("js", variadic="any")
def _js(*values: Any) -> str:
    return _escape_js(escapable(values))


def _escape_js(text: str) -> str:
    return "".join(_JS.get(character) or _js_character(character) for character in text)


def _js_character(character: str) -> str:
    if character in "<>&=" or character < " ":
        return f"\\u{ord(character):04X}"
    if character.isprintable() or character == "\x7f" or "\udc80" <= character <= "\udcff":
        return character
    return f"\\u{ord(character):04X}"


@function("urlquery", variadic="any")
def _urlquery(*values: Any) -> str:
    return quote_plus(utf8(escapable(values)), safe="")


def _names(functions: Sequence[Function]) -> dict[str, Function]:
    return {native.name: native for native in functions}


NATIVES: Final = _names(
    (
        _call,
        _eq,
        _ge,
        _gt,
        _html,
        _index,
        _js,
        _le,
        _len,
        _lt,
        _ne,
        _not,
        _print,
        _printf,
        _println,
        _slice,
        _urlquery,
    )
)
"""By name."""

LAZY: Final = frozenset(("and", "or"))
"""Names of the functions that do not evaluate all their arguments."""
