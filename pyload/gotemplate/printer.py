"""Printing of values as by Go's fmt, under the flags of a directive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pyload.gotemplate import quoting
from pyload.gotemplate.floats import format_float
from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_DEPTH, MAX_PARTS, MAX_TEXT
from pyload.gotemplate.nils import NilValue
from pyload.gotemplate.values import (
    MISSING,
    Missing,
    Uint8,
    from_utf8,
    kind_of,
    type_of,
    utf8,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_BASES: Final = {"b": (2, "b"), "o": (8, "o"), "O": (8, "o"), "x": (16, "x"), "X": (16, "X")}
_REAL: Final = {"v": "g", "F": "f"}
_UNSIGNED: Final = frozenset(("uint", "uint8", "uint16", "uint32", "uint64"))


@dataclass(slots=True)
class Flags:
    """The flags of one directive, as in ``%+-08.3f``; ``sharp_v`` and ``plus_v`` are of ``%v``."""

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    sharp_v: bool = False
    plus_v: bool = False
    width: int | None = None
    precision: int | None = None


class Printer:
    """Collects text; one is made for each call of a printing function."""

    __slots__ = ("_depth", "_left", "_pieces", "_room", "flags")

    def __init__(self) -> None:
        self.flags = Flags()
        self._pieces: list[str] = []
        self._room = MAX_TEXT
        self._left = MAX_PARTS
        self._depth = 0

    def text(self) -> str:
        """Everything printed so far."""
        return "".join(self._pieces)

    def write(self, text: str) -> None:
        """Add text as it is.

        Raises:
            Failure: It is too much.
        """
        self._room -= len(text)
        if self._room < 0:
            raise Failure(f"text of more than {MAX_TEXT} characters")
        self._pieces.append(text)

    def argument(self, value: Any, verb: str) -> None:
        """Print a value for a verb.

        Raises:
            Failure: The text is too long, or the value nested too deep.
        """
        if verb == "T":
            self._string(type_of(value))
        elif verb == "p":
            self._pointer(value)
        elif verb == "w" and isinstance(value, (list, tuple, Mapping)):
            # The verb of errors; lists take others for their items, but this one for themselves.
            self._bad(value, verb)
        elif value is None or value is MISSING:
            if verb == "v":
                self._pad("<nil>")
            else:
                self._bad(value, verb)
        else:
            self._value(value, verb)

    def _value(self, value: Any, verb: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise Failure(f"value of more than {MAX_PARTS} parts")
        write = self._WRITERS.get(type(value)) or self._writer(value)
        write(self, value, verb)

    def _writer(self, value: object) -> Callable[[Printer, Any, str], None]:
        """Return the method for a value of a type derived from one of those, or of any other."""
        for kind in type(value).__mro__:
            if kind in self._WRITERS:
                return self._WRITERS[kind]
        return Printer._mapping if isinstance(value, Mapping) else Printer._object

    def _nil(self, _: object, __: str) -> None:
        """Print a nil inside a list or map, which is the same for every verb."""
        self.write("interface {}(nil)" if self.flags.sharp_v else "<nil>")

    def _bool(self, value: object, verb: str) -> None:
        if verb in "tv":
            self._pad("true" if value else "false")
        else:
            self._bad(value, verb)

    def _object(self, value: object, verb: str) -> None:
        if verb in "vsxXq":
            self._text(str(value), verb)
        else:
            self._bad(value, verb)

    def _bad(self, value: Any, verb: str) -> None:
        """Complain of a verb that does not fit the value."""
        if value is None or value is MISSING:
            self.write(f"%!{verb}(<nil>)")
            return
        self.write(f"%!{verb}({type_of(value)}=")
        self._value(value, "v")
        self.write(")")

    def _pad(self, text: str, *, zeros: bool = True) -> None:
        flags = self.flags
        missing = (flags.width or 0) - len(text)
        if missing <= 0:
            self.write(text)
        elif flags.minus:
            self.write(text + " " * missing)
        else:
            self.write(("0" if flags.zero and zeros else " ") * missing + text)

    # Lists and maps.

    def _sequence(self, values: Sequence[Any], verb: str) -> None:
        if isinstance(values, NilValue) and self.flags.sharp_v:
            self.write(f"{type_of(values)}(nil)")
        elif self.flags.sharp_v:
            self._items(f"{type_of(values)}{{", values, ", ", "}", verb)
        else:
            self._items("[", values, " ", "]", verb)

    def _items(
        self, start: str, values: Iterable[Any], separator: str, end: str, verb: str
    ) -> None:
        self._enter()
        self.write(start)
        for index, value in enumerate(values):
            if index:
                self.write(separator)
            self._value(value, verb)
        self.write(end)
        self._depth -= 1

    def _mapping(self, values: Mapping[Any, Any], verb: str) -> None:
        sharp = self.flags.sharp_v
        if isinstance(values, NilValue) and sharp:
            self.write(f"{type_of(values)}(nil)")
            return
        self._enter()
        self.write(f"{type_of(values)}{{" if sharp else "map[")
        separator = ", " if sharp else " "
        for index, (key, value) in enumerate(sorted_items(values)):
            if index:
                self.write(separator)
            self._value(key, verb)
            self.write(":")
            self._value(value, verb)
        self.write("}" if sharp else "]")
        self._depth -= 1

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Failure(f"value nested more than {MAX_DEPTH} deep")

    def _bytes(self, value: bytes, verb: str) -> None:
        if verb in "sxXq":
            self._text(from_utf8(value), verb)
        elif verb in "dv" and self.flags.sharp_v:
            self._items(
                "[]uint8{" if self._depth else "[]byte{", map(Uint8, value), ", ", "}", verb
            )
        else:
            self._items("[", map(Uint8, value), " ", "]", verb)

    def _pointer(self, value: Any) -> None:
        if kind_of(value) not in ("func", "map", "ptr", "slice"):
            self._bad(value, "p")
            return
        sharp = self.flags.sharp
        self.flags.sharp = not sharp
        self._digits(id(value), "x")
        self.flags.sharp = sharp

    # Strings.

    def _text(self, value: str, verb: str) -> None:
        if verb == "s" or (verb == "v" and not self.flags.sharp_v):
            self._string(value)
        elif verb in "qv":
            self._quoted(value)
        elif verb in "xX":
            self._hexadecimal(value, verb)
        else:
            self._bad(value, verb)

    def _string(self, value: str) -> None:
        self._pad(value if self.flags.precision is None else value[: self.flags.precision])

    def _quoted(self, value: str) -> None:
        flags = self.flags
        value = value if flags.precision is None else value[: flags.precision]
        if flags.sharp and quoting.can_backquote(value):
            self._pad(f"`{value}`")
        else:
            self._pad(quoting.quote(value, ascii_only=flags.plus))

    def _hexadecimal(self, value: str, verb: str) -> None:
        flags = self.flags
        data = utf8(value)[: flags.precision]
        prefix = f"0{verb}" if flags.sharp and data else ""
        if flags.space:
            text = " ".join(f"{prefix}{byte:02{verb}}" for byte in data)
        else:
            text = prefix + "".join(f"{byte:02{verb}}" for byte in data)
        self._pad(text)

    # Numbers.

    def _int(self, value: int, verb: str) -> None:
        flags = self.flags
        if verb in "dv":
            unsigned = flags.sharp_v and kind_of(value) in _UNSIGNED
            sharp, flags.sharp = flags.sharp, unsigned
            self._digits(value, "x" if unsigned else "d")
            flags.sharp = sharp
        elif verb in _BASES:
            self._digits(value, verb)
        elif verb == "c":
            self._pad(quoting.rune(value))
        elif verb == "q":
            self._pad(quoting.quote_rune(value, ascii_only=flags.plus))
        elif verb == "U":
            self._unicode(value)
        else:
            self._bad(value, verb)

    def _digits(self, value: int, verb: str) -> None:
        flags = self.flags
        base, code = _BASES.get(verb, (10, "d"))
        if flags.precision == 0 and value == 0:
            self.write(" " * (flags.width or 0))
            return
        sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
        digits = 0
        if flags.precision is not None:
            digits = flags.precision
        elif flags.zero and not flags.minus and flags.width is not None:
            digits = flags.width - len(sign)
        text = format(abs(int(value)), code).rjust(digits, "0")
        prefix = ""
        if flags.sharp and base == 8:
            text = text if text.startswith("0") else f"0{text}"
        elif flags.sharp and base != 10:
            prefix = f"0{code}"
        if verb == "O":
            prefix = "0o"
        self._pad(f"{sign}{prefix}{text}", zeros=False)

    def _unicode(self, value: int) -> None:
        flags = self.flags
        code = value & 0xFFFF_FFFF_FFFF_FFFF
        text = f"U+{format(code, 'X').rjust(max(flags.precision or 0, 4), '0')}"
        if flags.sharp and code <= 0x10FFFF and chr(code).isprintable():
            text = f"{text} '{chr(code)}'"
        self._pad(text, zeros=False)

    def _float(self, value: float, verb: str) -> None:
        if verb not in "vbgGxXfeEF":
            self._bad(value, verb)
            return
        self._real(value, _REAL.get(verb, verb), 6 if verb in "feEF" else None)

    def _complex(self, value: complex, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self._bad(value, verb)
            return
        plus = self.flags.plus
        self.write("(")
        self._float(value.real, verb)
        self.flags.plus = True
        self._float(value.imag, verb)
        self.flags.plus = plus
        self.write("i)")

    def _real(self, value: float, verb: str, precision: int | None) -> None:
        flags = self.flags
        precision = precision if flags.precision is None else flags.precision
        text = format_float(value, verb, precision)
        sign, text = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
        shown = "" if sign == "+" and not flags.plus else sign
        if flags.space and sign == "+" and not flags.plus:
            shown = " "
        if text[0] in "IN":
            # Infinity keeps its sign, and what is no number has one only if asked.
            if text[0] == "I":
                shown = shown or "+"
            self._pad(shown + text, zeros=False)
            return
        if flags.sharp and verb != "b":
            text = _pointed(text, verb, precision)
        missing = (flags.width or 0) - len(shown) - len(text)
        if shown and flags.zero and not flags.minus and missing > 0:
            self.write(shown + "0" * missing + text)
        else:
            self._pad(shown + text)

    _WRITERS: ClassVar[dict[type, Callable[[Printer, Any, str], None]]] = {
        str: _text,
        bool: _bool,
        int: _int,
        float: _float,
        complex: _complex,
        type(None): _nil,
        Missing: _nil,
        bytes: _bytes,
        dict: _mapping,
        list: _sequence,
        tuple: _sequence,
    }


def _pointed(text: str, verb: str, precision: int | None) -> str:
    """Add the decimal point to a number and, for some verbs, zeros up to the precision."""
    digits = (6 if precision is None else precision) if verb in "gGx" else 0
    mark = next((mark for mark in ("pP" if verb in "xX" else "eE") if mark in text), "")
    number, tail = (text[: text.index(mark)], text[text.index(mark) :]) if mark else (text, "")
    significant = number.replace(".", "").lstrip("0")
    if verb in "xX":
        significant = number.replace(".", "")[1:]
    digits -= len(significant)
    if "." not in number:
        digits -= number == "0"
        number += "."
    return f"{number}{'0' * max(digits, 0)}{tail}"


def sorted_items(values: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Return the items of a map in the order in which Go prints them and ranges over them."""
    try:
        return sorted(values.items(), key=itemgetter(0))
    except TypeError:
        return sorted(values.items(), key=lambda item: (type_of(item[0]), str(item[0])))
