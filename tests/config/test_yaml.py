"""Tests of composing YAML text into nodes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml as pyyaml

from pyload.config import yaml
from pyload.config.yaml import MappingNode, Node, ScalarNode, SequenceNode, compose
from pyload.errors import ConfigError


@pytest.fixture(autouse=True, params=["libyaml", "pure"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test on the C parser and on the one that stands in for it."""
    if request.param == "pure":
        monkeypatch.setattr(yaml, "_LOADER", pyyaml.SafeLoader)
    elif not pyyaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")


def plain(node: Node | None) -> Any:
    """Strip the positions."""
    match node:
        case None:
            return None
        case ScalarNode(value):
            return value
        case SequenceNode(items):
            return [plain(item) for item in items]
        case MappingNode(entries):
            return {name: plain(entry.value) for name, entry in entries.items()}


def problems(text: str | bytes) -> list[str]:
    """Return the problems of a file that cannot be read."""
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        compose(data, source="f")
    return [str(problem) for problem in caught.value.problems]


def test_values_know_where_they_stand() -> None:
    """Problems would point at the wrong place."""
    root = compose("a: 1\nb:\n  - é: x\n    c: {d: [~]}\n".encode(), source="f").root
    assert plain(root) == {"a": 1, "b": [{"é": "x", "c": {"d": [None]}}]}
    assert isinstance(root, MappingNode)
    items = root.entries["b"].value
    assert isinstance(items, SequenceNode)
    item = items.items[0]
    assert isinstance(item, MappingNode)
    assert (item.line, item.column) == (3, 5)
    entry = item.entries["é"]
    assert (entry.key.line, entry.key.column) == (3, 5)
    assert (entry.value.line, entry.value.column) == (3, 8)
    assert root.size == 13


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("---\n", None),
        ("---\na: 1\n---\n", {"a": 1}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("5: a\ntrue: b\n1.5: c\n", {"5": "a", "true": "b", "1.5": "c"}),
        ("a: &x {k: 1}\nb: *x\n", {"a": {"k": 1}, "b": {"k": 1}}),
        ("a: &x {k: 1}\nb: {<<: *x, j: 2}\n", {"a": {"k": 1}, "b": {"k": 1, "j": 2}}),
        ("a: &x {k: 1}\nb: {k: 2, <<: *x}\n", {"a": {"k": 1}, "b": {"k": 2}}),
        (
            "- &x {k: 1}\n- &y {k: 5, j: 6}\n- <<: [*x, *y]\n",
            [{"k": 1}, {"k": 5, "j": 6}, {"k": 1, "j": 6}],
        ),
        ('"<<": {a: 1}\n', {"<<": {"a": 1}}),
        ("a: |\n  n\n", {"a": "n\n"}),
    ],
)
def test_reads_documents(text: str, value: Any) -> None:
    """A config that YAML allows would be refused or misread."""
    assert plain(compose(text.encode(), source="f").root) == value


def test_reads_utf_16_with_a_byte_order_mark() -> None:
    """What PowerShell redirects into a file would be refused."""
    assert plain(compose("a: é".encode("utf-16"), source="f").root) == {"a": "é"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [x\n", "f:1:4: the list opened with `[` is not closed; add `]`"),
        ("a: {b: 1\n", "f:1:4: the mapping opened with `{` is not closed; add `}`"),
        ("a: 'x\n", "f:1:4: a quoted text is not closed; add the closing quote"),
        ("a:\n\tb: 1\n", "f:2:1: a tab is used for indentation; use spaces"),
        ("a: @x\n", "f:1:4: a value cannot start with `@`; put the text in quotes"),
        ("a: b: c\n", "f:1:5: a `:` does not fit here; indent it, or put quotes"),
        ("a: - b\n", "f:1:4: a `-` does not fit here; start the list on a new line"),
        ("a: ? b\n", "f:1:4: a `?` does not fit here; put the text in quotes"),
        ("a: 1\nb\nc: 2\n", "f:3:1: there is no `:` after this key; write `KEY: VALUE`"),
        (
            "a:\n  b: 1\n c: 2\n",
            "f:3:2: this does not fit here; check the indentation, quotes and brackets above",
        ),
        ("}", "f:1:1: a value was expected here; check the brackets and commas"),
        ("a: *\n", "f:1:5: a name must follow `&` or `*`; put the text in quotes"),
        ("a: !h!x b\n", "f:1:4: this `!` tag is not defined; put the text in quotes"),
        ("a: |x\n b", "f:1:5: `|` and `>` must end their line; put the text in quotes"),
        ("a: *x\n", "f:1:4: `*x` refers to an anchor that is not defined above"),
        ("a: &x [*x]\n", "f:1:8: `*x` stands inside the value that it refers to"),
        ("a: 1\n---\nb: 1\n", "f:3:1: a second YAML document starts here; keep one"),
        ("[" * 500, "f:1:101: more than 100 levels are nested here"),
        (b"a: \xff\n", "f:1:4: this is not UTF-8 text (byte 0xff); give a YAML file in UTF-8"),
        (
            b"a: b\n\x00",
            "f:2:1: control character U+0000 in the text; give a YAML file in UTF-8",
        ),
        (b"\xff\xfea", "f:1:1: this is not UTF-8 text (byte 0x61); give a YAML file in UTF-8"),
    ],
)
def test_says_in_plain_words_what_is_not_yaml(text: str | bytes, problem: str) -> None:
    """The user would get the parser's jargon, a wrong place, or a traceback."""
    assert problems(text) == [problem]


def test_a_depth_that_the_parser_itself_refuses_is_told_in_the_same_words() -> None:
    """Newer parsers give up on their own, before the events that are counted here."""
    (problem,) = problems("[" * 200_000)
    assert "more than 100 levels are nested here" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "f:3:1: key `a` is given twice, first at line 1; remove one of them",
        ),
        ("? [a]\n: 1\n", "f:1:3: a key must be text, not a list or mapping"),
        (
            "a: {{ x }}\n",
            "f:1:5: a key must be text, not a list or mapping; put `{{ }}` in quotes",
        ),
        ("~: 1\n", "f:1:1: a key cannot be empty"),
        ("a: !!int x\n", "f:1:4: `x` is not what `!!int` says it is"),
        ("<<: 5\n", "f:1:5: `<<` takes a mapping or a list of them"),
    ],
)
def test_notes_what_yaml_allows_and_a_config_does_not(text: str, problem: str) -> None:
    """A key given twice would silently lose its first value."""
    assert [str(one) for one in compose(text.encode(), source="f").problems] == [problem]


def test_aliases_cannot_blow_up() -> None:
    """A file of a few hundred bytes would take all memory and time."""
    levels = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert problems("x0: &x0 [a]\n" + levels) == ["f:6:25: aliases repeat more than 100,000 values"]
