"""The YAML parser's errors in plain words."""

from __future__ import annotations

from typing import Final

import yaml

from pyload.config.scalar_resolver import quote
from pyload.errors import Problem

_LAYOUT: Final = "check the indentation, quotes and brackets above"
_QUOTE: Final = "put the text in quotes"
# A part of the message of libyaml or PyYAML, the problem in plain words, and its fix.
_TEXTS: Final = (
    ("tab character", "a tab is used for indentation", "use spaces"),
    ("mapping values are not allowed", "a `:` does not fit here", "indent it, or put quotes"),
    ("unexpected ':'", "a `:` does not fit here", "put a space after it, or quotes"),
    ("sequence entries are not allowed", "a `-` does not fit here", "start the list on a new line"),
    ("mapping keys are not allowed", "a `?` does not fit here", _QUOTE),
    ("could not find expected ':'", "there is no `:` after this key", "write `KEY: VALUE`"),
    ("expected '-' indicator", "a list item was expected here", "check the indentation"),
    ("expected ',' or ']'", "the list opened with `[` is not closed", "add `]`"),
    ("expected ',' or '}'", "the mapping opened with `{` is not closed", "add `}`"),
    ("unexpected end of stream", "a quoted text is not closed", "add the closing quote"),
    ("unexpected document", "a quoted text is not closed", "add the closing quote"),
    ("unknown escape character", "an unknown escape after `\\`", "use single quotes"),
    ("expected key", "this does not fit here", _LAYOUT),
    ("expected <block end>", "this does not fit here", _LAYOUT),
    ("expected node content", "a value was expected here", "check the brackets and commas"),
    ("expected the node content", "a value was expected here", "check the brackets and commas"),
    ("alphabetic or numeric", "a name must follow `&` or `*`", _QUOTE),
    ("undefined tag handle", "this `!` tag is not defined", _QUOTE),
    ("incompatible YAML document", "this version of YAML is not supported", "use YAML 1.1 or 1.2"),
    ("document start>", "the document has ended above", "remove the `...` or the directive"),
    ("comment or line break", "`|` and `>` must end their line", _QUOTE),
    ("maximum nesting depth", "more than 100 levels are nested here", "check the brackets"),
    ("chomping or indentation", "`|` and `>` must end their line", _QUOTE),
)  # fmt: skip
# These concern a bracket or quote that is not closed; they are shown where it was opened.
_OPENED: Final = ("expected ',' or", "unexpected end of stream", "unexpected document")


def syntax_problem(error: yaml.YAMLError, text: str, source: str) -> Problem:
    """Return the problem that an error of the parser stands for.

    Args:
        error: PyYAML's error.
        text: The text of the file.
        source: Name of the file.
    """
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem(source, 0, 0, "this is not YAML", "give a YAML file in UTF-8")
    problem = error.problem or ""
    mark = error.problem_mark
    if error.context_mark is not None and any(words in problem for words in _OPENED):
        mark = error.context_mark
    line, column = mark.line + 1, mark.column + 1
    if "cannot start any token" in problem:
        what, fix = _bad_start(text, mark.line, mark.column)
        return Problem(source, line, column, what, fix)
    for words, what, fix in _TEXTS:
        if words in problem:
            return Problem(source, line, column, what, fix)
    return Problem(source, line, column, f"this is not YAML: {problem}")


def _bad_start(text: str, line: int, column: int) -> tuple[str, str]:
    lines = text.splitlines()
    character = lines[line][column : column + 1] if line < len(lines) else ""
    if character in ("\t", ""):
        return "a tab is used for indentation", "use spaces"
    return f"a value cannot start with {quote(character)}", _QUOTE
