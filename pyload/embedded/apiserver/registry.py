"""The kinds that an API server serves at the moment: those built in, and those that are defined.

Definitions come and go while the server runs, so the kinds are looked up here for each request;
what is derived from them, such as discovery, is kept with the `revision` that it is of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.apiserver.kinds import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyload.embedded.apiserver.kinds import Kind


class KindRegistry:
    """All kinds of one server, by the paths of their objects.

    Attributes:
        revision: Counts the changes.
        on_forgotten: Called with each custom kind that is served no longer.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.on_forgotten: Callable[[Kind], None] = lambda _: None
        self._kinds = {kind: kind for kind in BUILT_IN}
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_name: dict[tuple[str, str], Kind] = {}
        # Kinds that are not served any more stay in it: their objects' listeners do too.
        self._followed = dict.fromkeys(self.stored())
        self._followers: list[Callable[[Kind], None]] = []
        for kind in BUILT_IN:
            self._add(kind)

    def __iter__(self) -> Iterator[Kind]:
        return iter(list(self._kinds))

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """Return the kind of the objects at a path, or None."""
        return self._by_path.get((group, version, plural))

    def named(self, api_version: str, kind: str) -> Kind | None:
        """Return the kind that objects name in their ``apiVersion`` and ``kind``, or None."""
        return self._by_name.get((api_version, kind))

    def of_group(self, group: str) -> list[Kind]:
        """Return the kinds of one API group."""
        return [kind for kind in self._kinds if kind.group == group]

    def stored(self, *, namespaced: bool = False) -> list[Kind]:
        """Return the kinds whose objects are kept; on request only those that have namespaces."""
        return [kind for kind in self._kinds if kind.stored and (kind.namespaced or not namespaced)]

    def follow(self, follower: Callable[[Kind], None]) -> None:
        """Call a function once with each kind whose objects are kept, now or from now on."""
        self._followers.append(follower)
        for kind in list(self._followed):
            follower(kind)

    def define(self, kind: Kind) -> None:
        """Serve a custom kind from now on, in place of what was served under its name."""
        self._remove(kind)
        self._kinds[kind] = kind
        self._add(kind)
        self.revision += 1
        if kind not in self._followed:
            self._followed[kind] = None
            for follower in self._followers:
                follower(kind)

    def forget(self, kind: Kind) -> None:
        """Serve a custom kind no longer; nothing happens if it is not served."""
        if kind in self._kinds:
            self._remove(kind)
            self.revision += 1
            self.on_forgotten(kind)

    def _add(self, kind: Kind) -> None:
        for version in kind.versions:
            self._by_path[kind.group, version, kind.plural] = kind
            self._by_name[kind.api_version_of(version), kind.kind] = kind

    def _remove(self, kind: Kind) -> None:
        known = self._kinds.pop(kind, None)
        if known is not None:
            for version in known.versions:
                del self._by_path[known.group, version, known.plural]
                del self._by_name[known.api_version_of(version), known.kind]
