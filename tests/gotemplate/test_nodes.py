"""Tests of the syntax tree: what a node looks like in an error, and where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.nodes import Action, If, Pipe, Source, Text, Tree, last_visited
from pyload.gotemplate.parser import parse_trees

FUNCTIONS = {"print", "len", "index"}


def pipe_of(text: str) -> Pipe:
    """Parse a pipeline."""
    (node,) = parse_trees(Source("t", f"{{{{{text}}}}}"), FUNCTIONS)["t"].body
    assert isinstance(node, Action)
    return node.pipe


@pytest.mark.parametrize(
    "text",
    [
        *(".", "nil", "true", "false", "-0x1F", "'a'", '"a\\n"', "`r`", ".a.b", "$", "$.a"),
        *("print", "print .a 1 `b`", "(print .a).b.c", "print (len .) (index . 1)", ". | print"),
        *("$x := 1", ".a | print 1 | len", "$x := print 1 | len"),
    ],
)
def test_a_pipeline_is_shown_as_it_is_written(text: str) -> None:
    """Users search their template for the text in the error."""
    assert str(pipe_of(text)) == text


def test_white_space_and_comments_are_not_shown() -> None:
    """Go writes one space, whatever the template has; recordings could not be compared."""
    assert str(pipe_of("  print   .a\n|\tlen ")) == "print .a | len"
    assert str(pipe_of("$x:=1")) == "$x := 1"


def test_statements_are_shown_in_braces() -> None:
    """An error of a template that is called would name only its argument."""
    text = '{{define "a"}}{{end}}{{$x := 1}}{{$x = 2}}{{template `a` .b | len}}{{template "a"}}'
    nodes = parse_trees(Source("t", text), FUNCTIONS)["t"].body
    assert [str(node) for node in nodes] == [
        "{{$x := 1}}",
        "{{$x = 2}}",
        '{{template "a" .b | len}}',
        '{{template "a"}}',
    ]


def test_a_long_text_is_shown_in_part() -> None:
    """A whole file would be quoted for a mistake at its end."""
    assert str(Text(0, '"' + "x" * 200)) == '"\\"' + "x" * 79 + '"'


def test_conditions_are_looked_for_in_all_branches() -> None:
    """The second condition of a template would be lost on the way to the compiler."""
    text = "{{if .a}}1{{else if .b}}2{{else}}3{{end}}"
    (node,) = parse_trees(Source("t", text), FUNCTIONS)["t"].body
    assert isinstance(node, If)
    assert [str(branch.pipe) for branch in node.branches] == [".a", ".b"]
    assert [str(text) for text in node.otherwise] == ['"3"']


@pytest.mark.parametrize(
    ("text", "visited"),
    [
        (".a", ".a"),
        ("print .a .b", ".b"),
        (".a | print 1", "1"),
        (".a 1", ".a"),
        ("(print .a).b", ".a"),
        ("(len .a)", ".a"),
        ("print (len .a)", ".a"),
    ],
)
def test_the_node_that_go_has_seen_last_is_named(text: str, visited: str) -> None:
    """Errors would name another part of a pipeline than Go's do."""
    assert str(last_visited(pipe_of(text))) == visited


@pytest.mark.parametrize(
    ("body", "empty"), [("", True), (" \n", True), ("a", False), ("{{.}}", False)]
)
def test_a_definition_of_white_space_is_empty(body: str, empty: bool) -> None:  # noqa: FBT001
    """A stub would replace the template that it stands for."""
    trees = parse_trees(Source("t", f'{{{{define "a"}}}}{body}{{{{end}}}}'), FUNCTIONS)
    assert trees["a"].empty is empty
    assert Tree("t", Source("t", ""), ()).empty


@given(st.text(st.sampled_from("aé✓\n\r\U0001f600"), max_size=12), st.integers(0, 12))
def test_places_count_lines_and_bytes(text: str, pos: int) -> None:
    """Go counts bytes; an editor would show another column than the error names."""
    pos = min(pos, len(text))
    lines = text[:pos].split("\n")
    assert Source("t", text).place(pos) == (len(lines), len(lines[-1].encode()))


@pytest.mark.parametrize(
    ("text", "pos", "action"),
    [
        ("a {{.b}} c", 4, "{{.b}}"),
        ("a {{.b}} c", 2, "{{.b}}"),
        ("a {{.b}} c", 9, ""),
        ("a {{.b}} c", 0, ""),
        ("a {{.b\n.c}}", 8, "{{.b"),
        ("a {{.b", 6, "{{.b"),
        ("{{.a}}{{.b}}", 8, "{{.b}}"),
        ("{{" + "x" * 200, 100, "{{" + "x" * 78),
    ],
)
def test_the_action_around_a_place_is_its_first_line(text: str, pos: int, action: str) -> None:
    """The hint would show another action than the one with the mistake."""
    assert Source("t", text).action(pos) == action
