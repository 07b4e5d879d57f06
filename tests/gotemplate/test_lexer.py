"""Tests of cutting a template into tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.lexer import Token, TokenKind, lex

SIGNS = st.sampled_from(
    [
        *("{{", "}}", "{{- ", " -}}", "{{/*", "*/}}", "{", "}", "-", " ", "\n", "\t", "é", "✓"),
        *(".", ".a", "$", "$x", ":=", "=", ":", "|", "(", ")", ",", "1", "0x1p4", "1i", "-2", "+"),
        *(
            '"a"',
            '"',
            "`r\n`",
            "`",
            "'c'",
            "'",
            "\\",
            "if",
            "end",
            "true",
            "nil",
            "name",
            "@",
            "\0",
        ),
    ]
)


def shown(text: str) -> list[str]:
    """Return the tokens of a text as their kinds and texts."""
    return [f"{token.kind.name} {token.text}".rstrip() for token in lex(text)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ["EOF EOF"]),
        ("a { b", ["TEXT a { b", "EOF EOF"]),
        ("a{{.}}b", ["TEXT a", "LEFT {{", "DOT .", "RIGHT }}", "TEXT b", "EOF EOF"]),
        (
            "a \n{{- . -}}\t b",
            ["TEXT a", "LEFT {{", "DOT .", "RIGHT }}", "TEXT b"],
        ),
        ("{{-1}}", ["LEFT {{", "NUMBER -1", "RIGHT }}"]),
        ("{{- 1 -2}}", ["LEFT {{", "NUMBER 1", "SPACE", "NUMBER -2", "RIGHT }}"]),
        ("a {{- /* b */ -}} c", ["TEXT a", "TEXT c"]),
        ("{{/* }} */}}", []),
        ("{{if end}}", ["LEFT {{", "IF if", "SPACE", "END end", "RIGHT }}"]),
        ("{{ifx true}}", ["LEFT {{", "IDENTIFIER ifx", "SPACE", "BOOL true", "RIGHT }}"]),
        ("{{$x.a.b}}", ["LEFT {{", "VARIABLE $x", "FIELD .a", "FIELD .b", "RIGHT }}"]),
        ("{{$:=.5}}", ["LEFT {{", "VARIABLE $", "DECLARE :=", "NUMBER .5", "RIGHT }}"]),
        ("{{1+2i}}", ["LEFT {{", "COMPLEX 1+2i", "RIGHT }}"]),
        ('{{"}}"}}', ["LEFT {{", 'STRING "}}"', "RIGHT }}"]),
        ("{{`}}\n`}}", ["LEFT {{", "RAW_STRING `}}\n`", "RIGHT }}"]),
        ("{{'\\''}}", ["LEFT {{", "CHARACTER '\\''", "RIGHT }}"]),
        ("{{été,}}", ["LEFT {{", "IDENTIFIER été", "OTHER ,", "RIGHT }}"]),
        ("{{(.)|.}}", ["LEFT {{", "LEFT_PAREN (", "DOT .", "RIGHT_PAREN )", "PIPE |", "DOT ."]),
    ],
)
def test_texts_and_actions_are_cut_where_go_cuts_them(text: str, tokens: list[str]) -> None:
    """White space would be lost or kept, or a string would end an action."""
    assert shown(text)[: len(tokens)] == tokens


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{", "unclosed action"),
        ("{{.x", "unclosed action"),
        ("{{/* a", "unclosed comment"),
        ("{{/* a */ }}", "comment ends before closing delimiter"),
        ("{{(}}", "unclosed left paren"),
        ("{{)}}", "unexpected right paren"),
        ("{{a:b}}", "expected :="),
        ('{{"a\n"}}', "unterminated quoted string"),
        ("{{'a}}", "unterminated character constant"),
        ("{{`a}}", "unterminated raw quoted string"),
        ("{{1a}}", 'bad number syntax: "1a"'),
        ("{{1+2}}", 'bad number syntax: "1+2"'),
        ("{{.a@}}", "bad character U+0040 '@'"),
        ("{{a\0}}", "bad character U+0000"),
        ("{{\x01}}", "unrecognized character in action: U+0001"),
        ("{{✓}}", "unrecognized character in action: U+2713 '✓'"),
    ],
)
def test_what_cannot_be_cut_is_the_last_token(text: str, error: str) -> None:
    """The parser would go on behind a mistake, and report another one."""
    last = list(lex(text))[-1]
    assert (last.kind, last.text, str(last)) == (TokenKind.ERROR, error, error)


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        (TokenKind.EOF, "EOF", '"EOF"'),
        (TokenKind.IF, "if", "<if>"),
        (TokenKind.DOT, ".", "<.>"),
        (TokenKind.IDENTIFIER, "abcdefghij", '"abcdefghij"'),
        (TokenKind.IDENTIFIER, "abcdefghijk", '"abcdefghij"...'),
        (TokenKind.TEXT, "éééééé", '"éééééé"...'),
    ],
)
def test_tokens_are_shown_in_errors_as_by_go(kind: TokenKind, text: str, shown: str) -> None:
    """Errors would quote half a file, or differ from those that users find on the web."""
    assert str(Token(kind, 0, text, 1)) == shown


@given(st.lists(SIGNS, max_size=20).map("".join))
def test_tokens_are_pieces_of_the_text_in_order(text: str) -> None:
    """An error would point at another place than the mistake."""
    *tokens, last = lex(text)

    end = 0
    for token in tokens:
        assert token.pos >= end
        assert token.text
        assert text.startswith(token.text, token.pos)
        assert token.kind not in (TokenKind.EOF, TokenKind.ERROR)
        end = token.pos + len(token.text)
    assert last.kind in (TokenKind.EOF, TokenKind.ERROR)
    for token in (*tokens, last):
        assert token.line == 1 + text.count("\n", 0, token.pos)


@given(st.text(st.sampled_from("{} -\n\ta"), max_size=20).filter(lambda text: "{{" not in text))
def test_text_without_actions_is_one_token(text: str) -> None:
    """A config map with braces would be refused."""
    assert [token.text for token in lex(text)] == [text, "EOF"][not text :]


@given(
    st.text(st.sampled_from(" \t\r\na"), max_size=6), st.text(st.sampled_from(" \t\na"), max_size=6)
)
def test_trim_marks_take_all_white_space(before: str, after: str) -> None:
    """Objects would get empty lines, or lose the line break between two keys."""
    tokens = lex(f"{before}{{{{- . -}}}}{after}")
    texts = [token.text for token in tokens if token.kind is TokenKind.TEXT]
    assert texts == [text for text in (before.rstrip(), after.lstrip()) if text]
