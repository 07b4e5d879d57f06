"""Texts: cutting, joining, wrapping, quoting. Positions count bytes, as in Go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.fmt import text_of
from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.quoting import quote
from pyload.gotemplate.sprig.bounds import check_text, check_work, repeated
from pyload.gotemplate.sprig.casts import strslice, strval
from pyload.gotemplate.sprig.runes import SPACE
from pyload.gotemplate.values import StringMap, Strings, from_utf8, kind_of, utf8

if TYPE_CHECKING:
    from collections.abc import Iterable

_DOTS: Final = b"..."


def _abbreviated(text: bytes, offset: int, width: int) -> bytes:
    """Shorten to a width, with dots for what is left out behind, and in front of an offset."""
    if len(text) <= width:
        return text
    room = width - len(_DOTS)
    offset = min(offset, len(text) - room)
    if offset <= 4:
        return text[:room] + _DOTS
    if offset + room < len(text):
        return _DOTS + _abbreviated(text[offset:], 0, room)
    return _DOTS + text[-room:]


def _abbrev(width: int, text: str) -> str:
    return text if width < 4 else from_utf8(_abbreviated(utf8(text), 0, width))


def _abbrev_both(left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    data = utf8(text)
    # A width below 7 has no room for dots on both sides: sprig drops Go's error and the text.
    if right < 7 and len(data) > right and min(left, len(data) - right + 3) > 4:
        return ""
    return from_utf8(_abbreviated(data, left, right))


def _trunc(count: int, text: str) -> str:
    data = utf8(text)
    if count < 0:
        return from_utf8(data[count:]) if len(data) + count > 0 else text
    return from_utf8(data[:count])


def _out_of_range(bounds: str) -> Failure:
    return Failure(f"runtime error: slice bounds out of range [{bounds}")


def _substr(start: int, end: int, text: str) -> str:
    data = utf8(text)
    if start < 0:
        start = 0
        if end > len(data):
            raise _out_of_range(f":{end}] with length {len(data)}")
        if end < 0:
            raise _out_of_range(f":{end}]")
    elif end < 0 or end > len(data):
        end = len(data)
    if start > end:
        raise _out_of_range(f"{start}:{end}]")
    return from_utf8(data[start:end])


def _nospace(text: str) -> str:
    """Drop white space. sprig takes bytes for letters here, so beyond ASCII they come apart."""
    check_work(len(text))
    chars = utf8(text).decode("latin-1")
    kept = "".join(char for char in chars if char not in SPACE)
    return text if len(kept) == len(chars) else kept


def _wrapped(text: str, width: int, newline: str, *, break_words: bool) -> str:
    check_work(len(text))
    width, cut = max(width, 1), utf8(newline or "\n")
    data, pieces, start = utf8(text), [], 0
    while len(data) - start > width:
        if data[start : start + 1] == b" ":
            start += 1
            continue
        end = data.rfind(b" ", start, start + width + 1)
        following = end + 1
        if end < 0 and break_words:
            end = following = start + width
        elif end < 0:
            end = data.find(b" ", start + width)
            following = end + 1
            if end < 0:
                break
        pieces += [data[start:end], cut]
        start = following
    return from_utf8(b"".join([*pieces, data[start:]]))


def _quote(*values: Any) -> str:
    return " ".join(quote(strval(value)) for value in values if value is not None)


def _squote(*values: Any) -> str:
    return " ".join(f"'{text_of(value)}'" for value in values if value is not None)


def _cat(*values: Any) -> str:
    return " ".join(text_of(value) for value in values if value is not None)


def _indent(spaces: int, text: str) -> str:
    pad = repeated(" ", spaces)
    check_text(len(pad) * (text.count("\n") + 1))
    return pad + text.replace("\n", "\n" + pad)


def _replace(old: str, new: str, text: str) -> str:
    count = text.count(old) if old else len(text) + 1
    check_text(len(text) + count * len(new))
    return text.replace(old, new)


def _pieces(separator: str, text: str, limit: int) -> list[str]:
    if limit == 0:
        return []
    if not separator:
        cut = len(text) if limit < 0 else min(limit - 1, len(text))
        rest = text[cut:]
        return [*text[:cut], rest] if rest else list(text)
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _numbered(pieces: Iterable[str]) -> StringMap:
    return StringMap({f"_{index}": piece for index, piece in enumerate(pieces)})


def _join(separator: str, values: Any) -> str:
    texts = strslice(values)
    check_text(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _sort_alpha(values: Any) -> Strings:
    """Sort a list in the order of its bytes; a list of texts is itself put in order, as in Go."""
    texts = strslice(values) if kind_of(values) == "slice" else Strings([strval(values)])
    texts.sort(key=utf8)
    return texts


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


FUNCTIONS: Final = (
    Function("abbrev", _abbrev, ("int", "string")),
    Function("abbrevboth", _abbrev_both, ("int", "int", "string")),
    Function("trunc", _trunc, ("int", "string")),
    Function("substr", _substr, ("int", "int", "string")),
    Function("trim", lambda text: text.strip(SPACE), ("string",)),
    Function("trimAll", lambda chars, text: text.strip(chars), ("string",) * 2),
    Function("trimall", lambda chars, text: text.strip(chars), ("string",) * 2),
    Function("trimPrefix", lambda part, text: text.removeprefix(part), ("string",) * 2),
    Function("trimSuffix", lambda part, text: text.removesuffix(part), ("string",) * 2),
    Function("nospace", _nospace, ("string",)),
    Function("repeat", lambda count, text: repeated(text, count), ("int", "string")),
    Function("replace", _replace, ("string",) * 3),
    Function("contains", lambda part, text: part in text, ("string",) * 2),
    Function("hasPrefix", lambda part, text: text.startswith(part), ("string",) * 2),
    Function("hasSuffix", lambda part, text: text.endswith(part), ("string",) * 2),
    Function(
        "wrap",
        lambda width, text: _wrapped(text, width, "", break_words=False),
        ("int", "string"),
    ),
    Function(
        "wrapWith",
        lambda width, newline, text: _wrapped(text, width, newline, break_words=True),
        ("int", "string", "string"),
    ),
    Function("indent", _indent, ("int", "string")),
    Function("nindent", lambda spaces, text: "\n" + _indent(spaces, text), ("int", "string")),
    Function("quote", _quote, variadic="any"),
    Function("squote", _squote, variadic="any"),
    Function("cat", _cat, variadic="any"),
    Function("plural", _plural, ("string", "string", "int")),
    Function("toString", strval, ("any",)),
    Function("toStrings", strslice, ("any",)),
    Function("join", _join, ("string", "any")),
    Function("sortAlpha", _sort_alpha, ("any",)),
    Function(
        "split", lambda separator, text: _numbered(_pieces(separator, text, -1)), ("string",) * 2
    ),
    Function(
        "splitn",
        lambda separator, limit, text: _numbered(_pieces(separator, text, limit)),
        ("string", "int", "string"),
    ),
    Function(
        "splitList", lambda separator, text: Strings(_pieces(separator, text, -1)), ("string",) * 2
    ),
)
