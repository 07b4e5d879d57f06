"""Sprig's functions for regular expressions.

A malformed pattern fails the template with Go's error, except in ``regexMatch``, which returns
false. The functions without ``must`` are those in which Go would panic, and their errors say so.
The matching itself is in `patterns`, on RE2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.nils import NilStrings
from pyload.gotemplate.quoting import can_backquote, quote
from pyload.gotemplate.sprig.bounds import check_text
from pyload.gotemplate.sprig.patterns import PatternError, Regex, TooMuchWork, compiled
from pyload.gotemplate.values import Strings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.gotemplate.functions import ParamKind

_META: Final = frozenset("\\.+*?()|[]{}^$")


def _match(regex: Regex, text: str) -> bool:
    return regex.find(text) is not None


def _find(regex: Regex, text: str) -> str:
    return regex.find(text) or ""


def _find_all(regex: Regex, text: str, limit: int) -> Strings:
    return Strings(regex.find_all(text, limit)) or NilStrings()


def _replace(regex: Regex, text: str, replacement: str) -> str:
    check_text(_size(text, replacement))
    return regex.replace_all(text, replacement, literal=False)


def _replace_literal(regex: Regex, text: str, replacement: str) -> str:
    check_text(_size(text, replacement))
    return regex.replace_all(text, replacement, literal=True)


def _size(text: str, replacement: str) -> int:
    """How long the result may be: each reference can stand for the whole text, once."""
    return (len(text) + 1) * len(replacement) + len(text) * (1 + replacement.count("$"))


def _split(regex: Regex, text: str, limit: int) -> Strings:
    return Strings(regex.split(text, limit)) if limit else NilStrings()


def _quote_meta(text: str) -> str:
    return "".join(f"\\{char}" if char in _META else char for char in text)


def _must(call: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function to receive a compiled pattern, or to fail with Go's error."""

    def with_pattern(pattern: str, *arguments: object) -> object:
        try:
            return call(compiled(pattern), *arguments)
        except PatternError as error:
            raise Failure(str(error)) from error
        except TooMuchWork as error:
            raise Failure(f"regexp: matching `{pattern[:64]}` takes too long") from error

    return with_pattern


def _panicking(call: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function like `_must`, with the error of a panic in Go."""
    must = _must(call)

    def with_pattern(pattern: str, *arguments: object) -> object:
        try:
            return must(pattern, *arguments)
        except Failure as failure:
            if isinstance(failure.__cause__, PatternError):
                shown = f"`{pattern}`" if can_backquote(pattern) else quote(pattern)
                raise Failure(f"regexp: Compile({shown}): {failure}") from failure
            raise

    return with_pattern


def _regex_match(pattern: str, text: str) -> object:
    try:
        return _must(_match)(pattern, text)
    except Failure as failure:
        if isinstance(failure.__cause__, PatternError):
            return False
        raise


def _pair(name: str, call: Callable[..., object], *params: ParamKind) -> tuple[Function, Function]:
    params = ("string", "string", *params)
    must = f"mustR{name[1:]}"
    return Function(name, _panicking(call), params), Function(must, _must(call), params)


FUNCTIONS: Final = (
    Function("regexMatch", _regex_match, ("string", "string")),
    Function("mustRegexMatch", _must(_match), ("string", "string")),
    *_pair("regexFind", _find),
    *_pair("regexFindAll", _find_all, "int"),
    *_pair("regexReplaceAll", _replace, "string"),
    *_pair("regexReplaceAllLiteral", _replace_literal, "string"),
    *_pair("regexSplit", _split, "int"),
    Function("regexQuoteMeta", _quote_meta, ("string",)),
)
