"""Look-up of ``.a.b``: keys of maps, and fields and methods of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyload.gotemplate.arguments import takes, wrong_count
from pyload.gotemplate.values import MISSING, Object, StringMap, type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.gotemplate.functions import Function
    from pyload.gotemplate.run import Eval, Site


def resolve(value: Any, names: Sequence[str], site: Site, node: Site, *, hidden: bool) -> Any:
    """Follow a chain of names.

    Args:
        value: What the first name is looked up in.
        names: The names, without dots.
        site: The place that errors name.
        node: The place that errors of methods name.
        hidden: Whether Go sees only an ``interface {}`` in the value; for errors.

    Raises:
        TemplateError: A name is looked up in nil or in what has none, or a method fails.
    """
    for name in names:
        if value is MISSING:
            return MISSING
        if isinstance(value, Mapping):
            hidden = not isinstance(value, StringMap)
            value = value.get(name, MISSING)
        elif isinstance(value, Object) and name in value.methods:
            method = _fitting(value.methods[name], 0, node)
            value, hidden = invoke(value, method, (), node), False
        elif isinstance(value, Object) and name in value.fields:
            value, hidden = getattr(value, name), False
        else:
            raise _no_field(value, name, site, hidden=hidden)
    return value


def method_of(
    value: Any, name: str, given: int, site: Site, node: Site, *, hidden: bool
) -> Function | None:
    """Find the method that gets arguments; None if all of it is missing.

    Args:
        value: What has the method.
        name: Its name.
        given: How many arguments it gets.
        site: The place that errors name.
        node: The place that errors of methods name.
        hidden: Whether Go sees only an ``interface {}`` in the value; for errors.

    Raises:
        TemplateError: The name is not that of a method, or it takes more or fewer arguments.
    """
    if value is MISSING:
        return None
    if isinstance(value, Object) and name in value.methods:
        return _fitting(value.methods[name], given, node)
    if isinstance(value, Object) and name in value.fields:
        raise site.error(f"{name} has arguments but cannot be invoked as function")
    if isinstance(value, Mapping):
        raise site.error(f"{name} is not a method but has arguments")
    raise _no_field(value, name, site, hidden=hidden)


def _fitting(method: Function, given: int, node: Site) -> Function:
    if not takes(method, given):
        raise node.error(wrong_count(method.name, method, given, piped=False))
    return method


def invoke(receiver: Object, method: Function, arguments: Sequence[Any], node: Site) -> Any:
    """Call a method of an object with arguments of the kinds that it wants.

    Raises:
        TemplateError: It fails.
    """
    try:
        return method.call(receiver, *arguments)
    # Go turns the panic of a method into an error of the template, too.
    except Exception as error:
        raise node.failed(method.name, error) from error


def _no_field(value: Any, name: str, site: Site, *, hidden: bool) -> Exception:
    if value is None:
        return site.error(f"nil pointer evaluating interface {{}}.{name}")
    kind = "interface {}" if hidden else type_of(value)
    return site.error(f"can't evaluate field {name} in type {kind}")


def of_dot(names: tuple[str, ...], absent: Any, slow: Eval) -> Eval:
    """Make the expression of ``.a.b``; ``slow`` does it where the dot is no plain map.

    Args:
        names: The names.
        absent: The value for a key that is not there.
        slow: Called with the same frame and dot.
    """
    first, *rest = names
    if not rest:

        def one(frame: list[Any], dot: Any) -> Any:
            return dot.get(first, absent) if type(dot) is dict else slow(frame, dot)

        return one
    last = rest.pop()

    def several(frame: list[Any], dot: Any) -> Any:
        if type(dot) is not dict:
            return slow(frame, dot)
        value = dot.get(first)
        for name in rest:
            if type(value) is not dict:
                return slow(frame, dot)
            value = value.get(name)
        return value.get(last, absent) if type(value) is dict else slow(frame, dot)

    return several


def of_variable(slot: int, name: str, absent: Any, slow: Eval) -> Eval:
    """Make the expression of ``$x.a``, as `of_dot` does for ``.a``."""

    def one(frame: list[Any], dot: Any) -> Any:
        value = frame[slot]
        return value.get(name, absent) if type(value) is dict else slow(frame, dot)

    return one
