"""Go's values in Python: the Go type of a value, and its truth.

Data from YAML needs no conversion: None is nil, float is float64, int is int, list is
``[]interface {}`` and dict ``map[string]interface {}``. The classes here are for values of other
Go types, which only functions make. A value is true for ``if`` where `bool` says so. A Go string
that is not valid UTF-8 holds its odd bytes as ``surrogateescape`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from pyload.gotemplate.functions import Function


class Missing:
    """The value of a key that is not there. It prints as ``<no value>`` and has every field."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<no value>"


MISSING: Final = Missing()
_REPLACEMENT: Final = "\ufffd".encode()


class Int8(int):
    """An int8."""

    __slots__ = ()


class Int16(int):
    """An int16."""

    __slots__ = ()


class Int32(int):
    """An int32, also called rune."""

    __slots__ = ()


class Int64(int):
    """An int64."""

    __slots__ = ()


class Uint(int):
    """A uint."""

    __slots__ = ()


class Uint8(int):
    """A uint8, also called byte."""

    __slots__ = ()


class Uint16(int):
    """A uint16."""

    __slots__ = ()


class Uint32(int):
    """A uint32."""

    __slots__ = ()


class Uint64(int):
    """A uint64."""

    __slots__ = ()


class Strings(list[str]):
    """A []string."""

    __slots__ = ()


class Ints(list[int]):
    """A []int."""

    __slots__ = ()


class Lists(list[list[Any]]):
    """A [][]interface {}."""

    __slots__ = ()


class StringMap(dict[str, str]):
    """A map[string]string."""

    __slots__ = ()


class Object:
    """Base of structs with methods, such as a version or a time.

    Subclasses say what Go calls them, and which attributes and methods templates may use.
    ``str()`` gives what Go prints for ``%v``.

    Attributes:
        go_type: Go's name of the type, such as ``*semver.Version``.
        go_kind: Its reflect kind, ``struct`` or ``ptr``.
        fields: Names of attributes that are fields of the Go struct.
        methods: Functions that are called with the object before the template's arguments; their
            parameters do not count it.
    """

    go_type: ClassVar[str] = "struct {}"
    go_kind: ClassVar[str] = "struct"
    fields: ClassVar[frozenset[str]] = frozenset()
    methods: ClassVar[Mapping[str, Function]] = {}

    def __bool__(self) -> bool:
        """Return True: every struct is true in Go's templates."""
        return True


_TYPES: Final[dict[type, tuple[str, str]]] = {
    Missing: ("<nil>", "invalid"),
    type(None): ("<nil>", "invalid"),
    bool: ("bool", "bool"),
    str: ("string", "string"),
    int: ("int", "int"),
    float: ("float64", "float64"),
    complex: ("complex128", "complex128"),
    bytes: ("[]uint8", "slice"),
    list: ("[]interface {}", "slice"),
    tuple: ("[]interface {}", "slice"),
    dict: ("map[string]interface {}", "map"),
    Int8: ("int8", "int8"),
    Int16: ("int16", "int16"),
    Int32: ("int32", "int32"),
    Int64: ("int64", "int64"),
    Uint: ("uint", "uint"),
    Uint8: ("uint8", "uint8"),
    Uint16: ("uint16", "uint16"),
    Uint32: ("uint32", "uint32"),
    Uint64: ("uint64", "uint64"),
    Strings: ("[]string", "slice"),
    Ints: ("[]int", "slice"),
    Lists: ("[][]interface {}", "slice"),
    StringMap: ("map[string]string", "map"),
}


def _types(value: object) -> tuple[str, str]:
    for kind in type(value).__mro__:
        if kind in _TYPES:
            return _TYPES[kind]
    if isinstance(value, Object):
        return value.go_type, value.go_kind
    if isinstance(value, Mapping):
        return _TYPES[dict]
    if callable(value):
        return "func()", "func"
    return f"*{type(value).__name__}", "ptr"


def type_of(value: object) -> str:
    """Name the Go type of a value, as ``%T`` prints it."""
    return _types(value)[0]


def kind_of(value: object) -> str:
    """Name the reflect kind of a value: ``slice``, ``map``, ``float64``, ``ptr``, ``invalid``."""
    return _types(value)[1]


def utf8(text: str) -> bytes:
    """Return the bytes of a Go string."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _odd(text)


def from_utf8(data: bytes) -> str:
    """Make a Go string of bytes, valid UTF-8 or not."""
    return data.decode("utf-8", "surrogateescape")


def _odd(text: str) -> bytes:
    """Encode text with surrogates: escaped bytes as themselves, others as U+FFFD."""
    return b"".join(
        bytes((ord(character) - 0xDC00,))
        if "\udc80" <= character <= "\udcff"
        else _REPLACEMENT
        if "\ud800" <= character <= "\udfff"
        else character.encode()
        for character in text
    )
