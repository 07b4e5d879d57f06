"""Parsed templates, each of which can be rendered any number of times."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import TemplateError
from pyload.gotemplate.compile import Program, Programs, compile_tree
from pyload.gotemplate.functions import by_name
from pyload.gotemplate.natives import LAZY, NATIVES
from pyload.gotemplate.nodes import Source
from pyload.gotemplate.parser import parse_trees
from pyload.gotemplate.run import Run
from pyload.gotemplate.values import MISSING, from_utf8, utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.gotemplate.functions import Function

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Template:
    """A template with the definitions in its text. Made by `parse`.

    Attributes:
        name: Its name in errors.
        text: The text that it was parsed from.
        program: The compiled statements.
    """

    __slots__ = ("name", "program", "text")

    def __init__(self, source: Source, program: Program) -> None:
        self.name = source.name
        self.text = source.text
        self.program = program

    def render(self, data: Any) -> str:
        """Return the template's output for some data.

        Args:
            data: The value of dot and ``$``, as parsed from YAML or JSON; mostly a mapping. Its
                floats are float64 and its ints are int.

        Raises:
            TemplateError: An action fails, or the template does more than
                `pyload.gotemplate.limits` allow.
        """
        run = Run()
        try:
            self.program.execute(run, MISSING if data is None else data)
            text = "".join(run.pieces)
        except RecursionError as error:
            raise self._beyond("nested too deep") from error
        except MemoryError as error:
            raise self._beyond("out of memory") from error
        if not text.isascii() and _SURROGATE.search(text):
            # Bytes that are not UTF-8 may have come together to what is; of the rest, each is
            # replaced by itself, as in Go.
            return _SURROGATE.sub("\ufffd", from_utf8(utf8(text)))
        return text

    def _beyond(self, what: str) -> TemplateError:
        """Make the error of a limit that Python has, which no action is to blame for."""
        return TemplateError(
            f"template: {self.name}: {what}", stage="execute", name=self.name, line=1, column=0
        )

    def __repr__(self) -> str:
        return f"Template({self.name!r})"


def parse(
    text: str,
    *,
    name: str = "template",
    functions: Mapping[str, Function] | None = None,
    templates: Mapping[str, Template] | None = None,
) -> Template:
    """Read a template of Go's text/template.

    Args:
        text: The template.
        name: Its name, for errors and for use by itself.
        functions: What it may call beyond the functions of text/template; None for sprig's.
        templates: What ``{{template}}`` finds beyond the definitions in the text. Looked into when
            the template runs, so that templates in one mapping can use each other.

    Raises:
        TemplateError: The text is malformed, or calls a function that there is not.
    """
    known = {**NATIVES, **(_sprig() if functions is None else functions)}
    source = Source(name, text)
    trees = parse_trees(source, {*known, *LAZY})
    programs = Programs({} if templates is None else templates)
    for tree in trees.values():
        programs.own[tree.name] = compile_tree(tree, known, programs)
    return Template(source, programs.own[name])


@functools.cache
def _sprig() -> Mapping[str, Function]:
    """Import sprig's functions where they are first wanted: there are many."""
    from pyload.gotemplate.sprig import Surroundings, functions  # noqa: PLC0415 - see above

    return by_name(*functions(Surroundings()))
