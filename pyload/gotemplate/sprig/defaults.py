"""Values in place of missing ones, and choices between values."""

from __future__ import annotations

from typing import Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.equality import empty
from pyload.gotemplate.values import kind_of, type_of


def _default(default: Any, *given: Any) -> Any:
    return given[0] if given and not empty(given[0]) else default


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if not empty(value)), None)


def _all(*values: Any) -> bool:
    return not any(map(empty, values))


def _any(*values: Any) -> bool:
    return not all(map(empty, values))


def _ternary(yes: Any, no: Any, condition: bool) -> Any:  # noqa: FBT001 - sprig's order
    return yes if condition else no


def _fail(message: str) -> str:
    raise Failure(message)


def _type_is_like(name: str, value: Any) -> bool:
    actual = type_of(value)
    return actual in (name, "*" + name)


FUNCTIONS: Final = (
    Function("default", _default, ("any",), "any"),
    Function("empty", empty, ("any",)),
    Function("coalesce", _coalesce, variadic="any"),
    Function("all", _all, variadic="any"),
    Function("any", _any, variadic="any"),
    Function("ternary", _ternary, ("any", "any", "bool")),
    Function("fail", _fail, ("string",)),
    Function("hello", lambda: "Hello!"),
    Function("typeOf", type_of, ("any",)),
    Function("typeIs", lambda name, value: name == type_of(value), ("string", "any")),
    Function("typeIsLike", _type_is_like, ("string", "any")),
    Function("kindOf", kind_of, ("any",)),
    Function("kindIs", lambda name, value: name == kind_of(value), ("string", "any")),
)
