"""kwok in this process: its nodes become ready and stay so, its pods go through its stages."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import NODE, POD
from pyload.embedded.kwok.pod_addresses import PodAddresses
from pyload.embedded.kwok.stages import (
    HEARTBEAT,
    NODE_IP,
    Stage,
    Stages,
    delay,
    internal_ip,
    is_kwok,
    next_stage,
    node_status,
    pod_status,
)
from pyload.kube.resources import PODS, has_condition

if TYPE_CHECKING:
    from datetime import datetime

    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.kube.resources import Obj


PORT: Final = 10247

_NODE: Final = "Node of kwok"
_HEARTBEAT: Final = "Heartbeat"
_POD: Final = "Pod of kwok"


class Kwok:
    """Acts on one node or one pod at a time.

    Nodes with the annotation ``kwok.x-k8s.io/node=fake`` are its own; one that loses it stays so
    until it is deleted.

    Args:
        loop: The loop of the controllers.
        stages: ``fast``: everything at once; ``general``: in steps that take 1 to 5 s each.
    """

    def __init__(self, loop: ControlLoop, *, stages: Stages = "fast") -> None:
        self._loop = loop
        self._stages = stages
        self._managed: set[str] = set()
        self._addresses = PodAddresses()
        # Pods of nodes that are not kwok's, or not yet.
        self._elsewhere: defaultdict[str, set[Key]] = defaultdict(set)
        # Stages that pods are waiting for, by UID.
        self._planned: dict[str, tuple[Stage, datetime]] = {}
        loop.handle(_NODE, self._handle_node, leader="")
        loop.handle(_HEARTBEAT, self._beat, leader="")
        loop.handle(_POD, self._handle_pod, leader="")
        loop.follow(NODE, self._on_node)
        loop.follow(POD, self._on_pod)

    def _on_node(self, event: Event) -> None:
        key, obj = event.entry.key, event.entry.obj
        name = key[1]
        if event.type == "DELETED":
            self._managed.discard(name)
            return
        if is_kwok(obj) and name not in self._managed:
            self._managed.add(name)
            self._loop.add(_HEARTBEAT, key, after=self._loop.rng.uniform(*HEARTBEAT))
            for pod in self._elsewhere.pop(name, ()):
                self._loop.add(_POD, pod)
        if name in self._managed and not has_condition(obj):
            self._loop.add(_NODE, key)

    def _on_pod(self, event: Event) -> None:
        obj, key = event.entry.obj, event.entry.key
        node = obj["spec"].get("nodeName", "")
        if event.type == "DELETED":
            uid = obj["metadata"]["uid"]
            self._planned.pop(uid, None)
            self._addresses.release(uid)
            self._elsewhere.get(node, set()).discard(key)
        elif node in self._managed:
            if next_stage(obj, self._stages) is not None:
                self._loop.add(_POD, key)
        elif node:
            self._elsewhere[node].add(key)

    async def _handle_node(self, key: Key) -> None:
        node = self._loop.live(NODE, key)
        if node is not None and key[1] in self._managed and not has_condition(node):
            await self._write_node(node)

    async def _beat(self, key: Key) -> None:
        node = self._loop.live(NODE, key)
        if node is None or key[1] not in self._managed:
            return
        self._loop.add(_HEARTBEAT, key, after=self._loop.rng.uniform(*HEARTBEAT))
        await self._write_node(node)

    async def _write_node(self, node: Obj) -> None:
        status = node_status(node, ip=NODE_IP, port=PORT, now=self._loop.timestamp)
        await self._loop.write_status(NODE, node, status)

    async def _handle_pod(self, key: Key) -> None:
        """Bring a pod to its next stage, if the stage is due.

        Raises:
            PyloadError: A request failed, and the pod must be handled again.
        """
        entry = self._loop.store.get(POD, *key)
        if entry is None or entry.obj["spec"].get("nodeName") not in self._managed:
            return
        obj, uid, now = entry.obj, entry.obj["metadata"]["uid"], self._loop.now()
        stage = next_stage(obj, self._stages)
        if stage is None:
            return
        if self._stages != "fast" and not self._is_due(key, obj, stage, now):
            return
        if stage is Stage.DELETE:
            await self._delete(key, obj)
            return
        node = self._loop.store.get(NODE, "", obj["spec"]["nodeName"])
        if node is None:
            return
        host_ip = internal_ip(node.obj) or NODE_IP
        status = obj.get("status") or {}
        ip = (status.get("podIP") or "") if stage is not Stage.CREATE else ""
        if obj["spec"].get("hostNetwork"):
            ip = host_ip
        elif not ip:
            ip = self._addresses.of(uid, node.obj, self._loop.rng)
        status = pod_status(stage, obj, ip=ip, host_ip=host_ip, now=self._loop.timestamp)
        await self._loop.write_status(POD, obj, status)

    def _is_due(self, key: Key, obj: Obj, stage: Stage, now: datetime) -> bool:
        """Return whether a stage happens now; its delay counts from when it was first due."""
        uid = obj["metadata"]["uid"]
        planned = self._planned.get(uid)
        if planned is None or planned[0] is not stage:
            seconds = delay(stage, obj, self._stages, now=now, rng=self._loop.rng)
            planned = self._planned[uid] = stage, now + timedelta(seconds=seconds)
        left = (planned[1] - now).total_seconds()
        if left > 0:
            self._loop.add(_POD, key, after=left)
            return False
        del self._planned[uid]
        return True

    async def _delete(self, key: Key, obj: Obj) -> None:
        if self._stages != "fast":
            # The stages of pod-fast have no events.
            text = f"Stopping container: {obj['spec']['containers'][0]['name']}"
            await self._loop.events.record("kwok", obj, "Killing", text)
        uid = obj["metadata"]["uid"]
        await self._loop.client.delete(PODS.path(*key), grace_period_seconds=0, uid=uid)
