"""Checks and conversions of arguments to the parameters of functions, as by Go's reflect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.nils import NilMap
from pyload.gotemplate.nodes import Bool, Nil, Node, Numeral, String
from pyload.gotemplate.values import (
    MISSING,
    Int64,
    Ints,
    Lists,
    Object,
    StringMap,
    Strings,
    type_of,
)

if TYPE_CHECKING:
    from pyload.gotemplate.functions import Function, ParamKind
    from pyload.gotemplate.run import Eval, Frame, Site

_TYPES: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "bool": ("bool", (bool,)),
    "bytes": ("[]uint8", (bytes,)),
    "float64": ("float64", (float,)),
    "int": ("int", (int,)),
    "int64": ("int64", (Int64,)),
    "ints": ("[]int", (Ints,)),
    "list": ("[]interface {}", (list, tuple)),
    "map": ("map[string]interface {}", (dict,)),
    "string": ("string", (str,)),
    "strings": ("[]string", (Strings,)),
}
_OTHERS: Final = {"list": (Strings, Ints, Lists), "map": (StringMap,)}
_EMPTY: Final = {"bytes": bytes, "ints": Ints, "list": list, "map": NilMap, "strings": Strings}
_CONSTANTS: Final = {"bool": "bool", "float64": "float", "string": "string"}


def name_of(kind: ParamKind) -> str:
    """Name the Go type of a parameter."""
    if isinstance(kind, str):
        return _TYPES[kind][0]
    return kind.go_type


def convert(value: Any, kind: ParamKind, site: Site) -> Any:
    """Check an argument that is not a constant, and give it as the function takes it.

    Raises:
        TemplateError: It is of another type.
    """
    if kind == "any":
        return None if value is MISSING else value
    if value is MISSING:
        if isinstance(kind, str) and kind in _EMPTY:
            return _EMPTY[kind]()
        raise site.error(f"invalid value; expected {name_of(kind)}")
    if isinstance(kind, str):
        types = _TYPES[kind][1]
        if type(value) in types:
            return value
        # A subclass of str, list or dict is as good, if it is not a Go type of its own.
        alike = kind in ("list", "map", "string") and isinstance(value, types)
        if alike and not isinstance(value, _OTHERS.get(kind, ())):
            return value
    elif isinstance(value, kind):
        return value
    got = "interface {}" if value is None else type_of(value)
    raise site.error(f"wrong type for value; expected {name_of(kind)}; got {got}")


def constant(node: Node, kind: ParamKind, site: Site) -> Any:
    """Return a constant as an argument of some kind.

    Raises:
        TemplateError: The constant has no value of that kind.
    """
    if isinstance(node, Nil):
        if kind == "any":
            return None
        if isinstance(kind, str) and kind in _EMPTY:
            return _EMPTY[kind]()
        raise site.error(f"cannot assign nil to {name_of(kind)}")
    if isinstance(node, Bool) and kind in ("any", "bool"):
        return node.value
    if isinstance(node, String) and kind in ("any", "string"):
        return node.text
    if isinstance(node, Numeral):
        return _number(node, kind, site)
    return _refuse(node, kind, site)


def _number(node: Numeral, kind: ParamKind, site: Site) -> Any:
    number = node.number
    if kind == "any":
        return number_value(node, site)
    if kind in ("int", "int64") and number.integer is not None:
        return number.integer if kind == "int" else Int64(number.integer)
    if kind == "float64" and number.real is not None:
        return number.real
    return _refuse(node, kind, site)


def _refuse(node: Node, kind: ParamKind, site: Site) -> Any:
    if kind in ("int", "int64"):
        raise site.error(f"expected integer; found {node}")
    if isinstance(kind, str) and kind in _CONSTANTS:
        raise site.error(f"expected {_CONSTANTS[kind]}; found {node}")
    raise site.error(f"can't handle {node} for arg of type {name_of(kind)}")


def number_value(node: Numeral, site: Site) -> int | float | complex:
    """Return the value of a number where no parameter asks for a type.

    Raises:
        TemplateError: The number is whole and does not fit an int.
    """
    value = node.number.constant
    if value is None:
        raise site.error(f"{node} overflows int")
    return value


def takes(target: Function, total: int) -> bool:
    """Return whether a function accepts a number of arguments."""
    if target.variadic is not None:
        return total >= len(target.params)
    return total == len(target.params)


def wrong_count(name: str, target: Function, given: int, *, piped: bool) -> str:
    """Return the message for a function with too many or too few arguments.

    Args:
        name: The function's name in the template.
        target: The function.
        given: Number of arguments after the name.
        piped: Whether one more is piped in.
    """
    wanted = len(target.params)
    if target.variadic is not None:
        return f"wrong number of args for {name}: want at least {wanted} got {given}"
    return f"wrong number of args for {name}: want {wanted} got {given + piped}"


def kind_at(target: Function, index: int) -> ParamKind:
    """Return the kind of the parameter for an argument, by its index."""
    if index < len(target.params):
        return target.params[index]
    assert target.variadic is not None, "more arguments have been refused"
    return target.variadic


def nullable(evaluate: Eval) -> Eval:
    """Wrap an expression so that a missing value becomes None, as functions expect."""

    def anything(frame: Frame, dot: Any) -> Any:
        value = evaluate(frame, dot)
        return None if value is MISSING else value

    return anything


def converted(evaluate: Eval, kind: ParamKind, site: Site) -> Eval:
    """Make an expression of an argument that is checked each time."""
    if kind == "any":
        return nullable(evaluate)
    fast = _TYPES[kind][1][0] if isinstance(kind, str) else Object

    def checked(frame: Frame, dot: Any) -> Any:
        value = evaluate(frame, dot)
        return value if type(value) is fast else convert(value, kind, site)

    return checked
