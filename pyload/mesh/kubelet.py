"""A kubelet for all fake nodes at once: makes their pods run, and lets terminating ones go.

A watch of all pods feeds a queue of those that need something; a few workers take pods from it and
act. A pod is in the queue or with a worker at most once, and a worker acts on the newest state that
the watch has seen, so that any number of events of a busy pod cost no more than one. `decide` says
from a pod alone what it needs; a pod that needs nothing is forgotten.

Whether a pod is for a fake node shows in its node selector. Pods of other tools that have it are
served as well, so the kubelet never assumes that a pod is in the plan. Those of other runs are left
to their own kubelet, which knows their addresses.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final

from pyload.errors import Conflict, NotFound, PyloadError
from pyload.kube.resources import PODS
from pyload.kube.watch import Reflector
from pyload.manifests.objects import NODE_LABEL, NODE_LABEL_VALUE, RUN_LABEL
from pyload.manifests.pods import kubelet_status
from pyload.tasks import first_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

WORKERS: Final = 16
ATTEMPTS: Final = 5
_FIRST_PAUSE: Final = 0.005
_LABELS: Final = {"labels": {"controller": "pods"}}

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Pod:
    """The part of a pod that the kubelet looks at.

    Attributes:
        namespace: Namespace.
        name: Name.
        uid: UID.
        resource_version: Its resourceVersion as last seen.
        selected: Whether its node selector asks for a fake node.
        node: Name of its node; empty before it is scheduled.
        phase: ``Pending``, ``Running``, and so on.
        terminating: Whether its deletion has begun.
        containers: Name and image of each container.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    selected: bool
    node: str
    phase: str
    terminating: bool
    containers: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, obj: Obj) -> Pod:
        """Read a pod object."""
        metadata = obj["metadata"]
        spec = obj.get("spec") or {}
        selector = spec.get("nodeSelector") or {}
        selected = selector.get(NODE_LABEL) == NODE_LABEL_VALUE
        containers = spec.get("containers") or () if selected else ()
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            selected=selected,
            node=spec.get("nodeName") or "",
            phase=(obj.get("status") or {}).get("phase") or "",
            terminating=bool(metadata.get("deletionTimestamp")),
            containers=tuple((one["name"], one.get("image") or "") for one in containers),
        )


class Action(Enum):
    """The ways in which the kubelet acts on a pod."""

    # Delete it, as its deletion waits for its kubelet.
    DELETE = auto()
    # Apply a status by which it is running.
    RUN = auto()


def decide(pod: Pod) -> Action | None:
    """Decide what a pod needs; None for a pod that needs nothing, or is not for a fake node."""
    if not pod.selected:
        return None
    if pod.terminating:
        return Action.DELETE
    if pod.phase == "Running" or not pod.node:
        return None
    return Action.RUN


@dataclass(slots=True)
class _Work:
    """A pod that needs something.

    Attributes:
        pod: The pod as last seen.
        ip: The IP that it was given; kept for further attempts, empty before the first one.
    """

    pod: Pod
    ip: str = ""


