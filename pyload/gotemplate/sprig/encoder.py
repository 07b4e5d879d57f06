"""A writer of JSON like Go's encoding/json."""

from __future__ import annotations

import base64
import math
import re
from typing import Any, Final

from pyload.gotemplate.floats import format_float
from pyload.gotemplate.limits import MAX_DEPTH
from pyload.gotemplate.nils import NilValue
from pyload.gotemplate.sprig.bounds import Budget, check_text
from pyload.gotemplate.values import Missing, Object, kind_of, type_of, utf8

_SHORT: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_PLAIN: Final = re.compile(r"[\x00-\x1f\"\\\u2028\u2029\ud800-\udfff]")
_FOR_HTML: Final = re.compile(r"[\x00-\x1f\"\\\u2028\u2029\ud800-\udfff<>&]")


class Unsupported(ValueError):  # noqa: N818 - Go's word
    """Raised when JSON has no form for a value."""

    def __init__(self, what: str) -> None:
        super().__init__(f"json: unsupported {what}")


def encode(value: Any, *, indent: str = "", html: bool = True) -> str:
    """Write a value as JSON, its maps in key order.

    Args:
        value: Any value of a template.
        indent: One level's spaces; empty for everything on one line.
        html: Whether ``<``, ``>`` and ``&`` are escaped.

    Raises:
        Unsupported: It holds NaN, infinity or itself.
        Failure: It is too large.
    """
    encoder = _Encoder(indent, html=html)
    encoder.add(value, "\n" if indent else "")
    check_text(sum(map(len, encoder.pieces)))
    return "".join(encoder.pieces)


class _Encoder:
    def __init__(self, indent: str, *, html: bool) -> None:
        self.indent = indent
        self.special = _FOR_HTML if html else _PLAIN
        self.pieces: list[str] = []
        self.depth = 0
        self.budget = Budget()

    def add(self, value: Any, newline: str) -> None:
        self.budget.spend()
        if value is None or isinstance(value, Missing | NilValue):
            self.pieces.append("null")
        elif isinstance(value, str):
            self.pieces.append(self.text(value))
        elif isinstance(value, bool):
            self.pieces.append("true" if value else "false")
        elif isinstance(value, float):
            self.pieces.append(_number(value))
        elif isinstance(value, int):
            self.pieces.append(str(int(value)))
        elif isinstance(value, bytes):
            self.pieces.append(self.text(base64.b64encode(value).decode()))
        elif isinstance(value, Object):
            self.add_object(value, newline)
        elif kind_of(value) == "map":
            pairs = [(key, value[key]) for key in sorted(value, key=utf8)]
            self.add_pairs(pairs, type_of(value), newline)
        elif kind_of(value) == "slice":
            self.add_list(value, newline)
        else:
            raise Unsupported(f"type: {type_of(value)}")

    def text(self, text: str) -> str:
        return f'"{self.special.sub(_escape, text)}"'

    def enter(self, kind: str) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unsupported(f"value: encountered a cycle via {kind}")

    def add_object(self, value: Object, newline: str) -> None:
        """Write what the object says it is in JSON, or its fields."""
        form = getattr(value, "json_form", None)
        if form is not None:
            self.add(form(), newline)
        else:
            pairs = [(name, getattr(value, name)) for name in sorted(value.fields)]
            self.add_pairs(pairs, type_of(value), newline)

    def add_pairs(self, pairs: list[tuple[str, Any]], kind: str, newline: str) -> None:
        if not pairs:
            self.pieces.append("{}")
            return
        self.enter(kind)
        inner = newline + self.indent
        start, colon = "{" + inner, ": " if newline else ":"
        for key, value in pairs:
            self.pieces += [start, self.text(key), colon]
            self.add(value, inner)
            start = "," + inner
        self.pieces.append(newline + "}")
        self.depth -= 1

    def add_list(self, values: list[Any], newline: str) -> None:
        if not values:
            self.pieces.append("[]")
            return
        self.enter(type_of(values))
        inner = newline + self.indent
        start = "[" + inner
        for value in values:
            self.pieces.append(start)
            self.add(value, inner)
            start = "," + inner
        self.pieces.append(newline + "]")
        self.depth -= 1


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise Unsupported(f"value: {format_float(value, 'g', None)}")
    if value and not 1e-6 <= abs(value) < 1e21:
        # As in JavaScript, and without a leading zero in a negative exponent.
        return format_float(value, "g", None).replace("e-0", "e-")
    return format_float(value, "f", None)
