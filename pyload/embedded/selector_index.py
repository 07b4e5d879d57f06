"""Which services select a workload, without comparing it with every service of the mesh.

A selector is indexed by one of its entries, always the smallest. A workload that the selector
matches has that entry among its labels, so looking up each of the workload's labels finds all
candidates.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

Labels = frozenset[tuple[str, str]]

Key = TypeVar("Key", bound=tuple[str, str])
"""Namespace and name of a service."""


class SelectorIndex(Generic[Key]):
    """The selectors of services."""

    def __init__(self) -> None:
        self._by_entry: defaultdict[tuple[str, str, str], dict[Key, Labels]] = defaultdict(dict)

    def add(self, service: Key, selector: Labels | None) -> None:
        """Add a service's selector, if it has one."""
        if selector is not None:
            self._by_entry[_entry(service, selector)][service] = selector

    def remove(self, service: Key, selector: Labels | None) -> None:
        """Remove a service's selector, if it has one."""
        if selector is not None:
            entry = _entry(service, selector)
            del self._by_entry[entry][service]
            if not self._by_entry[entry]:
                del self._by_entry[entry]

    def selecting(self, namespace: str, labels: Labels) -> set[Key]:
        """Return the services that select a workload with these labels."""
        return {
            service
            for name, value in labels
            for service, selector in self._by_entry.get((namespace, name, value), {}).items()
            if selector <= labels
        }


def _entry(service: tuple[str, str], selector: Labels) -> tuple[str, str, str]:
    return (service[0], *min(selector))
