"""Tests of compiled pipelines: order, variables, and errors that wait until they are reached."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import TemplateError
from pyload.gotemplate import parse
from pyload.gotemplate.functions import Function
from pyload.gotemplate.values import Int64

SEEN: list[Any] = []


def _note(value: Any) -> Any:
    SEEN.append(value)
    return value


def _grow(values: list[Any], item: Any) -> list[Any]:
    values.append(item)
    return values


FUNCTIONS = {
    one.name: one
    for one in (
        Function("note", _note, ("any",)),
        Function("grow", _grow, ("list", "any")),
        Function("wide", lambda value: type(value).__name__, ("int64",)),
        Function("none", lambda: None),
        Function("texts", lambda *texts: ",".join(texts), (), "string"),
    )
}


def render(text: str, data: object = None) -> str:
    """Render a template with the functions above."""
    SEEN.clear()
    return parse(text, name="t", functions=FUNCTIONS).render(data)


def failure(text: str, data: object = None) -> str:
    """Return what is wrong with an expression, behind its place."""
    with pytest.raises(TemplateError) as caught:
        render(text, data)
    assert caught.value.stage == "execute"
    return caught.value.what.partition('executing "t" at ')[2]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("{{print (note 1) (note 2)}}", [1, 2]),
        ("{{note 1 | print (note 2)}}", [1, 2]),
        ("{{and (note 0) (note 1)}}", [0]),
        ("{{and (note 1) (note 0) (note 2)}}", [1, 0]),
        ("{{or (note 0) (note 1) (note 2)}}", [0, 1]),
        ("{{note 1 | or (note 2)}}", [1, 2]),
        ("{{note 0 | and (note 0)}}", [0, 0]),
        ("{{if note 0}}{{note 1}}{{else if note 2}}{{note 3}}{{end}}", [0, 2, 3]),
    ],
)
def test_what_is_evaluated_and_in_which_order(text: str, seen: list[int]) -> None:
    """A guard such as ``and .a .a.b`` would fail on what it guards."""
    render(text)
    assert seen == SEEN


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nil", "<nil>: nil is not a command"),
        ("1 2", "<1>: can't give argument to non-function 1"),
        ("(print 1) 2", "<(print 1) 2>: can't give argument to non-function print 1"),
        ("wide `a`", "<`a`>: expected integer; found `a`"),
        ("wide 1.5", "<1.5>: expected integer; found 1.5"),
        ("9223372036854775808", "<9223372036854775808>: 9223372036854775808 overflows int"),
        ("and", "<and>: wrong number of args for and: want at least 1 got 0"),
        ("note", "<note>: wrong number of args for note: want 1 got 0"),
        ("note 1 2", "<note>: wrong number of args for note: want 1 got 2"),
        (".a.b", "<.a.b>: can't evaluate field b in type interface {}"),
        (".a 1", "<.a>: a is not a method but has arguments"),
        ("$.a | .a", "<.a>: a is not a method but has arguments"),
    ],
)
def test_a_mistake_waits_until_it_is_reached(text: str, what: str) -> None:
    """A template of pilot-load with a dead branch would be refused as a whole."""
    action = "{{" + text + "}}"
    assert failure(action, {"a": 1}) == what
    assert render("{{if false}}" + action + "{{end}}ok", {"a": 1}) == "ok"


def test_what_is_piped_into_a_mistake_is_evaluated_first() -> None:
    """The error of the first stage would be hidden by one of the second."""
    assert "failed" not in failure("{{note 1 | .a 2}}", {"a": 1})
    assert SEEN == [1]


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{$x := 1}}{{with 2}}{{$x := 3}}{{$x}}{{end}}{{$x}}", "31"),
        ("{{$x := 1}}{{with 2}}{{$x = 3}}{{end}}{{$x}}", "3"),
        ("{{$x := .a}}{{$x.b}}{{$x.b | print}}", "11"),
        ("{{$.a.b}}{{with .a}}{{$.a.b}}{{.b}}{{end}}", "111"),
        ("{{(.a).b}}{{($).a.b}}", "11"),
        ("{{.no}}{{.no.b}}{{print .no}}", "<no value><no value><nil>"),
        ("{{none}}{{print none}}{{$x := none}}{{$x}}", "<no value><nil><no value>"),
        ("{{(none)}}{{none | print}}", "<no value><nil>"),
        ("{{if $x := .a}}{{$x.b}}{{end}}{{with $x := .a.b}}{{$x}}{{end}}", "11"),
        ("{{texts `a` (texts `b`) | texts `c`}}", "c,a,b"),
    ],
)
def test_names_mean_what_they_mean_in_go(text: str, output: str) -> None:
    """A template would read a value of another scope, or print another nothing."""
    assert render(text, {"a": {"b": 1}}) == output


def test_a_variable_of_a_branch_that_was_not_taken_is_not_set() -> None:
    """A template that Go refuses would print nothing, or Python's name of a placeholder."""
    text = "{{if or . ($x := 1)}}{{$x}}{{end}}"
    assert render(text, data=False) == "1"
    assert failure(text, data=True) == "<$x>: undefined variable: $x"


def test_each_call_gets_an_empty_list_of_its_own() -> None:
    """A function that fills the list that nil stands for would fill it for all objects."""
    assert render("{{range 3}}{{grow nil .}}{{end}}") == "[0][1][2]"
    assert render("{{range 2}}{{grow $.none 1}}{{end}}", {}) == "[1][1]"


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_constant_is_of_the_type_that_the_function_wants(value: int) -> None:
    """A function for an int64 would get an int, whose arithmetic does not overflow."""
    assert render(f"{{{{wide {value}}}}}") == "Int64"
    assert "wrong type for value; expected int64; got int" in failure("{{wide .}}", value)
    assert render("{{wide .}}", Int64(value)) == "Int64"


TRUTHS = st.lists(st.sampled_from(["0", "1", "`a`", "``", "nil_"]), min_size=1, max_size=4)


@given(TRUTHS, st.sampled_from(["and", "or"]))
def test_and_and_or_return_the_value_that_decided(words: list[str], name: str) -> None:
    """``{{or .name "default"}}`` would print true."""
    values = {"0": 0, "1": 1, "`a`": "a", "``": "", "nil_": None}
    found: Any = values[words[0]]
    for word in words[1:]:
        found = (found and values[word]) if name == "and" else (found or values[word])
    text = f"{{{{{name} {' '.join(words)}}}}}".replace("nil_", ".no")
    assert render(text, {}) == ("<no value>" if found is None else str(found))
