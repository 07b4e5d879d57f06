"""Closures that call functions with compiled arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.arguments import convert
from pyload.gotemplate.values import Ints, Lists, Strings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.gotemplate.functions import Function, ParamKind
    from pyload.gotemplate.run import Eval, Frame, Site

_CHARGED: Final = frozenset((str, bytes, list, Strings, Ints, Lists))
"""Types of the results that are counted; maps are made of arguments, and so are small."""


def _call(target: Function, values: Sequence[Any], frame: Frame, site: Site) -> Any:
    try:
        result = target.call(*values)
        if type(result) in _CHARGED:
            frame[0].charge(result)
    # Go turns the panic of a function into an error of the template, too.
    except Exception as error:
        raise site.failed(target.name, error) from error
    return result


def calling(target: Function, values: Sequence[Eval], site: Site) -> Eval:
    """Make the call of a function.

    Args:
        target: The function.
        values: Its arguments, each of the kind that it wants.
        site: The place of the call.
    """
    if len(values) == 1:
        (only,) = values
        return lambda frame, dot: _call(target, (only(frame, dot),), frame, site)
    if len(values) == 2:
        left, right = values
        return lambda frame, dot: _call(target, (left(frame, dot), right(frame, dot)), frame, site)
    return lambda frame, dot: _call(target, [value(frame, dot) for value in values], frame, site)


def piping(
    target: Function,
    values: Sequence[Eval],
    final: Eval,
    kind: ParamKind,
    *,
    place: Site,
    site: Site,
) -> Eval:
    """Make the call of a function whose last argument is piped in.

    That one is evaluated first and checked last.

    Args:
        target: The function.
        values: The other arguments, each of the kind that it wants.
        final: What is piped in.
        kind: The kind that it must have.
        place: The place for errors if it has another.
        site: The place of the call.
    """

    def call(frame: Frame, dot: Any) -> Any:
        piped = final(frame, dot)
        arguments = [value(frame, dot) for value in values]
        arguments.append(convert(piped, kind, place))
        return _call(target, arguments, frame, site)

    return call
