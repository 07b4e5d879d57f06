"""Go's quoted strings and characters: how strconv writes and reads them."""

from __future__ import annotations

from typing import Final

from pyload.gotemplate.values import from_utf8, utf8

_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_SIMPLE: Final = {text[1]: character for character, text in _ESCAPES.items()}
_HEX: Final = {"x": 2, "u": 4, "U": 8}
REPLACEMENT: Final = "\ufffd"


def quote(text: str, mark: str = '"', *, ascii_only: bool = False) -> str:
    """Write a Go string constant, or with ``'`` as mark the constant of one character."""
    if text.isascii() and text.isprintable() and "\\" not in text and mark not in text:
        return f"{mark}{text}{mark}"
    return mark + "".join(_escaped(character, mark, ascii_only) for character in text) + mark


def quote_rune(code: int, *, ascii_only: bool = False) -> str:
    """Write the Go constant of a code point; what is none becomes U+FFFD."""
    return quote(rune(code), "'", ascii_only=ascii_only)


def rune(code: int) -> str:
    """Make a string of a code point; what is none becomes U+FFFD."""
    if 0 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF:
        return chr(code)
    return REPLACEMENT


def can_backquote(text: str) -> bool:
    """Return whether text fits unchanged between backquotes, on one line."""
    return not any(
        (character < " " and character != "\t")
        or character in "`\x7f\ufeff"
        or "\ud800" <= character <= "\udfff"
        for character in text
    )


def _escaped(character: str, mark: str, ascii_only: bool) -> str:  # noqa: FBT001 - see quote
    if character == mark:
        return "\\" + mark
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and (character.isascii() or not ascii_only):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        code = ord(REPLACEMENT)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(quoted: str) -> str:
    """Read a quoted or raw Go string.

    Raises:
        ValueError: An escape is not one of Go's.
    """
    if quoted[0] == "`":
        return quoted[1:-1].replace("\r", "")
    inside = quoted[1:-1]
    if "\\" not in inside:
        return inside
    data = bytearray()
    pos = 0
    while pos < len(inside):
        end = inside.find("\\", pos)
        if end < 0:
            end = len(inside)
        data += utf8(inside[pos:end])
        if end == len(inside):
            break
        piece, pos = _unescape(inside, end, '"')
        data += bytes((piece,)) if isinstance(piece, int) else utf8(piece)
    return from_utf8(bytes(data))


def unquote_character(quoted: str) -> int:
    """Read a Go character constant, and give its code point.

    Raises:
        ValueError: It is empty, holds more than one character or an escape that is not Go's.
    """
    inside = quoted[1:-1]
    if not inside:
        raise ValueError("invalid syntax")
    if inside[0] != "\\":
        code, end = ord(inside[0]), 1
        if 0xD800 <= code <= 0xDFFF:
            code = ord(REPLACEMENT)
    else:
        piece, end = _unescape(inside, 0, "'")
        code = piece if isinstance(piece, int) else ord(piece)
    if end != len(inside):
        raise ValueError(f"malformed character constant: {quoted}")
    return code


def _unescape(text: str, pos: int, mark: str) -> tuple[str | int, int]:
    """Read the escape at a position: a character, or the value of a byte; and where it ends."""
    letter = text[pos + 1]
    if letter in _SIMPLE:
        return _SIMPLE[letter], pos + 2
    if letter == mark:
        return mark, pos + 2
    if letter in _HEX:
        end = pos + 2 + _HEX[letter]
        code = _digits(text[pos + 2 : end], _HEX[letter], 16)
        if letter == "x":
            return code, end
        if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
            raise ValueError("invalid syntax")
        return chr(code), end
    if letter in "01234567":
        code = _digits(text[pos + 1 : pos + 4], 3, 8)
        if code > 0xFF:
            raise ValueError("invalid syntax")
        return code, pos + 4
    raise ValueError("invalid syntax")


def _digits(text: str, length: int, base: int) -> int:
    allowed = "0123456789abcdefABCDEF" if base == 16 else "01234567"
    if len(text) != length or any(digit not in allowed for digit in text):
        raise ValueError("invalid syntax")
    return int(text, base)
