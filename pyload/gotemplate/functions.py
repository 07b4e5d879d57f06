"""Template functions: callables with the kinds of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.gotemplate.values import Object

Name: TypeAlias = Literal[
    "any",
    "bool",
    "bytes",
    "float64",
    "int",
    "int64",
    "ints",
    "list",
    "map",
    "string",
    "strings",
]
ParamKind: TypeAlias = "Name | type[Object]"
"""The Go type of a parameter; arguments are checked against it as Go's reflect does.

========  ======================  ==========================================
kind      Go                      Python value that the function gets
========  ======================  ==========================================
any       interface {}            anything; nil is None
bool      bool                    bool
bytes     []uint8                 bytes
float64   float64                 float
int       int                     int
int64     int64                   Int64
ints      []int                   Ints
list      []interface {}          list
map       map[string]interface{}  dict
string    string                  str
strings   []string                Strings
a class   that struct             an instance of the class
========  ======================  ==========================================

Go passes nil where a list or map is wanted; a function gets an empty one then, which is a
`NilMap` for a map.
"""


class Failure(Exception):  # noqa: N818 - a function's answer, turned into a TemplateError
    """Raised by a template function; becomes ``error calling NAME: TEXT``."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates can call.

    Attributes:
        name: As templates write it.
        call: Gets the arguments by position, each of its kind.
        params: Kinds of the fixed parameters.
        variadic: Kind of each further argument, or None if there are none.
    """

    name: str
    call: Callable[..., Any]
    params: tuple[ParamKind, ...] = ()
    variadic: ParamKind | None = None


def by_name(*functions: Function) -> dict[str, Function]:
    """Return functions by the names under which templates call them."""
    return {function.name: function for function in functions}
