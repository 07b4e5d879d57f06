"""Go's printf: the directives of a format string and their output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.printer import Flags, Printer
from pyload.gotemplate.values import type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST: Final = 1_000_000
"""Width and precision beyond this are refused, as Go does."""

_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}


def sprintf(text: str, arguments: Sequence[Any]) -> str:
    """Print as ``fmt.Sprintf`` does, complaints about verbs and arguments included.

    Raises:
        Failure: The text is too long, or a value nested too deep.
    """
    return _Directives(text, arguments).run()


@dataclass(slots=True)
class _Directives:
    text: str
    arguments: Sequence[Any]
    printer: Printer = field(default_factory=Printer)
    pos: int = 0
    argument: int = 0
    reordered: bool = False
    good: bool = True
    """Whether the argument indexes of the directive make sense."""

    after_index: bool = False
    """Whether the last thing read was an argument index."""

    def run(self) -> str:
        text = self.text
        write = self.printer.write
        while True:
            percent = text.find("%", self.pos)
            if percent < 0:
                write(text[self.pos :])
                break
            if percent > self.pos:
                write(text[self.pos : percent])
            self.pos = percent + 1
            self._directive()
        if not self.reordered and self.argument < len(self.arguments):
            self._extra()
        return self.printer.text()

    def _extra(self) -> None:
        printer = self.printer
        printer.flags = Flags()
        printer.write("%!(EXTRA ")
        for index, value in enumerate(self.arguments[self.argument :]):
            if index:
                printer.write(", ")
            printer.write("<nil>" if value is None else f"{type_of(value)}=")
            if value is not None:
                printer.argument(value, "v")
        printer.write(")")

    def _directive(self) -> None:
        text, printer = self.text, self.printer
        self.good = True
        flags = printer.flags = Flags()
        while (mark := text[self.pos : self.pos + 1]) in _FLAGS:
            setattr(flags, _FLAGS[mark], True)
            self.pos += 1
        self._index()
        self._width(flags)
        # A point at the very end is not a precision, but taken as the verb.
        if text[self.pos : self.pos + 1] == "." and self.pos + 1 < len(text):
            self.pos += 1
            self._precision(flags)
        if not self.after_index:
            self._index()
        if self.pos >= len(text):
            printer.write("%!(NOVERB)")
            return
        verb = text[self.pos]
        self.pos += 1
        self._print(verb if not "\ud800" <= verb <= "\udfff" else "\ufffd", flags)

    def _print(self, verb: str, flags: Flags) -> None:
        if verb == "%":
            self.printer.write("%")
        elif not self.good:
            self.printer.write(f"%!{verb}(BADINDEX)")
        elif self.argument >= len(self.arguments):
            self.printer.write(f"%!{verb}(MISSING)")
        else:
            if verb in "vw":
                flags.sharp_v, flags.sharp = flags.sharp, False
                flags.plus_v, flags.plus = flags.plus, False
            self.argument += 1
            self.printer.argument(self.arguments[self.argument - 1], verb)

    def _width(self, flags: Flags) -> None:
        if self.text[self.pos : self.pos + 1] == "*":
            self.pos += 1
            flags.width = self._from_argument()
            if flags.width is None:
                self.printer.write("%!(BADWIDTH)")
            elif flags.width < 0:
                flags.width = -flags.width
                flags.minus = True
                flags.zero = False
            self.after_index = False
            return
        flags.width = self._number()
        if self.after_index and flags.width is not None:
            self.good = False

    def _precision(self, flags: Flags) -> None:
        if self.after_index:
            self.good = False
        self._index()
        if self.text[self.pos : self.pos + 1] == "*":
            self.pos += 1
            flags.precision = self._from_argument()
            if flags.precision is None or flags.precision < 0:
                flags.precision = None
                self.printer.write("%!(BADPREC)")
            self.after_index = False
            return
        flags.precision = self._number() or 0

    def _number(self) -> int | None:
        """Read decimal digits; a number that is far too large uses up the whole format."""
        start = self.pos
        value = 0
        while "0" <= self.text[self.pos : self.pos + 1] <= "9":
            if value > _LARGEST:
                self.pos = len(self.text)
                return None
            value = value * 10 + int(self.text[self.pos])
            self.pos += 1
        return value if self.pos > start else None

    def _from_argument(self) -> int | None:
        """Return an argument as width or precision; None if it is no int, or too large."""
        if self.argument >= len(self.arguments):
            return None
        value = self.arguments[self.argument]
        self.argument += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
            return None
        return int(value)

    def _index(self) -> None:
        """Read an argument index such as ``[2]``, if there is one."""
        self.after_index = False
        text = self.text
        if text[self.pos : self.pos + 1] != "[":
            return
        self.reordered = True
        end = text.find("]", self.pos)
        if end < 0 or len(text) - self.pos < 3:
            self.pos += 1
            self.good = False
            return
        digits = text[self.pos + 1 : end]
        self.pos = end + 1
        valid = digits.isascii() and digits.isdecimal() and len(digits) < 9
        self.after_index = valid
        index = int(digits) - 1 if valid else -1
        if 0 <= index < len(self.arguments):
            self.argument = index
        else:
            self.good = False
