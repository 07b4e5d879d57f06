"""Work that is done a moment after it was first asked for, however often it is meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pyload.embedded.apiserver.sources import Sources

DELAY: Final = 0.1
"""Seconds between a change and the answer to it; a real cluster takes up to 5 s."""

Item = TypeVar("Item", bound="Hashable")


class Later(Generic[Item]):
    """Calls a function with each item, a moment after it was added.

    Args:
        sources: Has the clock.
        act: The function.
    """

    def __init__(self, sources: Sources, act: Callable[[Item], None]) -> None:
        self._sources = sources
        self._act = act
        self._planned: set[Item] = set()

    def add(self, item: Item) -> None:
        """Have an item handled soon, unless it is going to be."""
        if item not in self._planned:
            self._planned.add(item)
            self._sources.later(DELAY, lambda: self._do(item))

    def _do(self, item: Item) -> None:
        self._planned.discard(item)
        self._act(item)
