"""The state of one rendering, and the places of its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pyload.errors import TemplateError
from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_STEPS, MAX_TEXT
from pyload.gotemplate.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.gotemplate.nodes import Node, Source

Frame: TypeAlias = list[Any]
"""One running template: its `Run`, then the value of ``$``, then its other variables."""

Eval: TypeAlias = "Callable[[Frame, Any], Any]"
"""An expression: returns its value for a frame and the dot."""

Step: TypeAlias = "Callable[[Frame, Any], Signal | None]"
"""A statement: writes output, and returns a signal if it leaves the body of a range."""


class Signal:
    """The reason why a body ends early."""

    __slots__ = ()


BREAK: Final = Signal()
CONTINUE: Final = Signal()
UNSET: Final = Signal()
"""In a frame: the variable's declaration has not been executed."""


class Run:
    """The output of one rendering, and the rest of its limits."""

    __slots__ = ("depth", "made", "pieces", "steps", "write")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.write = self.pieces.append
        self.made = 0
        self.steps = MAX_STEPS
        self.depth = 0

    def charge(self, value: Any) -> None:
        """Count a function's result: a step is 16 characters of text, or items of a list.

        Raises:
            Failure: The results of the rendering exceed a limit.
        """
        if isinstance(value, (str, bytes)):
            self.made += len(value)
            if self.made > MAX_TEXT:
                raise Failure(TOO_MUCH_TEXT)
        self.steps -= len(value) >> 4
        if self.steps < 0:
            raise Failure(TOO_MANY_STEPS)


TOO_MUCH_TEXT: Final = f"template makes more than {MAX_TEXT} characters"
TOO_MANY_STEPS: Final = f"template takes more than {MAX_STEPS} steps"


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a template, for errors.

    Attributes:
        source: The text.
        template: The template of that text, which is running.
        node: The node that Go names in the error.
    """

    source: Source
    template: str
    node: Node

    def error(self, what: str, *, fix: str = "") -> TemplateError:
        """Return the error for a fault at this place."""
        line, column = self.source.place(self.node.pos)
        place = f"{self.source.name}:{line}:{column}"
        return TemplateError(
            f"template: {place}: executing {quote(self.template)} at <{self.node}>: {what}",
            stage="execute",
            name=self.template,
            line=line,
            column=column,
            fix=fix,
        )

    def failed(self, function: str, error: Exception) -> TemplateError:
        """Return the error for a function that failed at this place."""
        return self.error(f"error calling {function}: {str(error) or type(error).__name__}")
