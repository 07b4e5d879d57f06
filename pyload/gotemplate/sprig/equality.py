"""Equality and emptiness of values in sprig."""

from __future__ import annotations

from typing import Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.limits import MAX_DEPTH
from pyload.gotemplate.nils import NilValue
from pyload.gotemplate.sprig.bounds import Budget
from pyload.gotemplate.values import Object, kind_of, type_of


def empty(value: Any) -> bool:
    """Whether a value is nil, false, zero, or without items."""
    if isinstance(value, Object):
        return hasattr(value, "__int__") and not int(value)
    return not value


def deep_equal(left: Any, right: Any) -> bool:
    """Whether two values are the same in type and content; 1 and 1.0 are not.

    Raises:
        Failure: They are too large, nested too deeply, or contain themselves.
    """
    return _equal(left, right, Budget(), 0)


def _equal(left: Any, right: Any, budget: Budget, depth: int) -> bool:
    budget.spend()
    if depth > MAX_DEPTH:
        raise Failure(f"values nest deeper than {MAX_DEPTH} levels")
    if type(left) is not type(right) and not _same_type(left, right):
        return False
    kind = kind_of(left)
    if kind not in ("slice", "map"):
        return bool(left == right)
    if left is right:
        return True
    if len(left) != len(right):
        return False
    if kind == "slice":
        pairs = zip(left, right, strict=True)
        return all(_equal(one, other, budget, depth + 1) for one, other in pairs)
    return left.keys() == right.keys() and all(
        _equal(value, right[key], budget, depth + 1) for key, value in left.items()
    )


def _same_type(left: Any, right: Any) -> bool:
    nils = isinstance(left, NilValue), isinstance(right, NilValue)
    return type_of(left) == type_of(right) and nils[0] == nils[1]


class Seen:
    """Values that were met, found again by `deep_equal`; quickly if they are no lists or maps."""

    __slots__ = ("_budget", "_others", "_plain")

    def __init__(self) -> None:
        self._budget = Budget()
        self._plain: set[tuple[str, object]] = set()
        self._others: list[Any] = []

    def __contains__(self, value: object) -> bool:
        if _is_plain(value):
            return value == value and (type_of(value), value) in self._plain  # noqa: PLR0124 - NaN
        return any(_equal(value, other, self._budget, 0) for other in self._others)

    def add(self, value: object) -> None:
        """Remember a value."""
        if _is_plain(value):
            self._plain.add((type_of(value), value))
        else:
            self._others.append(value)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


FUNCTIONS: Final = (Function("deepEqual", deep_equal, ("any", "any")),)
