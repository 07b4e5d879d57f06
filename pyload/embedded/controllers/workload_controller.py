"""The work of the controllers of Deployments, ReplicaSets and Jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.controllers import workloads as controllers
from pyload.embedded.controllers.state import WORKLOADS, WorkItem
from pyload.embedded.controllers.tracked_objects import TrackedPod, TrackedWorkload, controller_of
from pyload.embedded.controllers.workloads import HASH, REVISION, ReplicaCounts
from pyload.errors import NotFound, PyloadError
from pyload.kube.resources import DEPLOYMENTS, PODS, REPLICA_SETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    from pyload.embedded.controllers.state import ClusterState
    from pyload.embedded.controllers.tracked_objects import Key
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource


BATCH: Final = 100
"""Pods of one workload that are created or deleted before other items are handled."""


class WorkloadController:
    """Acts on one workload at a time.

    Args:
        client: The API server.
        state: The cluster.
        rng: Chooses the ends of pods' names.
        now: Returns the time in UTC.
    """

    def __init__(
        self, client: Client, state: ClusterState, *, rng: Random, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._state = state
        self._rng = rng
        self._now = now

    async def handle(self, kind: str, key: Key) -> None:
        """Do for one workload what its controller would do.

        Raises:
            PyloadError: A request failed, and the workload must be handled again.
        """
        workload = self._state.workloads[kind].get(key)
        if workload is None or workload.obj["metadata"].get("deletionTimestamp"):
            return
        if kind == "Deployment":
            await self._deployment(workload)
        elif kind == "ReplicaSet":
            await self._replica_set(workload)
        else:
            await self._job(workload)

    async def _deployment(self, deployment: TrackedWorkload) -> None:
        """Bring a Deployment's rollout one step further: create, scale and delete ReplicaSets."""
        obj = deployment.obj
        sets = self._state.workloads["ReplicaSet"].owned_by(deployment.uid)
        sets.sort(key=lambda one: _revision(one.obj))
        tag = controllers.template_hash(obj["spec"]["template"])
        current = [one for one in sets if one.obj["metadata"].get("labels", {}).get(HASH) == tag]
        olds = [one for one in sets if one not in current]
        scales = [self._scale_of(one) for one in olds]
        new = self._scale_of(current[0]) if current else ReplicaCounts(0, 0, 0)
        target, left = controllers.rollout(obj, new, scales)
        if not current:
            revision = 1 + max((_revision(one.obj) for one in sets), default=0)
            body = controllers.replica_set_of(obj, revision=revision)
            body["spec"]["replicas"] = target
            created = await self._client.create(REPLICA_SETS.path(deployment.key[0]), body)
            self._state.put_workload("ReplicaSet", created)
        elif new.wanted != target:
            await self._rescale(current[0], target)
        for one, scale, count in zip(olds, scales, left, strict=True):
            if scale.wanted != count:
                await self._rescale(one, count)
        await self._delete_old_replica_sets(obj, olds, scales)
        status = controllers.deployment_status(obj, new, scales, now=timestamp(self._now()))
        await self._write_status("Deployment", deployment, status)

    def _scale_of(self, replica_set: TrackedWorkload) -> ReplicaCounts:
        active = [pod for pod in self._state.pods.owned_by(replica_set.uid) if pod.active]
        wanted = replica_set.obj["spec"].get("replicas", 1)
        return ReplicaCounts(wanted, len(active), sum(pod.ready for pod in active))

    async def _rescale(self, replica_set: TrackedWorkload, replicas: int) -> None:
        """Set a ReplicaSet's replicas, and record them before the watch shows them."""
        namespace, name = replica_set.key
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas},
        }
        path = REPLICA_SETS.path(namespace, name, "scale")
        scaled = await self._client.update(path, body)
        obj = replica_set.obj
        version = scaled["metadata"]["resourceVersion"]
        self._state.put_workload(
            "ReplicaSet",
            {
                **obj,
                "metadata": {**obj["metadata"], "resourceVersion": version},
                "spec": {**obj["spec"], "replicas": replicas},
            },
        )

    async def _delete_old_replica_sets(
        self, deployment: Obj, olds: list[TrackedWorkload], scales: list[ReplicaCounts]
    ) -> None:
        """Delete the oldest of the ReplicaSets that have no pods left."""
        idle = [
            one
            for one, scale in zip(olds, scales, strict=True)
            if not scale.wanted and not scale.pods
        ]
        surplus = len(idle) - deployment["spec"].get("revisionHistoryLimit", 10)
        for one in idle[: max(0, surplus)]:
            await self._client.delete(REPLICA_SETS.path(*one.key), uid=one.uid)

    async def _replica_set(self, replica_set: TrackedWorkload) -> None:
        """Create missing pods of a ReplicaSet, and delete surplus ones."""
        if await self._is_orphan(replica_set):
            path = REPLICA_SETS.path(*replica_set.key)
            await self._client.delete(path, grace_period_seconds=None, uid=replica_set.uid)
            return
        obj = replica_set.obj
        wanted = obj["spec"].get("replicas", 1)
        pods = self._state.pods.owned_by(replica_set.uid)
        missing, surplus = controllers.missing_and_surplus(wanted, pods)
        if missing > BATCH or len(surplus) > BATCH:
            self._state.queue.add(WorkItem("ReplicaSet", replica_set.key))
        for _ in range(min(missing, BATCH)):
            await self._create_pod(obj, "ReplicaSet")
        for pod in surplus[:BATCH]:
            await self._client.delete(PODS.path(*pod.key), grace_period_seconds=None, uid=pod.uid)
            self._state.record_deletion(pod.key, pod.uid)
        after = self._state.pods.owned_by(replica_set.uid)
        await self._write_status(
            "ReplicaSet", replica_set, controllers.replica_set_status(obj, after)
        )

    async def _is_orphan(self, replica_set: TrackedWorkload) -> bool:
        owner = controller_of(replica_set.obj)
        if owner is None or owner["kind"] != "Deployment":
            return False
        if replica_set.owner in self._state.dead:
            return True
        if self._state.workloads["Deployment"].find(replica_set.owner) is not None:
            return False
        return await is_gone(self._client, DEPLOYMENTS, replica_set.key[0], owner)

    async def _job(self, job: TrackedWorkload) -> None:
        before = job.obj.get("status") or {}
        succeeded = self._state.succeeded.setdefault(job.uid, before.get("succeeded", 0))
        if not before.get("completionTime"):
            pods = self._state.pods.owned_by(job.uid)
            missing = controllers.missing_of_job(job.obj, pods, succeeded=succeeded)
            if missing > BATCH:
                self._state.queue.add(WorkItem("Job", job.key))
            for _ in range(min(missing, BATCH)):
                await self._create_pod(job.obj, "Job")
        status = controllers.job_status(
            job.obj,
            self._state.pods.owned_by(job.uid),
            succeeded=succeeded,
            now=timestamp(self._now()),
        )
        await self._write_status("Job", job, status)

    async def _create_pod(self, owner: Obj, kind: str) -> None:
        metadata = owner["metadata"]
        name = f"{metadata['name'][:58]}-{controllers.suffix(self._rng)}"
        key = metadata["namespace"], name
        state = self._state
        if state.pods.get(key) is not None:
            return
        # Counted at once: its event may come after the next look at its owner.
        state.pods.put(TrackedPod(key, owner=metadata["uid"]))
        try:
            pod_obj = controllers.pod_of(owner, kind, name)
            await self._client.write("POST", PODS.path(key[0]), pod_obj)
        except PyloadError:
            pod = state.pods.get(key)
            if pod is not None and not pod.uid:
                state.pods.remove(key)
            raise

    async def _write_status(self, kind: str, workload: TrackedWorkload, status: Obj) -> None:
        known = self._state.workloads[kind].get(workload.key)
        if known is None or known.obj.get("status") == status:
            return
        path = WORKLOADS[kind].path(*workload.key, "status")
        written = await self._client.update(path, {**known.obj, "status": status})
        written["metadata"].pop("managedFields", None)
        self._state.put_workload(kind, written)


async def is_gone(client: Client, resource: Resource, namespace: str, owner: Obj) -> bool:
    """Return whether an owner is gone from the server, or another object has its name.

    Args:
        client: The API server.
        resource: The owner's kind.
        namespace: The owner's namespace.
        owner: A reference to the owner.
    """
    try:
        found = await client.get(resource.path(namespace, owner["name"]))
    except NotFound:
        return True
    return bool(found["metadata"]["uid"] != owner["uid"])


def _revision(replica_set: Obj) -> int:
    annotations = replica_set["metadata"].get("annotations") or {}
    try:
        return int(annotations.get(REVISION, 0))
    except ValueError:
        return 0
