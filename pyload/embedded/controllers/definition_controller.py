"""The controller of CustomResourceDefinitions: it has their kinds served, and ends them.

A definition that is deleted takes its objects with it: they go a moment later, and it goes when the
last of them has gone, which finalizers may delay.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyload.embedded.apiserver import definitions
from pyload.embedded.apiserver.kinds import CRD
from pyload.embedded.controllers.later import Later
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Event, Store


class DefinitionController:
    """Keeps the kinds that are served those that are defined.

    Args:
        store: The store.
        kinds: The kinds that are served.
        sources: Its clock.
    """

    def __init__(self, store: Store, kinds: KindRegistry, sources: Sources) -> None:
        self._store = store
        self._kinds = kinds
        self._sources = sources
        self._ending: Later[Kind] = Later(sources, self._end)
        self._freed: Later[str] = Later(sources, self._accept)
        kinds.follow(self._follow)
        store.subscribe(CRD, self._on_definition)

    def _follow(self, kind: Kind) -> None:
        if kind.custom:
            self._store.subscribe(kind, partial(self._on_object, kind))

    def _on_definition(self, event: Event) -> None:
        obj = event.entry.obj
        kind = definitions.read_kind(obj)
        if event.type == "DELETED" or not (has_condition(obj, "Established") and kind.versions):
            self._kinds.forget(kind)
        else:
            self._kinds.define(kind)
        if kind.ending and event.type != "DELETED":
            self._ending.add(kind)
        if event.type != "ADDED":
            self._freed.add(kind.group)

    def _accept(self, group: str) -> None:
        """Look again at definitions whose names others had, which may have gone."""
        for entry in self._store.entries(CRD):
            obj = entry.obj
            if obj["spec"]["group"] == group and not has_condition(obj, "NamesAccepted"):
                now = self._sources.now()
                changed = definitions.established(obj, obj, self._kinds, now)
                self._store.update(CRD, {**changed, "metadata": dict(obj["metadata"])})

    def _on_object(self, kind: Kind, event: Event) -> None:
        if event.type == "DELETED" and self._is_ending(kind):
            self._ending.add(kind)

    def _is_ending(self, kind: Kind) -> bool:
        definition = self._store.get(CRD, "", kind.qualified)
        return definition is not None and "deletionTimestamp" in definition.obj["metadata"]

    def _end(self, kind: Kind) -> None:
        left = 0
        if self._is_ending(kind):
            now = self._sources.now()
            for one in self._store.entries(kind):
                _, gone = self._store.delete(kind, *one.key, now=now)
                left += not gone
        # What is left is held by finalizers; its end leads back here.
        if self._is_ending(kind) and not left:
            obj = self._store.need(CRD, "", kind.qualified).obj
            metadata = dict(obj["metadata"])
            held = metadata.get("finalizers") or ()
            metadata["finalizers"] = [one for one in held if one != definitions.FINALIZER]
            self._store.update(CRD, {**obj, "metadata": metadata})
