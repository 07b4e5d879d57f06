"""The work of the controller of Jobs: creates their pods, counts those that end, and ends Jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import JOB, POD
from pyload.embedded.controllers import jobs
from pyload.embedded.controllers.jobs import EndedPods
from pyload.embedded.controllers.owners import TRACKING, controller_of
from pyload.embedded.controllers.replica_sets import create_pod, delete_pod
from pyload.embedded.controllers.templates import BATCH, GATHERING
from pyload.kube.resources import JOBS, PODS

if TYPE_CHECKING:
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.embedded.controllers.owners import OwnedPod, OwnerIndex
    from pyload.kube.resources import Obj

COMPONENT: Final = "job-controller"

_WORK: Final = JOB.kind
_RELEASE: Final = "Pod of a Job"


class JobController:
    """Acts on one Job at a time.

    Args:
        loop: The loop of the controllers.
        owners: The pods by their Job.
    """

    def __init__(self, loop: ControlLoop, owners: OwnerIndex) -> None:
        self._loop = loop
        self._owners = owners
        self._ended: dict[str, EndedPods] = {}
        loop.handle(_WORK, self.handle)
        loop.handle(_RELEASE, self._release_orphan)
        loop.follow(JOB, self._on_job)
        owners.listeners.append(self._on_dependent)

    def _on_job(self, event: Event) -> None:
        uid = event.entry.obj["metadata"]["uid"]
        if event.type != "DELETED":
            self._loop.add(_WORK, event.entry.key)
            return
        self._ended.pop(uid, None)
        for pod in self._owners.pods(uid):
            if pod.tracked:
                self._loop.add(_RELEASE, pod.key)

    def _on_dependent(self, owner: Obj, namespace: str) -> None:
        if owner["kind"] != JOB.kind:
            return
        key = namespace, owner["name"]
        if self._loop.live(JOB, key) is not None:
            self._loop.add(_WORK, key, after=GATHERING)
            return
        for pod in self._owners.pods(owner["uid"]):
            if pod.tracked:
                self._loop.add(_RELEASE, pod.key)

    async def _release_orphan(self, key: Key) -> None:
        """Remove the finalizer from a pod whose Job is gone."""
        entry = self._loop.store.get(POD, *key)
        owner = controller_of(entry.obj) if entry else None
        if entry is None or owner is None:
            return
        job = self._loop.live(JOB, (key[0], owner["name"]))
        if job is None or job["metadata"]["uid"] != owner["uid"]:
            await self._release(entry.obj)

    async def _release(self, pod: Obj) -> bool:
        """Remove the controller's finalizer from a pod; return whether it had it."""
        metadata = pod["metadata"]
        finalizers = metadata.get("finalizers") or []
        if TRACKING not in finalizers:
            return False
        left = {**metadata, "finalizers": [one for one in finalizers if one != TRACKING]}
        if not left["finalizers"]:
            del left["finalizers"]
        path = PODS.path(metadata["namespace"], metadata["name"])
        await self._loop.client.write("PUT", path, {**pod, "metadata": left})
        return True

    async def handle(self, key: Key) -> None:
        """Do for one Job what is to be done next.

        Raises:
            PyloadError: A request failed, and the Job must be handled again.
        """
        job = self._loop.live(JOB, key)
        if job is None:
            return
        uid = job["metadata"]["uid"]
        ended = self._ended_of(job)
        now = self._loop.now()
        if jobs.is_finished(job):
            await self._expire(key, job)
            return
        await self._count_ended(job, ended)
        failure = jobs.why_failed(job, ended, now=now)
        try:
            if failure:
                await self._delete_active(job, self._owners.pods(uid))
            else:
                await self._create_missing(key, job, ended)
        finally:
            live = self._loop.live(JOB, key)
            if live is not None and live["metadata"]["uid"] == uid:
                await self._write_status(live, ended, failure)
        until = jobs.deadline(self._loop.live(JOB, key) or job)
        if until is not None and until > now:
            self._loop.add(_WORK, key, after=(until - now).total_seconds())

    def _ended_of(self, job: Obj) -> EndedPods:
        before = job.get("status") or {}
        known = EndedPods(before.get("succeeded", 0), before.get("failed", 0))
        return self._ended.setdefault(job["metadata"]["uid"], known)

    async def _count_ended(self, job: Obj, ended: EndedPods) -> None:
        for pod in self._owners.pods(job["metadata"]["uid"]):
            entry = self._loop.store.get(POD, *pod.key) if jobs.is_ended(pod) else None
            if entry is None or not await self._release(entry.obj):
                continue
            if pod.phase == "Succeeded":
                ended.succeeded += 1
            elif not job["spec"].get("suspend"):
                ended.failed += 1
                ended.retry_at = self._loop.now() + jobs.backoff(ended.failed)

    async def _create_missing(self, key: Key, job: Obj, ended: EndedPods) -> None:
        pods = self._owners.pods(job["metadata"]["uid"])
        missing = jobs.missing_of_job(job, pods, ended)
        if missing < 0:
            active = [pod for pod in pods if pod.active]
            await self._delete_active(job, active[:-missing])
        wait = ended.retry_at - self._loop.now() if ended.retry_at else None
        if missing > 0 and wait and wait.total_seconds() > 0:
            self._loop.add(_WORK, key, after=wait.total_seconds())
            return
        if missing > BATCH:
            self._loop.add(_WORK, key)
        for _ in range(min(missing, BATCH)):
            await create_pod(self._loop, COMPONENT, job, jobs.job_pod(job, self._loop.rng))

    async def _delete_active(self, job: Obj, pods: list[OwnedPod]) -> None:
        for pod in pods:
            if pod.active:
                await delete_pod(self._loop, COMPONENT, job, pod)

    async def _write_status(
        self, job: Obj, ended: EndedPods, failure: tuple[str, str] | None
    ) -> None:
        pods = self._owners.pods(job["metadata"]["uid"])
        now = self._loop.timestamp
        status = jobs.job_status(job, pods, ended, failure=failure, now=now)
        before = {one["type"]: one for one in (job.get("status") or {}).get("conditions") or ()}
        await self._loop.write_status(JOB, job, status)
        for one in status.get("conditions") or ():
            if before.get(one["type"]) == one:
                continue
            if one["type"] == "Complete":
                await self._record(job, "Completed", "Job completed")
            elif one["type"] == "Failed":
                await self._record(job, one["reason"], one["message"], warning=True)
            elif one["type"] == "Suspended":
                reason = "Suspended" if one["status"] == "True" else "Resumed"
                await self._record(job, reason, one["message"])

    async def _record(self, job: Obj, reason: str, text: str, *, warning: bool = False) -> None:
        await self._loop.events.record(COMPONENT, job, reason, text, warning=warning)

    async def _expire(self, key: Key, job: Obj) -> None:
        """Delete a finished Job once its time is over."""
        for pod in self._owners.pods(job["metadata"]["uid"]):
            entry = self._loop.store.get(POD, *pod.key) if pod.tracked else None
            if entry is not None:
                await self._release(entry.obj)
        until = jobs.expiry(job)
        if until is None:
            return
        left = (until - self._loop.now()).total_seconds()
        if left > 0:
            self._loop.add(_WORK, key, after=left)
            return
        await self._loop.client.delete(JOBS.path(*key), uid=job["metadata"]["uid"])
