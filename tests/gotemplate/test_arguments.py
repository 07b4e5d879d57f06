"""Tests of what a function's parameters take, and in which words the rest is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate.arguments import (
    constant,
    convert,
    converted,
    kind_at,
    name_of,
    number_value,
    takes,
    wrong_count,
)
from pyload.gotemplate.functions import Function, Name
from pyload.gotemplate.literals import number
from pyload.gotemplate.nodes import Bool, Dot, Nil, Numeral, Source, String
from pyload.gotemplate.run import Run, Site
from pyload.gotemplate.values import MISSING, Int64, Ints, Lists, Object, StringMap, Strings

if TYPE_CHECKING:
    from pyload.gotemplate.functions import ParamKind
    from pyload.gotemplate.nodes import Node

SITE = Site(Source("t", "{{f .}}"), "t", Dot(4))


class Point(Object):
    """A struct that is a parameter."""

    go_type = "main.Point"


class Words(list[Any]):
    """A list of a library user."""


VALUES: dict[str, Any] = {
    "bool": True,
    "bytes": b"a",
    "float64": 1.5,
    "int": 1,
    "int64": Int64(1),
    "ints": Ints([1]),
    "list": [1],
    "map": {"a": 1},
    "string": "a",
    "strings": Strings(["a"]),
}


def refusal(text: str) -> str:
    """Return the pattern of an error at the site above."""
    return f'^template: t:1:4: executing "t" at <.>: {text}$'


@pytest.mark.parametrize("kind", get_args(Name))
def test_a_parameter_takes_its_own_type_and_no_other(kind: ParamKind) -> None:
    """An int would pass for an int64, or true for 1, where Go stops the rendering."""
    for own, value in VALUES.items():
        if kind in ("any", own):
            assert convert(value, kind, SITE) is value
        else:
            with pytest.raises(TemplateError, match=r"wrong type for value; expected .*; got "):
                convert(value, kind, SITE)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1, "string", "wrong type for value; expected string; got int"),
        (None, "string", r"wrong type for value; expected string; got interface \{\}"),
        (StringMap(), "map", r"wrong type .* map\[string\]interface \{\}; got map\[string\]string"),
        (Lists(), "list", r"wrong type .*; got \[\]\[\]interface \{\}"),
        ("a", Point, "wrong type for value; expected main.Point; got string"),
        (MISSING, "string", "invalid value; expected string"),
        (MISSING, Point, "invalid value; expected main.Point"),
    ],
)
def test_a_wrong_type_is_named_as_go_names_it(value: object, kind: ParamKind, text: str) -> None:
    """Users look for the words of the error in Go's documentation."""
    with pytest.raises(TemplateError, match=refusal(text)):
        convert(value, kind, SITE)


def test_what_derives_from_a_python_type_is_as_good() -> None:
    """Data of a library user would have to be copied first."""
    words, point = Words("a"), Point()
    assert convert(words, "list", SITE) is words
    assert convert((1, 2), "list", SITE) == (1, 2)
    assert convert(point, Point, SITE) is point


@pytest.mark.parametrize("kind", ["bytes", "ints", "list", "map", "strings"])
def test_nil_and_a_missing_key_are_an_empty_collection_of_its_own(kind: ParamKind) -> None:
    """A function that changes its argument would change that of the next call."""
    made = [convert(MISSING, kind, SITE) for _ in range(2)]
    made += [constant(Nil(0), kind, SITE) for _ in range(2)]
    assert not any(made)
    assert len({type(one) for one in made}) == 1
    assert kind == "bytes" or len({id(one) for one in made}) == 4
    assert convert(MISSING, "any", SITE) is None
    assert constant(Nil(0), "any", SITE) is None


