"""Tests of the parser: the trees that it makes, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import TemplateError
from pyload.gotemplate.nodes import Action, Call, If, Range, Source, Text, With
from pyload.gotemplate.parser import parse_trees

FUNCTIONS = {"print", "printf", "len", "index", "upper"}


def statements(text: str) -> list[str]:
    """Return the statements of a template as their kinds and texts."""
    body = parse_trees(Source("t", text), FUNCTIONS)["t"].body
    return [
        f"{type(node).__name__} {node if isinstance(node, Text | Action | Call) else ''}".strip()
        for node in body
    ]


def refusal(text: str) -> tuple[str, str]:
    """Return what is wrong with a template, and the advice."""
    with pytest.raises(TemplateError) as caught:
        parse_trees(Source("t", text), FUNCTIONS)
    assert caught.value.stage == "parse"
    return caught.value.what.removeprefix("template: t:1: "), caught.value.fix


def test_statements_come_in_order() -> None:
    """Parts of an object would be lost or swapped."""
    text = "a{{.b}}{{if .}}{{end}}{{range .}}{{break}}{{end}}{{with .}}{{end}}{{template `t` 1}}b"
    assert statements(text) == [
        *(
            'Text "a"',
            "Action {{.b}}",
            "If",
            "Range",
            "With",
            'Call {{template "t" 1}}',
            'Text "b"',
        ),
    ]


def test_bodies_hold_what_stands_in_them() -> None:
    """An ``{{end}}`` would close another block than the one above it."""
    text = "{{range .}}{{if .}}1{{else}}2{{end}}3{{else}}4{{end}}{{with .}}5{{else with 1}}6{{end}}"
    loop, rebound = parse_trees(Source("t", text), FUNCTIONS)["t"].body
    assert isinstance(loop, Range)
    assert isinstance(rebound, With)
    condition, after = loop.body
    assert isinstance(condition, If)
    assert [str(node) for node in condition.branches[0].body] == ['"1"']
    assert [str(node) for node in (*condition.otherwise, after, *loop.otherwise)] == [
        *('"2"', '"3"', '"4"'),
    ]
    assert [str(branch.body[0]) for branch in rebound.branches] == ['"5"', '"6"']


def test_definitions_are_trees_of_their_own() -> None:
    """A definition would be part of the output, or not be found by its name."""
    trees = parse_trees(Source("t", '{{define "a"}}1{{end}}{{block "b" .x}}2{{end}}3'), FUNCTIONS)
    assert {name: [str(node) for node in tree.body] for name, tree in trees.items()} == {
        "a": ['"1"'],
        "b": ['"2"'],
        "t": ['{{template "b" .x}}', '"3"'],
    }


@pytest.mark.parametrize(
    ("first", "second", "body"),
    [(" ", "1", '"1"'), ("1", "\n", '"1"'), (" ", "\t", '"\\t"')],
)
def test_an_empty_definition_does_not_replace_another(first: str, second: str, body: str) -> None:
    """A stub in one file would empty the template of another."""
    text = f'{{{{define "a"}}}}{first}{{{{end}}}}{{{{define "a"}}}}{second}{{{{end}}}}'
    assert [str(node) for node in parse_trees(Source("t", text), FUNCTIONS)["a"].body] == [body]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{if .}}", "unexpected EOF"),
        ("{{if}}{{end}}", "missing value for if"),
        ("{{if .}}{{else}}{{else}}{{end}}", "expected end; found {{else}}"),
        ("{{if .}}{{else x}}{{end}}", 'unexpected "x" in else'),
        ("{{end .}}", "unexpected <.> in end"),
        ("{{with .}}{{else if .}}{{end}}{{end}}", "unexpected <if> in input"),
        ("{{range .}}{{else range .}}{{end}}", "unexpected <range> in else"),
        ("{{break}}", "{{break}} outside {{range}}"),
        ("{{range .}}{{define `a`}}{{end}}{{end}}", "unexpected <define> in command"),
        ('{{define "a"}}{{continue}}{{end}}', "{{continue}} outside {{range}}"),
        ("{{range .}}{{break 1}}{{end}}", 'unexpected "1" in {{break}}'),
        ("{{range .}}{{else}}{{break}}{{end}}", "{{break}} outside {{range}}"),
        ("{{define a}}{{end}}", 'unexpected "a" in define clause'),
        ('{{define "a" .}}{{end}}', "unexpected <.> in define clause"),
        ('{{define "a"}}{{else}}', "unexpected {{else}} in define clause"),
        ("{{template .}}", "unexpected <.> in template clause"),
        ('{{template "\\q"}}', "invalid syntax"),
        ("{{block `a`}}{{end}}", "missing value for block clause"),
        (
            "{{define `a`}}1{{end}}{{define `a`}}2{{end}}",
            'template: multiple definition of template "a"',
        ),
        ("{{}}", "missing value for command"),
        ("{{| print}}", 'unexpected "|" in command'),
        ("{{. | 1}}", "non executable command in pipeline stage 2"),
        ("{{1.a}}", "bad number syntax"),
        ("{{nil.a}}", 'unexpected . after term "nil"'),
        ("{{(.).}}", "unexpected <.> in operand"),
        ("{{()}}", "missing value for parenthesized pipeline"),
        ("{{print ,}}", 'unexpected "," in operand'),
        ("{{$x, $y := 1}}", "too many declarations in command"),
        ("{{range $x, $y, $z := 1}}{{end}}", "too many declarations in range"),
        ("{{range $x, 1 := .}}{{end}}", "range can only initialize variables"),
        ("{{9223372036854775808999}}", 'integer overflow: "9223372036854775808999"'),
    ],
)
def test_what_go_refuses_is_refused(text: str, what: str) -> None:
    """A template with a mistake would fail only when its branch is taken."""
    assert refusal(text)[0].startswith(what)


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("{{uper 1}}", 'function "uper" not defined', "did you mean upper?"),
        ("{{zzz 1}}", 'function "zzz" not defined', "see column 3"),
        ("{{$name := 1}}{{$nam}}", 'undefined variable "$nam"', "did you mean $name?"),
        (
            "{{if $a := 1}}{{end}}{{$a}}",
            'undefined variable "$a"',
            "did you mean $?; see column 24",
        ),
        (
            "{{range $a := .}}{{else}}{{end}}{{$a}}",
            'undefined variable "$a"',
            "did you mean $?; see column 35",
        ),
        (
            "{{$a := 1}}{{define `x`}}{{$a}}{{end}}",
            'undefined variable "$a"',
            "did you mean $?; see column 28",
        ),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(text: str, what: str, fix: str) -> None:
    """A misspelt name would render as nothing, and the object be refused by the server."""
    found, advice = refusal(text)
    assert found == what
    assert advice.startswith(fix)


def test_variables_are_known_from_their_declaration_on() -> None:
    """Templates that Go takes would be refused."""
    text = "{{$a := 1}}{{if $b := $a}}{{$b}}{{else if $c := 1}}{{$b}}{{$c}}{{else}}{{$c}}{{end}}"
    assert statements(text + "{{range $i, $e := $.x}}{{$i}}{{$e}}{{else}}{{$i}}{{end}}{{$a}}")


@given(st.integers(1, 150), st.sampled_from([("(", ")"), ("{{if .}}", "{{end}}")]))
def test_nesting_is_bounded(depth: int, marks: tuple[str, str]) -> None:
    """A hostile template would run the parser out of stack."""
    left, right = marks
    text = left * depth + "1" + right * depth
    text = f"{{{{{text}}}}}" if left == "(" else text
    if depth <= 100:
        assert len(statements(text)) == 1
    else:
        assert refusal(text)[0] == "blocks and parentheses nested more than 100 deep"


NAMES = st.sampled_from(["a", "b2", "été"])
PIPELINES = st.recursive(
    st.sampled_from([".", "$", "true", "1", "-2.5", '"s"', "`r`", "'c'", "$.x"])
    | NAMES.map(lambda name: f".{name}"),
    lambda inner: (
        st.tuples(st.sampled_from(["print", "index", "len"]), st.lists(inner, max_size=3)).map(
            lambda call: " ".join(
                [call[0], *(f"({one})" if " " in one else one for one in call[1])]
            )
        )
        | inner.map(lambda one: f"{one} | print")
        | st.tuples(inner, NAMES).map(
            lambda chain: (
                f"(print {chain[0]}).{chain[1]}"
                if " " not in chain[0]
                else f"({chain[0]}).{chain[1]}"
            )
        )
    ),
    max_leaves=6,
)


@given(PIPELINES)
def test_a_pipeline_reads_back_as_it_is_shown(text: str) -> None:
    """An error would show something else than what is executed."""
    (node,) = parse_trees(Source("t", f"{{{{{text}}}}}"), FUNCTIONS)["t"].body
    assert isinstance(node, Action)
    assert str(node.pipe) == text
    assert parse_trees(Source("t", str(node)), FUNCTIONS)["t"].body == (node,)
