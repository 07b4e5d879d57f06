"""Tests of Go's string and character constants, beyond what is recorded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.quoting import can_backquote, quote, quote_rune, unquote, unquote_character
from pyload.gotemplate.values import from_utf8


@given(st.binary(max_size=12).map(from_utf8) | st.text(max_size=12))
def test_what_is_quoted_reads_back(text: str) -> None:
    """An error text would show another name than the one in the template."""
    surrogates = any("\ud800" <= character <= "\udfff" for character in text)
    if not surrogates or all(not "\ud800" <= c < "\udc80" and c <= "\udcff" for c in text):
        # Bytes that together make a character come back as that.
        expected = from_utf8(text.encode("utf-8", "surrogateescape"))
        assert unquote(quote(text)) == expected
        assert unquote(quote(text, ascii_only=True)) == expected
    assert quote(text, ascii_only=True).isascii()
    assert "\n" not in quote(text)


@given(st.text(max_size=8))
def test_raw_strings_hold_all_but_carriage_returns(text: str) -> None:
    """A raw string with backslashes would be read as if it were quoted."""
    if "`" not in text:
        assert unquote(f"`{text}`") == text.replace("\r", "")
    if can_backquote(text):
        assert unquote(f"`{text}`") == text


@given(st.characters(exclude_categories=["Cs"]))
def test_what_is_quoted_as_a_character_reads_back(character: str) -> None:
    """``%q`` of a number would show another character."""
    code = ord(character)
    assert unquote_character(quote_rune(code)) == code
    assert unquote_character(quote_rune(code, ascii_only=True)) == code


def test_what_is_no_character_becomes_the_replacement_character() -> None:
    """``%q`` of a number, or a broken text in an error, would end in a traceback."""
    assert [quote_rune(code) for code in (-1, 0xD800, 0x110000)] == ["'\ufffd'"] * 3
    assert quote("\ud800\udc80") == '"\\ufffd\\x80"'
    assert unquote_character("'\ud800'") == 0xFFFD


@pytest.mark.parametrize(
    "quoted",
    [r'"\q"', r'"\x4"', r'"\xgg"', r'"\u12"', r'"\ud800"', r'"\U00110000"', r'"\400"', r'"\08"'],
)
def test_refuses_escapes_that_go_has_not(quoted: str) -> None:
    """A mistyped escape would silently become another text."""
    with pytest.raises(ValueError, match="invalid syntax"):
        unquote(quoted)
    with pytest.raises(ValueError, match=r"invalid syntax|malformed"):
        unquote_character(f"'{quoted[1:-1]}'")