class Kubelet:
    """Watches all pods, and acts on those that ask for a fake node.

    Only pods that need something are remembered.

    Args:
        client: The API server.
        ips: Returns the IP of a pod by its UID, namespace and name; called once for each pod that
            is made to run.
        now: Returns the time in UTC.
        workers: How many pods are acted on at a time.
        rng: Spreads the watch's retries.
        run_id: The run; pods of others are left alone. Empty serves the pods of all.
    """

    def __init__(
        self,
        client: Client,
        *,
        ips: Callable[[str, str, str], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        workers: int = WORKERS,
        rng: Random | None = None,
        run_id: str = "",
    ) -> None:
        self._client = client
        self._ips = ips
        self._now = now
        self._workers = workers
        self._work: dict[tuple[str, str], _Work] = {}
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._held: set[tuple[str, str]] = set()
        """Pods in the queue or with a worker: each is there once."""
        project = partial(_keep, run_id=run_id)
        self._reflector = Reflector(client, PODS, self, rng=rng, project=project)

    async def run(self) -> None:
        """Serve pods until cancelled.

        Raises:
            ApiError: The account may not read pods.
        """
        log.info("starting", extra=_LABELS)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reflector.run(), name="kubelet-pods")
                for number in range(self._workers):
                    group.create_task(self._serve(), name=f"kubelet-worker[{number}]")
                await self._reflector.synced.wait()
                log.debug("synced", extra=_LABELS)
        except* PyloadError as errors:
            raise first_error(errors) from None
        finally:
            log.info("stopped", extra=_LABELS)

    def replace(self, objects: list[Obj]) -> None:
        """Handle the list with which a watch begins: pods that are not in it are gone."""
        pods = [Pod.read(obj) for obj in objects]
        there = {(pod.namespace, pod.name) for pod in pods}
        for key in [key for key in self._work if key not in there]:
            del self._work[key]
        for pod in pods:
            self._note(pod)

    def event(self, type_: str, obj: Obj) -> None:
        """Handle one event of the watch."""
        pod = Pod.read(obj)
        if type_ == "DELETED":
            self._work.pop((pod.namespace, pod.name), None)
        else:
            self._note(pod)

    def _note(self, pod: Pod) -> None:
        key = pod.namespace, pod.name
        if decide(pod) is None:
            self._work.pop(key, None)
            return
        before = self._work.get(key)
        ip = before.ip if before is not None and before.pod.uid == pod.uid else ""
        self._work[key] = _Work(pod, ip)
        if key not in self._held:
            self._held.add(key)
            self._queue.put_nowait(key)

    async def _serve(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._handle(key)
            finally:
                self._held.discard(key)

    async def _handle(self, key: tuple[str, str]) -> None:
        """Act on a pod until it needs nothing more or its attempts are used up."""
        failed = 0
        while (work := self._work.get(key)) is not None:
            log.debug("handling update: %s/%s", *key, extra=_LABELS)
            try:
                await self._act(work)
            except (Conflict, NotFound) as error:
                # The pod has changed or gone, and the watch will say how.
                log.debug("pod %s/%s is not what it was: %s", *key, error, extra=_LABELS)
            except PyloadError as error:
                failed += 1
                if failed < ATTEMPTS:
                    self._log_retry(key, failed, error)
                    await asyncio.sleep(_FIRST_PAUSE * 2 ** (failed - 1))
                    continue
                log.error(
                    "error handling %s/%s, and retry budget exceeded: %s",
                    *key,
                    error,
                    extra=_LABELS,
                )
            failed = 0
            if self._work.get(key) is work:
                del self._work[key]

    async def _act(self, work: _Work) -> None:
        pod = work.pod
        path = PODS.path(pod.namespace, pod.name)
        if decide(pod) is Action.DELETE:
            await self._client.delete(path, uid=pod.uid)
            return
        work.ip = work.ip or self._ips(pod.uid, pod.namespace, pod.name)
        status = kubelet_status(
            pod.name,
            pod.namespace,
            uid=pod.uid,
            resource_version=pod.resource_version,
            ip=work.ip,
            containers=pod.containers,
            now=self._now(),
        )
        await self._client.apply(f"{path}/status", status)

    def _log_retry(self, key: tuple[str, str], failed: int, error: PyloadError) -> None:
        log.error(
            "error handling %s/%s, retrying (retry count: %d): %s",
            *key,
            failed,
            error,
            extra=_LABELS,
        )


def _keep(obj: Obj, *, run_id: str) -> Obj:
    """Cut a pod down to what `Pod.read` looks at; one of another run asks for no fake node."""
    metadata = obj["metadata"]
    spec = obj.get("spec") or {}
    selector = spec.get("nodeSelector") or {}
    kept: Obj = {
        "metadata": {
            name: metadata[name]
            for name in ("namespace", "name", "uid", "resourceVersion", "deletionTimestamp")
            if name in metadata
        }
    }
    theirs = (metadata.get("labels") or {}).get(RUN_LABEL, run_id) if run_id else run_id
    if selector.get(NODE_LABEL) == NODE_LABEL_VALUE and theirs == run_id:
        kept["spec"] = {
            name: spec[name] for name in ("nodeSelector", "nodeName", "containers") if name in spec
        }
        kept["status"] = {"phase": (obj.get("status") or {}).get("phase")}
    return kept
