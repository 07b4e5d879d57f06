"""Tests of the stream of tokens, and of the errors with the place in it."""

from __future__ import annotations

import pytest

from pyload.errors import TemplateError
from pyload.gotemplate.lexer import TokenKind
from pyload.gotemplate.nodes import Source
from pyload.gotemplate.tokens import Tokens


def tokens_of(text: str) -> Tokens:
    """Return the tokens of a text named "t"."""
    return Tokens(Source("t", text))


def test_a_token_can_be_looked_at_and_put_back() -> None:
    """The parser could not tell a declaration from a variable."""
    tokens = tokens_of("{{ .a  $x }}")
    assert tokens.peek() == tokens.next()
    assert tokens.peek_past_space().text == ".a"
    assert tokens.next().text == ".a"
    assert tokens.skip().text == "$x"
    tokens.back()
    assert tokens.next().text == "$x"
    tokens.index = 0
    assert tokens.next().text == "{{"


def test_the_expected_token_is_returned() -> None:
    """The parser would have to read it twice."""
    tokens = tokens_of("{{ }}")
    tokens.next()
    assert tokens.expect(TokenKind.RIGHT, "end").text == "}}"


def test_another_token_is_named_with_what_it_stands_in() -> None:
    """A user would not know which of two clauses is meant."""
    tokens = tokens_of("a\n{{ if }}")
    tokens.next()
    tokens.next()
    with pytest.raises(TemplateError) as caught:
        tokens.expect(TokenKind.RIGHT, "end")
    error = caught.value
    assert error.what == "template: t:2: unexpected <if> in end"
    assert (error.line, error.column) == (2, 3)
    assert error.fix == "see column 4: {{ if }}"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ .a", "t:1: unclosed action"),
        ("{{ .a\n", "t:2: unclosed action started at t:1"),
        ("{{ .a\n a@", "t:2: bad character U+0040 '@' in action started at t:1"),
    ],
)
def test_an_unfinished_action_is_traced_to_its_start(text: str, what: str) -> None:
    """The end of a long file says nothing of where the braces were opened."""
    tokens = tokens_of(text)
    tokens.action = tokens.next()
    while (token := tokens.skip()).kind is not TokenKind.ERROR:
        pass
    with pytest.raises(TemplateError) as caught:
        tokens.unexpected(token, "command")
    assert caught.value.what == f"template: {what}"


def test_an_error_may_be_at_an_earlier_token() -> None:
    """Go's text has the line of the reader; the place is for the user's editor."""
    tokens = tokens_of("{{\n`é`$x\n}}")
    seen = [tokens.next() for _ in range(5)]
    error = tokens.error("undefined", fix="did you mean $y?", at=seen[3])
    assert error.what.startswith("template: t:2: ")
    assert (error.line, error.column) == (2, 4)
    assert error.fix == "did you mean $y?; see column 5: {{"


def test_an_error_before_the_first_token_is_at_the_start() -> None:
    """An empty template would end in a traceback."""
    error = tokens_of("").error("nothing here")
    assert (error.what, error.line, error.column) == ("template: t:1: nothing here", 1, 0)
    assert error.fix == "see column 1"
