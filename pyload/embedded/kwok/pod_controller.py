"""The work of the scheduler, kwok, the Job controller and the garbage collector on pods."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.controllers.scheduler import Unschedulable
from pyload.embedded.controllers.state import WORKLOADS, Actor, WorkItem
from pyload.embedded.controllers.tracked_objects import TRACKING, controller_of, project_pod
from pyload.embedded.controllers.workload_controller import is_gone
from pyload.embedded.kwok.stages import NODE_IP, Stage, delay, internal_ip, next_stage, pod_status
from pyload.kube.resources import PODS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    from pyload.embedded.controllers.state import ClusterState
    from pyload.embedded.controllers.tracked_objects import Key, TrackedPod
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj


_WRITTEN: Final = (
    "annotations",
    "finalizers",
    "labels",
    "name",
    "namespace",
    "resourceVersion",
    "uid",
)


class PodController:
    """Acts on one pod at a time.

    Args:
        client: The API server.
        state: The cluster.
        rng: Spreads delays and reused addresses.
        now: Returns the time in UTC.
    """

    def __init__(
        self,
        client: Client,
        state: ClusterState,
        *,
        rng: Random,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._state = state
        self._rng = rng
        self._now = now

    async def handle(self, key: Key) -> None:
        """Do for one pod what its next actor would do.

        Raises:
            PyloadError: A request failed, and the pod must be handled again.
        """
        state = self._state
        pod = state.pods.get(key)
        obj = state.fresh.pop(key, None)
        if pod is None or not pod.uid:
            return
        path = PODS.path(*key)
        if pod.owner in state.dead and not pod.tracked and not pod.terminating:
            await self._delete(pod, grace=None)
            return
        if obj is None:
            obj = project_pod(await self._client.get(path))
            if obj["metadata"]["uid"] != pod.uid:
                return
        actor = state.next_actor(obj, pod)
        if actor is Actor.SCHEDULER:
            await self._schedule(path, obj, pod)
        elif actor is Actor.KWOK:
            await self._advance(path, obj, pod)
        elif actor is Actor.JOB:
            await self._stop_tracking(path, pod)
        elif actor is Actor.GARBAGE_COLLECTOR and await self._is_orphan(obj, pod):
            await self._delete(pod, grace=None)

    async def _delete(self, pod: TrackedPod, *, grace: int | None) -> None:
        await self._client.delete(PODS.path(*pod.key), grace_period_seconds=grace, uid=pod.uid)
        self._state.record_deletion(pod.key, pod.uid)

    async def _schedule(self, path: str, obj: Obj, pod: TrackedPod) -> None:
        state = self._state
        chosen = state.scheduler.choose(obj["spec"])
        if isinstance(chosen, Unschedulable):
            state.waiting.add(pod.key)
            await self._mark_unschedulable(path, obj, chosen.message)
            return
        namespace, name = pod.key
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": chosen},
        }
        await self._client.write("POST", f"{path}/binding", binding)
        state.record_binding(pod.key, pod.uid, chosen)

    async def _mark_unschedulable(self, path: str, obj: Obj, why: str) -> None:
        """Write into a pod's status why it fits on no node."""
        status = obj["status"]
        conditions = status.get("conditions") or []
        if any(one["type"] == "PodScheduled" and one.get("message") == why for one in conditions):
            return
        others = [one for one in conditions if one["type"] != "PodScheduled"]
        refused = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": why,
            "lastTransitionTime": timestamp(self._now()),
        }
        await self._write_status(path, obj, {**status, "conditions": [*others, refused]})

    async def _advance(self, path: str, obj: Obj, pod: TrackedPod) -> None:
        """Bring a pod on a kwok node to its next stage, if the stage is due."""
        state = self._state
        stage = next_stage(obj, state.stages)
        assert stage is not None, "the pod needs kwok"
        now = self._now()
        if state.stages != "fast":
            # A stage's delay counts from when it was first due.
            planned = state.planned.get(pod.uid)
            if planned is None or planned[0] is not stage:
                seconds = delay(stage, obj, state.stages, now=now, rng=self._rng)
                planned = state.planned[pod.uid] = stage, now + timedelta(seconds=seconds)
            left = (planned[1] - now).total_seconds()
            if left > 0:
                state.queue.add_later(WorkItem("Pod", pod.key), left)
                return
            del state.planned[pod.uid]
        if stage is Stage.DELETE:
            await self._client.delete(path, grace_period_seconds=0, uid=pod.uid)
            return
        node = state.nodes[pod.node]
        host_ip = internal_ip(node) or NODE_IP
        ip = (obj["status"].get("podIP") or "") if stage is not Stage.CREATE else ""
        if obj["spec"].get("hostNetwork"):
            ip = host_ip
        elif not ip:
            ip = state.addresses.of(pod.uid, node, self._rng)
        status = pod_status(stage, obj, ip=ip, host_ip=host_ip, now=timestamp(now))
        await self._write_status(path, obj, status)

    async def _write_status(self, path: str, obj: Obj, status: Obj) -> None:
        metadata = obj["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {name: metadata[name] for name in _WRITTEN if name in metadata},
            "status": status,
        }
        await self._client.write("PUT", f"{path}/status", body)

    async def _stop_tracking(self, path: str, pod: TrackedPod) -> None:
        """Remove the Job controller's finalizer from a pod, and count the pod if it succeeded."""
        obj = await self._client.get(path)
        metadata = obj["metadata"]
        finalizers = metadata.get("finalizers") or []
        if metadata["uid"] != pod.uid or TRACKING not in finalizers:
            return
        metadata["finalizers"] = [one for one in finalizers if one != TRACKING]
        if not metadata["finalizers"]:
            del metadata["finalizers"]
        await self._client.write("PUT", path, obj)
        self._state.record_untracked(pod.key, pod.uid)

    async def _is_orphan(self, obj: Obj, pod: TrackedPod) -> bool:
        """Return whether a pod's owner is gone from the server, and not only unknown here."""
        owner = controller_of(obj)
        assert owner is not None, "the garbage collector looks at owned pods"
        return await is_gone(self._client, WORKLOADS[owner["kind"]], pod.key[0], owner)

    async def delete_pods_of(self, node: str) -> None:
        """Delete the pods of a node that is gone, as the pod garbage collector does.

        Raises:
            PyloadError: A pod could not be deleted.
        """
        if node in self._state.nodes:
            return
        for key in self._state.on_node(node):
            pod = self._state.pods.get(key)
            if pod is not None:
                await self._client.delete(PODS.path(*key), uid=pod.uid)
