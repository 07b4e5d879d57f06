"""Tests of fields and methods of what functions give, such as versions and times."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate import parse
from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.values import Int64, Object

if TYPE_CHECKING:
    from collections.abc import Mapping


class Point(Object):
    """A struct with fields and methods."""

    go_type = "main.Point"
    fields = frozenset(("X",))
    methods: ClassVar[Mapping[str, Function]] = {}

    def __init__(self, x: float) -> None:
        self.X = x

    def __str__(self) -> str:
        return f"<{self.X}>"


def _fail(_: Point) -> str:
    raise Failure("out of order")


Point.methods = {
    "Add": Function("Add", lambda point, by: Point(point.X + by), ("float64",)),
    "Fail": Function("Fail", _fail),
    "Of": Function("Of", lambda _, *args: repr(args), ("int64",), "any"),
    "Same": Function("Same", lambda point, other: point.X == other.X, (Point,)),
    "Twice": Function("Twice", lambda point: Point(point.X * 2)),
}
FUNCTIONS = {
    "far": Function("far", lambda point: point.X > 10, (Point,)),
    "point": Function("point", Point, ("float64",)),
}


def render(text: str) -> str:
    """Render a template for points."""
    return parse(text, name="t", functions=FUNCTIONS).render({"p": Point(1.0), "n": 3, "f": 5.0})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{.p}} {{.p.X}} {{.p.Twice}} {{.p.Twice.Twice.X}}", "<1.0> 1 <2.0> 4"),
        ("{{.p.Add 2}} {{.p.Add .f}} {{2.5 | print | len}} {{.f | .p.Add}}", "<3.0> <6.0> 3 <6.0>"),
        ("{{(.p.Add 2).Add 3}} {{((point 4).Add 1).X}}", "<6.0> 5"),
        ("{{$p := point 7}}{{$p.X}} {{$p.Twice.X}} {{$p.Add 1}}", "7 14 <8.0>"),
        ('{{.p.Of 1 2 "a" nil .nope}} {{.p.Of 5}}', f"{(Int64(1), 2, 'a', None, None)!r} (5,)"),
        ("{{.p.Same .p}} {{.p.Same (point 2)}} {{.p | .p.Same}}", "true false true"),
        ("{{far .p}} {{far (point 11)}} {{point 12 | far}}", "false true true"),
        ("{{eq .p .p}} {{eq .p (point 1)}} {{eq .p nil}}", "true false false"),
        ("{{if .p}}y{{end}} {{with .p}}{{.X}}{{end}} {{.nope.Add 1}}", "y 1 <no value>"),
        ('{{printf "%v|%s|%q|%5s|%T|%d" .p .p .p .p .p .p}}', ""),
    ],
)
def test_finds_fields_and_calls_methods(text: str, expected: str) -> None:
    """``(semver .version).Minor`` and ``now.Year`` would not work."""
    if not expected:
        expected = '<1.0>|<1.0>|"<1.0>"|<1.0>|main.Point|%!d(main.Point=<1.0>)'
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{.p.Y}}", "<.p.Y>: can't evaluate field Y in type interface {}"),
        ("{{(point 1).Y}}", "<1>: can't evaluate field Y in type main.Point"),
        ("{{.p.Y 1}}", "<.p.Y>: can't evaluate field Y in type main.Point"),
        ("{{.p.X 1}}", "<.p.X>: X has arguments but cannot be invoked as function"),
        ("{{.p.Twice 1}}", "<.p.Twice>: wrong number of args for Twice: want 0 got 1"),
        ("{{.p.Add}}", "<.p.Add>: wrong number of args for Add: want 1 got 0"),
        ("{{.p.Of}}", "<.p.Of>: wrong number of args for Of: want at least 1 got 0"),
        ("{{.p.Add .n}}", "<.n>: wrong type for value; expected float64; got int"),
        ("{{.n | .p.Add}}", "<.p.Add>: wrong type for value; expected float64; got int"),
        ('{{.p.Add "1"}}', '<"1">: expected float; found "1"'),
        ("{{.p.Fail}}", "<.p.Fail>: error calling Fail: out of order"),
        ("{{(point 1).Fail}}", "<(point 1).Fail>: error calling Fail: out of order"),
        ("{{.p.Same 1}}", "<1>: can't handle 1 for arg of type main.Point"),
        ("{{.p.Same .n}}", "<.n>: wrong type for value; expected main.Point; got int"),
        ("{{.p.Same nil}}", "<nil>: cannot assign nil to main.Point"),
        ("{{.p.Same .nope}}", "<.nope>: invalid value; expected main.Point"),
        ("{{far .n}}", "<.n>: wrong type for value; expected main.Point; got int"),
    ],
)
def test_tells_what_is_wrong_with_a_method(text: str, message: str) -> None:
    """The user would not learn which argument of which method is wrong."""
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert caught.value.what.partition('executing "t" at ')[2] == message
