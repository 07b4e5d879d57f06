"""The controllers of namespaces, and the objects that every cluster starts with.

A namespace gets a ``default`` ServiceAccount and the ConfigMap ``kube-root-ca.crt``, and gets them
again when they are deleted. A namespace that is Terminating loses its contents a moment later,
and vanishes once it is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import crds, defaults, definitions, services
from pyload.embedded.apiserver.kinds import (
    CONFIG_MAP,
    CRD,
    ENDPOINTS,
    NAMESPACE,
    SERVICE,
    SERVICE_ACCOUNT,
)
from pyload.embedded.apiserver.service_addresses import ServiceAddresses
from pyload.embedded.controllers.definition_controller import DefinitionController
from pyload.embedded.controllers.disruption_budgets import DisruptionBudgets
from pyload.embedded.controllers.later import Later

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.sources import Sources
    from pyload.embedded.apiserver.store import Event, Store
    from pyload.kube.resources import Obj


FIRST_NAMESPACES: Final = (
    "default",
    "istio-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
)
ROOT_CA: Final = "kube-root-ca.crt"


class NamespaceController:
    """Creates what each namespace needs, and ends those that are deleted.

    Args:
        store: The store.
        kinds: The kinds that are served.
        sources: Its clock, and the UIDs of the objects that are made.
    """

    def __init__(self, store: Store, kinds: KindRegistry, sources: Sources) -> None:
        self.addresses = ServiceAddresses()
        self._store = store
        self._kinds = kinds
        self._sources = sources
        self._terminating: set[str] = set()
        self._planned: Later[str] = Later(sources, self._reconcile)
        store.subscribe(NAMESPACE, self._on_namespace)
        store.subscribe(SERVICE, self._on_service)
        kinds.follow(self._follow)
        DisruptionBudgets(store, sources)
        DefinitionController(store, kinds, sources)

    def bootstrap(self) -> None:
        """Create the objects that every cluster starts with."""
        for name in FIRST_NAMESPACES:
            self._create(NAMESPACE, {"metadata": {"name": name}})
        self._create(
            SERVICE,
            {
                "metadata": {
                    "name": "kubernetes",
                    "namespace": "default",
                    "labels": {"component": "apiserver", "provider": "kubernetes"},
                },
                "spec": {
                    "clusterIP": "10.96.0.1",
                    "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
                },
            },
        )
        self._create(ENDPOINTS, {"metadata": {"name": "kubernetes", "namespace": "default"}})
        for definition in crds.OWN:
            self._create(CRD, definition)

    def _create(self, kind: Kind, obj: Obj) -> None:
        obj = {"kind": kind.kind, "apiVersion": kind.api_version, **obj}
        uid = self._sources.new_uid()
        obj = defaults.admit(kind, defaults.fill(kind, obj), uid)
        if kind is CRD:
            obj = definitions.established(obj, None, self._kinds, self._sources.now())
        obj["metadata"] = dict(obj["metadata"])
        if kind is SERVICE:
            obj = services.complete(obj, None, self.addresses)
        self._store.create(kind, obj, now=self._sources.now(), uid=uid)

    def _on_service(self, event: Event) -> None:
        if event.type == "DELETED":
            services.release(event.entry.obj, self.addresses)
        else:
            services.reserve(event.entry.obj, self.addresses)

    def _on_namespace(self, event: Event) -> None:
        name = event.entry.key[1]
        if event.type == "DELETED":
            self._terminating.discard(name)
        elif "deletionTimestamp" in event.entry.obj["metadata"]:
            self._terminating.add(name)
            self._planned.add(name)
        elif event.type == "ADDED":
            self._create_defaults(name)

    def _follow(self, kind: Kind) -> None:
        if kind.namespaced:
            self._store.subscribe(kind, self._on_content)

    def _on_content(self, event: Event) -> None:
        if event.type != "DELETED":
            return
        namespace, name = event.entry.key
        if namespace in self._terminating or name in ("default", ROOT_CA):
            self._planned.add(namespace)

    def _reconcile(self, name: str) -> None:
        entry = self._store.get(NAMESPACE, "", name)
        if entry is None:
            return
        if "deletionTimestamp" in entry.obj["metadata"]:
            self._empty(name)
        else:
            self._create_defaults(name)

    def _create_defaults(self, namespace: str) -> None:
        metadata = {"namespace": namespace}
        if self._store.get(SERVICE_ACCOUNT, namespace, "default") is None:
            self._create(SERVICE_ACCOUNT, {"metadata": {"name": "default", **metadata}})
        if self._store.get(CONFIG_MAP, namespace, ROOT_CA) is None:
            data = {"ca.crt": ""}
            self._create(CONFIG_MAP, {"metadata": {"name": ROOT_CA, **metadata}, "data": data})

    def _empty(self, namespace: str) -> None:
        now = self._sources.now()
        left = 0
        for kind in self._kinds.stored(namespaced=True):
            for entry in self._store.entries(kind, namespace):
                _, gone = self._store.delete(kind, namespace, entry.key[1], now=now)
                left += not gone
        # What is left is held by finalizers or grace periods; its end leads back here.
        if left == 0:
            obj = self._store.need(NAMESPACE, "", namespace).obj
            spec = {**obj.get("spec", {}), "finalizers": []}
            self._store.update(NAMESPACE, {**obj, "metadata": dict(obj["metadata"]), "spec": spec})
