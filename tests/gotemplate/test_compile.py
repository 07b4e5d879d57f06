"""Tests of compiled statements: what they cost, what they find, and what they leave behind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import TemplateError
from pyload.gotemplate import Template, parse
from pyload.gotemplate.limits import MAX_STEPS
from pyload.gotemplate.run import Run


def steps_of(text: str, data: object = None) -> int:
    """Return how many steps a rendering costs."""
    run = Run()
    parse(text, functions={}).program.execute(run, data)
    return MAX_STEPS - run.steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a{{.}}b", 0),
        ("{{range .}}{{end}}", 3),
        ("{{range .}}a{{.}}{{end}}", 9),
        ("{{range .}}{{if .}}a{{else}}b{{end}}{{end}}", 12),
        ("{{range .}}{{range $}}a{{end}}{{end}}", 3 * 3 + 3 * 3 * 2),
        ("{{range .}}{{if eq . 2}}{{break}}{{end}}{{end}}", 2 * 3),
        ("{{range .}}{{continue}}a{{end}}", 3 * 3),
        ('{{define "a"}}1{{.}}{{end}}{{template "a"}}{{template "a"}}', 4),
        ('{{define "a"}}1{{end}}{{range .}}{{template "a"}}{{end}}', 3 * 2 + 3),
    ],
)
def test_a_loop_costs_its_turns_and_a_call_its_body(text: str, steps: int) -> None:
    """A template of a thousand objects would be refused, or one that never ends let through."""
    assert steps_of(text, [1, 2, 3]) == steps


def test_a_loop_that_is_too_long_is_refused_before_it_begins() -> None:
    """It would run for a minute and then fail."""
    touched: list[int] = []
    template = parse("{{range .n}}{{call .f}}{{end}}", functions={})
    with pytest.raises(TemplateError, match="takes more than 1000000 steps"):
        template.render({"n": 1 << 40, "f": lambda: touched.append(1)})
    assert touched == []


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{range .l}}{{.}}{{break}}{{end}}!", "a!"),
        ("{{range .l}}{{if eq . `b`}}{{continue}}{{end}}{{.}}{{end}}!", "ac!"),
        ("{{range .l}}{{with .}}{{break}}{{end}}{{.}}{{end}}!", "!"),
        ("{{range .l}}{{range $.none}}{{else}}{{break}}{{end}}{{.}}{{end}}!", "abc!"),
        ("{{range .l}}{{range $.l}}{{break}}{{end}}{{.}}{{end}}!", "abc!"),
        ("{{range $i, $e := .l}}{{$i}}{{$e}}{{else}}none{{end}}", "0a1b2c"),
        ("{{range $i, $e := .none}}{{else}}none{{end}}", "none"),
        ("{{range 3}}{{.}}{{end}}{{range $x := 2}}{{$x}}{{end}}", "01201"),
        ("{{range -1}}{{.}}{{else}}none{{end}}", "none"),
        ("{{range .by}}{{.}} {{end}}", "104 105 "),
        ("{{range $k, $v := .m}}{{$k}}{{$v}}{{end}}", "a1b2"),
        ("{{$x := 1}}{{range .l}}{{$x = .}}{{end}}{{$x}}", "c"),
        ("{{with $x := .l}}{{len $x}}{{else}}none{{end}}", "3"),
        ("{{with .none}}{{else with .l}}{{len .}}{{else}}none{{end}}", "3"),
    ],
)
def test_blocks_do_what_they_say(text: str, output: str) -> None:
    """Objects would be left out, or made of the wrong item."""
    data = {"l": ["a", "b", "c"], "m": {"b": 2, "a": 1}, "by": b"hi", "none": []}
    assert parse(text, functions={}).render(data) == output


@pytest.mark.parametrize(
    ("text", "data", "what"),
    [
        ("{{range .}}{{end}}", True, "range can't iterate over true"),
        ("{{range .}}{{end}}", 1.5, "range can't iterate over 1.5"),
        ("{{range .}}{{end}}", "text", "range can't iterate over text"),
        ("{{range $i, $x := .}}{{end}}", 3, "can't use 3 to iterate over more than one variable"),
        ("{{template `x`}}", None, 'template "x" not defined'),
    ],
)
def test_what_cannot_be_done_is_told_where_it_is_written(
    text: str, data: object, what: str
) -> None:
    """The error of a loop deep in a template would name only the template."""
    with pytest.raises(TemplateError) as caught:
        parse(text, name="t", functions={}).render(data)
    assert caught.value.what.startswith("template: t:1:")
    assert caught.value.what.endswith(f": {what}")


def test_an_unknown_template_is_told_with_those_that_there_are() -> None:
    """Templates of other files would not be in the hint, though they can be called."""
    library: dict[str, Template] = {"other": parse("", functions={})}
    text = '{{define "mine"}}{{end}}{{template "minee"}}'
    with pytest.raises(TemplateError) as caught:
        parse(text, name="t", functions={}, templates=library).render(None)
    assert caught.value.fix == 'did you mean "mine"? templates are "mine", "other", "t"'


def test_a_template_that_is_called_knows_no_variable_but_its_own() -> None:
    """A value of the caller would leak into a template that others use too."""
    text = '{{define "a"}}{{$x := .}}[{{$}}{{$x}}]{{end}}{{$x := 1}}{{template "a" 2}}{{$x}}'
    assert parse(text, functions={}).render(0) == "[22]1"


def test_the_own_definition_comes_before_one_of_the_library() -> None:
    """A config's own part would be ignored in favour of a builtin of its name."""
    library = {"part": parse("library", functions={})}
    text = '{{define "part"}}own{{end}}{{template "part"}}'
    assert parse(text, functions={}, templates=library).render(None) == "own"
    assert parse('{{template "part"}}', functions={}, templates=library).render(None) == "library"


@given(
    st.lists(st.integers(0, 3) | st.text("ab", max_size=2), max_size=5),
    st.sampled_from(["list", "map"]),
)
def test_a_loop_sees_each_item_once_in_order(items: list[Any], kind: str) -> None:
    """A mesh would have an object twice, or in another order on each run."""
    data: Any = items if kind == "list" else {f"k{9 - n}": item for n, item in enumerate(items)}
    pairs = list(enumerate(items)) if kind == "list" else sorted(data.items())
    text = "{{range $k, $v := .}}{{$k}}={{$v}};{{end}}"
    assert parse(text, functions={}).render(data) == "".join(f"{k}={v};" for k, v in pairs)