@pytest.mark.parametrize(
    ("node", "kind", "value"),
    [
        (Bool(0, value=True), "bool", True),
        (Bool(0, value=True), "any", True),
        (String(0, '"a"', "a"), "string", "a"),
        (String(0, '"a"', "a"), "any", "a"),
        (Numeral(0, number("1e3")), "int", 1000),
        (Numeral(0, number("1e3")), "int64", Int64(1000)),
        (Numeral(0, number("1e3")), "any", 1000.0),
        (Numeral(0, number("2")), "float64", 2.0),
        (Numeral(0, number("2")), "any", 2),
    ],
)
def test_a_constant_becomes_what_is_asked_for(node: Node, kind: ParamKind, value: object) -> None:
    """``{{half 2}}`` would be refused, which Go renders."""
    found = constant(node, kind, SITE)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("node", "kind", "text"),
    [
        (Numeral(0, number("1.5")), "int", "expected integer; found 1.5"),
        (Numeral(0, number("1.5")), "int64", "expected integer; found 1.5"),
        (Numeral(0, number("2i")), "float64", "expected float; found 2i"),
        (Numeral(0, number("1")), "string", "expected string; found 1"),
        (String(0, '"a"', "a"), "int", 'expected integer; found "a"'),
        (String(0, '"a"', "a"), "bool", 'expected bool; found "a"'),
        (Bool(0, value=False), "strings", r"can't handle false for arg of type \[\]string"),
        (Bool(0, value=True), Point, "can't handle true for arg of type main.Point"),
        (Nil(0), "string", "cannot assign nil to string"),
        (Nil(0), Point, "cannot assign nil to main.Point"),
        (Numeral(0, number("1" * 19)), "bool", f"expected bool; found {'1' * 19}"),
        (Numeral(0, number("18446744073709551615")), "any", "18446744073709551615 overflows int"),
    ],
)
def test_a_constant_that_does_not_fit_is_refused_with_its_text(
    node: Node, kind: ParamKind, text: str
) -> None:
    """A typing error would reach the function, which fails with less to say."""
    with pytest.raises(TemplateError, match=refusal(text)):
        constant(node, kind, SITE)


def test_a_number_that_fits_no_int_has_no_value() -> None:
    """It would wrap around, as a Python int never does."""
    with pytest.raises(TemplateError, match=refusal("9223372036854775808 overflows int")):
        number_value(Numeral(0, number("9223372036854775808")), SITE)


FIXED = Function("f", print, ("int", "string"))
OPEN = Function("f", print, ("int",), "string")


def test_arguments_are_counted() -> None:
    """A function would be called with too few, and fail in Python's words."""
    assert [takes(FIXED, count) for count in range(4)] == [False, False, True, False]
    assert [takes(OPEN, count) for count in range(4)] == [False, True, True, True]


def test_a_wrong_number_is_told_as_by_go() -> None:
    """What is piped in counts, except where the number is open; Go is so too."""
    assert wrong_count("f", FIXED, 3, piped=False) == "wrong number of args for f: want 2 got 3"
    assert wrong_count("f", FIXED, 2, piped=True) == "wrong number of args for f: want 2 got 3"
    assert wrong_count("f", OPEN, 0, piped=True) == (
        "wrong number of args for f: want at least 1 got 0"
    )


def test_further_arguments_are_of_the_last_kind() -> None:
    """The second text of ``join`` would be checked as a number."""
    assert [kind_at(OPEN, index) for index in range(3)] == ["int", "string", "string"]
    assert [name_of(kind_at(FIXED, index)) for index in range(2)] == ["int", "string"]


@pytest.mark.parametrize("kind", ["any", "list", Point])
def test_an_argument_is_checked_each_time(kind: ParamKind) -> None:
    """A field that is a list in one object and a text in the next would pass unseen."""
    evaluate = converted(lambda _, dot: dot, kind, SITE)
    frame = [Run(), None]
    good = Point() if kind is Point else [1]
    assert evaluate(frame, good) is good
    if kind == "any":
        assert evaluate(frame, MISSING) is None
        return
    for bad in ("text", 1, None):
        with pytest.raises(TemplateError, match="wrong type for value"):
            evaluate(frame, bad)
