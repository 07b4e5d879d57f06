"""The work of the controller of Deployments: one step of a rollout after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import DEPLOYMENT, REPLICA_SET
from pyload.embedded.controllers import deployment_status, deployments
from pyload.embedded.controllers.deployments import REVISION, ReplicaCounts
from pyload.embedded.controllers.templates import GATHERING
from pyload.kube.resources import DEPLOYMENTS, REPLICA_SETS

if TYPE_CHECKING:
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.embedded.controllers.owners import OwnerIndex
    from pyload.kube.resources import Obj

COMPONENT: Final = "deployment-controller"

_WORK: Final = DEPLOYMENT.kind


class DeploymentController:
    """Acts on one Deployment at a time.

    Args:
        loop: The loop of the controllers.
        owners: ReplicaSets by their Deployment, and pods by their ReplicaSet.
    """

    def __init__(self, loop: ControlLoop, owners: OwnerIndex) -> None:
        self._loop = loop
        self._owners = owners
        loop.handle(_WORK, self.handle)
        loop.follow(DEPLOYMENT, self._on_deployment)
        owners.listeners.append(self._on_dependent)

    def _on_deployment(self, event: Event) -> None:
        if event.type != "DELETED":
            self._loop.add(_WORK, event.entry.key)

    def _on_dependent(self, owner: Obj, namespace: str) -> None:
        if owner["kind"] == DEPLOYMENT.kind:
            self._loop.add(_WORK, (namespace, owner["name"]), after=GATHERING)

    async def handle(self, key: Key) -> None:
        """Bring a Deployment's rollout one step further: create, scale and delete ReplicaSets.

        Raises:
            PyloadError: A request failed, and the Deployment must be handled again.
        """
        obj = self._loop.live(DEPLOYMENT, key)
        if obj is None:
            return
        sets = self._sets_of(obj)
        current = [one for one in sets if deployments.is_of_template(one, obj)]
        new = current[0] if current else None
        olds = [one for one in sets if one is not new]
        if obj["spec"].get("paused"):
            await self._scale_paused(obj, sets)
        else:
            new = await self._roll_out(obj, new, olds)
        await self._finish(key, obj, new)

    def _sets_of(self, deployment: Obj) -> list[Obj]:
        """List a Deployment's ReplicaSets, the oldest first."""
        found = [
            obj
            for kind, key in self._owners.dependents(deployment["metadata"]["uid"])
            if kind == REPLICA_SET and (obj := self._loop.live(REPLICA_SET, key)) is not None
        ]
        found.sort(key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
        found.sort(key=deployments.revision_of)
        return found

    def _counts(self, replica_set: Obj) -> ReplicaCounts:
        pods = self._owners.pods(replica_set["metadata"]["uid"])
        active = [pod for pod in pods if pod.active]
        wanted = replica_set["spec"].get("replicas", 1)
        return ReplicaCounts(wanted, len(active), sum(pod.ready for pod in active))

    async def _roll_out(self, deployment: Obj, new: Obj | None, olds: list[Obj]) -> Obj:
        counts = [self._counts(one) for one in olds]
        of_new = self._counts(new) if new else ReplicaCounts(0, 0, 0)
        target, left = deployments.rollout(deployment, of_new, counts)
        if new is None:
            built = deployments.replica_set_of(deployment, replicas=target)
            built["metadata"]["annotations"] = deployments.new_annotations(deployment, built, olds)
            built = deployments.scaled(built, deployment, target)
            new = await self._loop.client.create(
                REPLICA_SETS.path(deployment["metadata"]["namespace"]), built
            )
            if target:
                await self._record_scaling(deployment, new, 0)
        else:
            annotations = deployments.new_annotations(deployment, new, olds)
            noted = {**new, "metadata": {**new["metadata"], "annotations": annotations}}
            new = await self._rescale(deployment, new, noted, target)
        for one, count in zip(olds, left, strict=True):
            await self._rescale(deployment, one, one, count)
        return new

    async def _scale_paused(self, deployment: Obj, sets: list[Obj]) -> None:
        left = deployments.while_paused(deployment, [self._counts(one) for one in sets])
        for one, count in zip(sets, left, strict=True):
            await self._rescale(deployment, one, one, count)

    async def _rescale(self, deployment: Obj, before: Obj, replica_set: Obj, replicas: int) -> Obj:
        """Write a ReplicaSet with its replicas and annotations, unless it has them."""
        count = before["spec"].get("replicas", 1)
        if replica_set["spec"].get("replicas", 1) != replicas or replicas:
            replica_set = deployments.scaled(replica_set, deployment, replicas)
        if replica_set == before:
            return before
        metadata = before["metadata"]
        path = REPLICA_SETS.path(metadata["namespace"], metadata["name"])
        written = await self._loop.client.update(path, replica_set)
        if count != replicas:
            await self._record_scaling(deployment, written, count)
        return written

    async def _record_scaling(self, deployment: Obj, replica_set: Obj, before: int) -> None:
        after = replica_set["spec"]["replicas"]
        way = "up" if after > before else "down"
        name = replica_set["metadata"]["name"]
        text = f"Scaled {way} replica set {name} from {before} to {after}"
        await self._loop.events.record(COMPONENT, deployment, "ScalingReplicaSet", text)

    async def _finish(self, key: Key, deployment: Obj, new: Obj | None) -> None:
        """Delete old ReplicaSets, and write the revision and the status."""
        uid = deployment["metadata"]["uid"]
        name = new["metadata"]["name"] if new else ""
        sets = self._sets_of(deployment)
        olds = [one for one in sets if one["metadata"]["name"] != name]
        await self._delete_oldest(deployment, olds)
        live = self._loop.live(DEPLOYMENT, key)
        if live is None or live["metadata"]["uid"] != uid:
            return
        if new is not None:
            live = await self._write_revision(live, str(deployments.revision_of(new)))
        present = [one for one in sets if one["metadata"]["name"] == name]
        status = deployment_status.deployment_status(
            live,
            self._counts(present[0]) if present else ReplicaCounts(0, 0, 0),
            [self._counts(one) for one in olds],
            name=name,
            now=self._loop.timestamp,
        )
        await self._loop.write_status(DEPLOYMENT, live, status)
        until = deployment_status.deadline({**live, "status": status})
        if until is not None:
            left = (until - self._loop.now()).total_seconds()
            self._loop.add(_WORK, key, after=max(1.0, left + 1))

    async def _write_revision(self, deployment: Obj, revision: str) -> Obj:
        metadata = deployment["metadata"]
        annotations = metadata.get("annotations") or {}
        if annotations.get(REVISION) == revision:
            return deployment
        noted = {**metadata, "annotations": {**annotations, REVISION: revision}}
        path = DEPLOYMENTS.path(metadata["namespace"], metadata["name"])
        return await self._loop.client.update(path, {**deployment, "metadata": noted})

    async def _delete_oldest(self, deployment: Obj, olds: list[Obj]) -> None:
        """Delete the oldest of the ReplicaSets that have no pods left."""
        idle = [one for one in olds if not (counts := self._counts(one)).wanted and not counts.pods]
        surplus = len(idle) - deployment["spec"].get("revisionHistoryLimit", 10)
        for one in idle[: max(0, surplus)]:
            metadata = one["metadata"]
            path = REPLICA_SETS.path(metadata["namespace"], metadata["name"])
            await self._loop.client.delete(path, uid=metadata["uid"])
