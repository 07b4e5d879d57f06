"""Lists: every function returns a new one and leaves its argument unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.nils import NilList
from pyload.gotemplate.sprig.bounds import check_items
from pyload.gotemplate.sprig.casts import items, to_int
from pyload.gotemplate.sprig.equality import Seen, deep_equal, empty
from pyload.gotemplate.values import Lists

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.gotemplate.functions import ParamKind


def _list(*values: Any) -> list[Any]:
    return list(values)


def _push(values: Any, value: Any) -> list[Any]:
    return [*items(values, "Cannot push on type"), value]


def _prepend(values: Any, value: Any) -> list[Any]:
    return [value, *items(values, "Cannot prepend on type")]


def _concat(*lists: Any) -> list[Any]:
    joined = NilList()
    for values in lists:
        if values is not None and not isinstance(values, list):
            _no_list(values)
        joined += items(values, "")
        check_items(len(joined))
    return list(joined) if joined else joined


def _no_list(values: Any) -> None:
    try:
        items(values, "Cannot concat type")
    except Failure as failure:
        raise Failure(f"{failure} as list") from None


def _first(values: Any) -> Any:
    found = items(values, "Cannot find first on type")
    return found[0] if found else None


def _last(values: Any) -> Any:
    found = items(values, "Cannot find last on type")
    return found[-1] if found else None


def _rest(values: Any) -> list[Any]:
    found = items(values, "Cannot find rest on type")
    return found[1:] if found else NilList()


def _initial(values: Any) -> list[Any]:
    found = items(values, "Cannot find initial on type")
    return found[:-1] if found else NilList()


def _reverse(values: Any) -> list[Any]:
    return items(values, "Cannot find reverse on type")[::-1]


def _compact(values: Any) -> list[Any]:
    found = items(values, "Cannot compact on type")
    return [value for value in found if not empty(value)]


def _uniq(values: Any) -> list[Any]:
    seen, kept = Seen(), []
    for value in items(values, "Cannot find uniq on type"):
        if value not in seen:
            seen.add(value)
            kept.append(value)
    return kept


def _without(values: Any, *omitted: Any) -> list[Any]:
    seen = Seen()
    for value in omitted:
        seen.add(value)
    found = items(values, "Cannot find without on type")
    return [value for value in found if value not in seen]


def _has(value: Any, values: Any) -> bool:
    if values is None:
        return False
    found = items(values, "Cannot find has on type")
    return any(deep_equal(value, item) for item in found)


def _slice(values: Any, *bounds: Any) -> Any:
    found = items(values, "list should be type of slice or array but")
    if not found:
        return None
    start = to_int(bounds[0]) if bounds else 0
    end = to_int(bounds[1]) if len(bounds) > 1 else len(found)
    if not 0 <= start <= end <= len(found):
        raise Failure("reflect.Value.Slice: slice index out of bounds")
    return values[start:end] if type(values) is list else type(values)(values[start:end])


def _chunk(size: int, values: Any) -> Lists:
    found = items(values, "Cannot chunk type")
    if size <= 0 and (size == 0 or (len(found) - 1) // size != -1):
        # sprig asks for as many pieces as the division says.
        raise Failure("runtime error: makeslice: len out of range")
    return Lists([found[start : start + size] for start in range(0, len(found), size)])


def _with_must(
    name: str, call: Callable[..., Any], *params: ParamKind, variadic: ParamKind | None = None
) -> tuple[Function, Function]:
    """The function and its namesake for which an error is an error; here it always is one."""
    must = f"must{name[:1].upper()}{name[1:]}"
    return Function(name, call, params, variadic), Function(must, call, params, variadic)


FUNCTIONS: Final = (
    Function("list", _list, variadic="any"),
    Function("tuple", _list, variadic="any"),
    Function("concat", _concat, variadic="any"),
    *_with_must("append", _push, "any", "any"),
    *_with_must("push", _push, "any", "any"),
    *_with_must("prepend", _prepend, "any", "any"),
    *_with_must("first", _first, "any"),
    *_with_must("last", _last, "any"),
    *_with_must("rest", _rest, "any"),
    *_with_must("initial", _initial, "any"),
    *_with_must("reverse", _reverse, "any"),
    *_with_must("compact", _compact, "any"),
    *_with_must("uniq", _uniq, "any"),
    *_with_must("without", _without, "any", variadic="any"),
    *_with_must("has", _has, "any", "any"),
    *_with_must("slice", _slice, "any", variadic="any"),
    *_with_must("chunk", _chunk, "int", "any"),
)
