"""The work of the controllers of nodes and of the pods of nodes that are lost or gone.

A node lives as long as its Lease or the heartbeat in its status changes. One that is lost gets the
condition Unknown and taints; its pods are unready at once, and evicted when what they tolerate is
over. The pods of a node that is gone are deleted after a while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import LEASE, NODE, POD
from pyload.embedded.controllers import node_health
from pyload.kube.resources import NODES, PODS

if TYPE_CHECKING:
    from datetime import datetime

    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.kube.resources import Obj

COMPONENT: Final = "node-controller"

_EVICTOR: Final = "taint-eviction-controller"
_NODE: Final = "Node"
_ORPHANED: Final = 40.0
"""Seconds after which the pods of a node that is gone are deleted."""

_GONE: Final = "Node that is gone"
_EVICTION: Final = "Pod on a lost node"


class PodCollector:
    """Deletes the pods of nodes that are gone.

    Args:
        loop: The loop of the controllers.
    """

    def __init__(self, loop: ControlLoop) -> None:
        self._loop = loop
        loop.handle(_GONE, self._delete_pods)
        loop.follow(NODE, self._on_node)
        loop.follow(POD, self._on_pod)

    def _on_node(self, event: Event) -> None:
        if event.type == "DELETED":
            self._loop.add(_GONE, event.entry.key, after=_ORPHANED)

    def _on_pod(self, event: Event) -> None:
        node = event.type == "ADDED" and event.entry.obj["spec"].get("nodeName")
        if node and self._loop.store.get(NODE, "", node) is None:
            self._loop.add(_GONE, ("", node), after=_ORPHANED)

    async def _delete_pods(self, key: Key) -> None:
        if self._loop.store.get(NODE, *key) is not None:
            return
        for entry in self._loop.store.entries(POD):
            if entry.obj["spec"].get("nodeName") == key[1]:
                uid = entry.obj["metadata"]["uid"]
                await self._loop.client.delete(PODS.path(*entry.key), uid=uid)


class NodeController:
    """Acts on one node at a time, and on one pod of a lost node.

    Args:
        loop: The loop of the controllers.
    """

    def __init__(self, loop: ControlLoop) -> None:
        self._loop = loop
        self._seen: dict[str, tuple[tuple[str, str], datetime]] = {}
        self._lost: set[str] = set()
        loop.handle(_NODE, self.handle)
        loop.handle(_EVICTION, self._evict)
        loop.follow(NODE, self._on_node)
        loop.follow(LEASE, self._on_lease)
        loop.follow(POD, self._on_pod)

    def _on_node(self, event: Event) -> None:
        key = event.entry.key
        if event.type == "DELETED":
            self._seen.pop(key[1], None)
            self._lost.discard(key[1])
        else:
            self._loop.add(_NODE, key)

    def _on_lease(self, event: Event) -> None:
        namespace, name = event.entry.key
        seen = self._seen.get(name) if namespace == "kube-node-lease" else None
        if seen is None or event.type == "DELETED":
            return
        beat = node_health.renewal(event.entry.obj), seen[0][1]
        if beat != seen[0]:
            self._seen[name] = beat, self._loop.now()
            if name in self._lost:
                self._loop.add(_NODE, ("", name))

    def _on_pod(self, event: Event) -> None:
        if self._lost and event.type != "DELETED":
            self._watch_pod(event.entry.obj)

    def _watch_pod(self, pod: Obj) -> None:
        """Have a pod looked at, if its node is lost."""
        if pod["spec"].get("nodeName") in self._lost:
            metadata = pod["metadata"]
            self._loop.add(_EVICTION, (metadata["namespace"], metadata["name"]))

    async def handle(self, key: Key) -> None:
        """Look whether a node lives, and write what follows from it.

        Raises:
            PyloadError: A request failed, and the node must be handled again.
        """
        node, name, now = self._loop.live(NODE, key), key[1], self._loop.now()
        if node is None:
            return
        lease = self._loop.store.get(LEASE, "kube-node-lease", name)
        beat = node_health.heartbeat(node, lease.obj if lease else None)
        if name not in self._seen:
            text = f"Node {name} event: Registered Node {name} in Controller"
            await self._loop.events.record(COMPONENT, node, "RegisteredNode", text)
        known, since = self._seen.get(name, (None, now))
        if known != beat:
            self._seen[name] = beat, now
            since = now
        limit = node_health.GRACE if any(beat) else node_health.STARTUP
        left = limit - (now - since).total_seconds()
        if left > 0:
            self._loop.add(_NODE, key, after=left)
        else:
            await self._loop.write_status(
                NODE, node, node_health.lost_status(node, now=self._loop.timestamp)
            )
        await self._taint(key)

    async def _taint(self, key: Key) -> None:
        node, name = self._loop.live(NODE, key), key[1]
        if node is None:
            return
        tainted = node_health.tainted(node, now=self._loop.timestamp)
        if tainted is not node:
            await self._loop.client.write("PUT", NODES.path(None, name), tainted)
        ready = node_health.readiness(node)
        if ready == "True":
            self._lost.discard(name)
        elif ready and name not in self._lost:
            self._lost.add(name)
            text = f"Node {name} status is now: NodeNotReady"
            await self._loop.events.record(COMPONENT, node, "NodeNotReady", text)
            for entry in self._loop.store.entries(POD):
                self._watch_pod(entry.obj)

    async def _evict(self, key: Key) -> None:
        """Mark a pod of a lost node unready, and delete it once its patience is over.

        Raises:
            PyloadError: A request failed, and the pod must be handled again.
        """
        pod = self._loop.live(POD, key)
        name = pod["spec"].get("nodeName", "") if pod else ""
        node = self._loop.live(NODE, ("", name))
        if pod is None or node is None or name not in self._lost:
            return
        status = node_health.unready_status(pod, now=self._loop.timestamp)
        if status is not None:
            await self._loop.write_status(POD, pod, status)
            text = "Node is not ready"
            await self._loop.events.record(COMPONENT, pod, "NodeNotReady", text, warning=True)
        seconds = node_health.patience(pod, node)
        since = node_health.evicting_since(node)
        if seconds is None or since is None:
            return
        left = seconds - (self._loop.now() - since).total_seconds()
        if left > 0:
            self._loop.add(_EVICTION, key, after=left)
            return
        text = f"Marking for deletion Pod {key[0]}/{key[1]}"
        await self._loop.events.record(_EVICTOR, pod, "TaintManagerEviction", text)
        uid = pod["metadata"]["uid"]
        await self._loop.client.delete(PODS.path(*key), grace_period_seconds=None, uid=uid)
