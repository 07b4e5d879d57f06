"""A cluster in which nothing runs: an API server to put nodes and pods into."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from pyload.embedded.apiserver.api import ApiServer
from pyload.kube.client import Client

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def node(name: str, *, fake: bool = True, uid: str = "") -> Obj:
    """Create a node."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": uid or f"uid-{name}",
            "annotations": {"kwok.x-k8s.io/node": "fake"} if fake else {},
        },
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.34.0", "containerRuntimeVersion": "kwok-0.9.0"},
        },
    }


class Cluster:
    """An embedded API server whose nodes and pods are put there as they are.

    Attributes:
        server: The server.
        client: A client of it.
    """

    def __init__(self, *, history: int = 10_000) -> None:
        self.server = ApiServer(history=history, queue=100_000)
        self.client = Client(self.server.transport(), rng=Random(1))

    def put(self, *objs: Obj) -> None:
        """Create objects, or replace them."""
        store = self.server.store
        for obj in objs:
            table, key = self._place(obj)
            previous = table.entries.get(key)
            # The store writes into the metadata that it gets.
            own = {**obj, "metadata": dict(obj["metadata"])}
            store._commit(table, "MODIFIED" if previous else "ADDED", key, own, previous)

    def remove(self, *objs: Obj) -> None:
        """Delete objects at once."""
        for obj in objs:
            table, key = self._place(obj)
            self.server.store._remove(table, key)

    def _place(self, obj: Obj) -> tuple[Any, tuple[str, str]]:
        kind = next(kind for kind in self.server.kinds if kind.kind == obj["kind"])
        metadata = obj["metadata"]
        key = metadata.get("namespace", ""), metadata["name"]
        return self.server.store._tables[kind], key
