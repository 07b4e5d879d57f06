"""A kwok cluster in this process: kwok, the scheduler, and the controllers of workloads.

Watches keep a `ClusterState` up to date, which puts a `WorkItem` into its queue for whatever needs
attention. One task takes the items one after the other and sends the requests that each leads to;
an item that fails comes back after a pause that grows. Level-triggered like real controllers: an
item names an object, and what to do is decided from the state at the time.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.controllers.state import WORKLOADS, ClusterState, WorkItem
from pyload.embedded.controllers.tracked_objects import drop_managed_fields, key_of, project_pod
from pyload.embedded.controllers.workload_controller import WorkloadController
from pyload.embedded.kwok.pod_controller import PodController
from pyload.embedded.kwok.stages import HEARTBEAT, NODE_IP, Stages, node_status
from pyload.errors import Conflict, NotFound, PyloadError
from pyload.kube.resources import NODES, PODS, has_condition
from pyload.kube.watch import Reflector
from pyload.tasks import first_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.embedded.controllers.tracked_objects import Key
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj


PORT: Final = 10247
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

log = logging.getLogger("pyload.pods")


class Kwok:
    """Runs kwok, the scheduler and the controllers of a cluster with kwok nodes.

    Nodes with the annotation ``kwok.x-k8s.io/node=fake`` become ready and stay so, and their pods
    go through kwok's stages; Deployments, ReplicaSets and Jobs get their pods; pods get their
    nodes; dependents of deleted objects are deleted.

    Args:
        client: The API server.
        stages: ``fast``: everything at once; ``general``: in steps that take 1 to 5 s each.
        rng: Chooses names, delays and reused addresses; for tests that repeat exactly.
        now: Returns the time in UTC; for tests in virtual time.
    """

    def __init__(
        self,
        client: Client,
        *,
        stages: Stages = "fast",
        rng: Random | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._rng = rng or Random()  # noqa: S311 - names and delays
        self._now = now
        self._state = ClusterState(stages)
        self._beating: set[str] = set()
        self._failures: dict[WorkItem, int] = {}
        self._workloads = WorkloadController(client, self._state, rng=self._rng, now=now)
        self._pods = PodController(client, self._state, rng=self._rng, now=now)

    async def run(self) -> None:
        """Run the cluster until cancelled.

        Raises:
            ApiError: The account may not list or watch one of the kinds.
        """
        client, rng, state = self._client, self._rng, self._state
        feeds = {
            NODES: _Feed(
                lambda: [("", name) for name in state.nodes],
                state.put_node,
                lambda key, _: state.remove_node(key[1]),
            ),
            PODS: _Feed(state.pods.names, state.put_pod, lambda key, _: state.remove_pod(key)),
            **{resource: _workload_feed(state, kind) for kind, resource in WORKLOADS.items()},
        }
        reflectors = [
            Reflector(
                client,
                resource,
                feed,
                rng=rng,
                project=project_pod if resource is PODS else drop_managed_fields,
            )
            for resource, feed in feeds.items()
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for reflector in reflectors:
                    group.create_task(reflector.run(), name="kwok-watch")
                for reflector in reflectors:
                    await reflector.synced.wait()
                group.create_task(self._work(), name="kwok-work")
        except* PyloadError as errors:
            raise first_error(errors) from None

    async def _work(self) -> None:
        while True:
            item = await self._state.queue.get()
            try:
                await self._handle(item)
            except PyloadError as error:
                self._retry(item, error)
            else:
                self._failures.pop(item, None)

    def _retry(self, item: WorkItem, error: PyloadError) -> None:
        failed = self._failures[item] = self._failures.get(item, 0) + 1
        # The watch will show objects that have changed or gone; other errors are for the user.
        passing = failed == 1 or isinstance(error, (Conflict, NotFound))
        level = logging.DEBUG if passing else logging.WARNING
        log.log(level, "cannot handle %s %s: %s", item.kind, "/".join(item.key), error)
        self._state.queue.add_later(item, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failed, 10)))

    async def _handle(self, item: WorkItem) -> None:
        if item.kind == "Pod":
            await self._pods.handle(item.key)
        elif item.kind == "Gone":
            await self._pods.delete_pods_of(item.key[1])
        elif item.kind in WORKLOADS:
            await self._workloads.handle(item.kind, item.key)
        else:
            await self._node(item.key[1], beat=item.kind == "Heartbeat")

    async def _node(self, name: str, *, beat: bool) -> None:
        """Make a node ready, or keep it so."""
        node = self._state.nodes.get(name)
        if node is None or name not in self._state.managed:
            self._beating.discard(name)
            return
        if beat or name not in self._beating:
            self._beating.add(name)
            pause = self._rng.uniform(*HEARTBEAT)
            self._state.queue.add_later(WorkItem("Heartbeat", ("", name)), pause)
        if beat or not has_condition(node):
            status = node_status(node, ip=NODE_IP, port=PORT, now=timestamp(self._now()))
            path = NODES.path(None, name, "status")
            await self._client.write("PUT", path, {**node, "status": status})


class _Feed:
    """Feeds one kind of object to the state; a `pyload.kube.watch.Handler`.

    Args:
        known: Returns the keys of all objects of the kind that the state has.
        put: Handles a new or changed object.
        remove: Handles the end of the object with a key and, if it is known, a UID.
    """

    def __init__(
        self,
        known: Callable[[], Iterable[Key]],
        put: Callable[[Obj], None],
        remove: Callable[[Key, str], None],
    ) -> None:
        self._known = known
        self._put = put
        self._remove = remove

    def replace(self, objects: list[Obj]) -> None:
        there = {key_of(obj) for obj in objects}
        for key in [key for key in self._known() if key not in there]:
            self._remove(key, "")
        for obj in objects:
            self._put(obj)

    def event(self, type_: str, obj: Obj) -> None:
        if type_ == "DELETED":
            self._remove(key_of(obj), obj["metadata"]["uid"])
        else:
            self._put(obj)


def _workload_feed(state: ClusterState, kind: str) -> _Feed:
    return _Feed(
        state.workloads[kind].names,
        lambda obj: state.put_workload(kind, obj),
        lambda key, uid: state.remove_workload(kind, key, uid=uid),
    )
