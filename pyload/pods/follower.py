"""Watches a cluster, and keeps a fleet of proxies equal to what should run for it.

Nodes are listed and watched first, and the leases of kwok's nodes are read, so that no pod with a
real proxy gets another one for a moment. Then come the pods, by one watch for each label selector.
Every list and event goes to the pod cache, and the changes that the cache returns go to the
reconciler, which starts and stops the proxies. From time to time the follower reads the leases
again and logs what looks wrong with the cluster, each warning once.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pyload.errors import ApiError, ClusterUnreachable, PyloadError
from pyload.kube.resources import LEASES, NODES, PODS
from pyload.kube.watch import Reflector
from pyload.pods.cache import PodCache
from pyload.pods.cluster_warnings import cluster_warnings
from pyload.pods.desired import Policy
from pyload.pods.nodes import LEASES_NAMESPACE, NodeClass, kubelets_among, read_lease
from pyload.pods.reconciler import Reconciler
from pyload.tasks import clock, first_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from random import Random

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource
    from pyload.pods.nodes import NodeRecord, NodeRule
    from pyload.pods.pod_table import Changes
    from pyload.pods.reader import MeshPods, PodRecord
    from pyload.pods.reconciler import FleetLike, Snapshot, Timed
    from pyload.report.followed_pods import FollowedPods

T = TypeVar("T")

CANONICAL_NAME: Final = "service.istio.io/canonical-name"
"""A label of every injected pod, gateway and waypoint, and of some other pods."""

ZTUNNEL: Final = f"app=ztunnel,!{CANONICAL_NAME}"
"""The label that a ztunnel has instead."""

LIVING: Final = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Pods that are bound and have not ended; a pod that ends is shown as deleted."""

REVIEW_SECONDS: Final = 10.0
"""How often leases are read again and warnings are looked for."""

_LEASE_ROUNDS: Final = 6
"""How often leases are read after nodes have come, because a kubelet may be late."""

log = logging.getLogger("pyload")


class Follower:
    """Keeps a fleet equal to the pods of a cluster.

    Args:
        client: The API server.
        fleet: Runs the proxies; those of pods are started and stopped from here alone.
        rule: How kwok's nodes are told from others.
        policy: Which pods the user wants proxies for.
        pod_selector: Label selector that pods must match; None for the labels that Istio gives its
            own, ztunnels included. An empty one shows all pods, so that all skipped ones count.
        pod_namespace: Namespace of the pods; empty for all.
        pod_fields: Field selector that pods must match.
        reader: Reads pods as proxies; by default, as those that Istio has put into them.
        timed: Called with durations in seconds; see `Reconciler`.
        rng: Spreads retries.

    Attributes:
        cache: Nodes and pods as last seen.
        synced: Set once everything that existed at the start has been seen.
    """

    def __init__(
        self,
        client: Client,
        fleet: FleetLike,
        *,
        rule: NodeRule | None = None,
        policy: Policy | None = None,
        pod_selector: str | None = None,
        pod_namespace: str = "",
        pod_fields: str = LIVING,
        reader: MeshPods | None = None,
        timed: Callable[[Timed, float], None] | None = None,
        rng: Random,
    ) -> None:
        policy = policy or Policy()
        self.cache = PodCache(rule, policy, reader)
        self.synced = asyncio.Event()
        self._client = client
        self._any_node = policy.any_node
        self._rng = rng
        self._pod_namespace = pod_namespace or None
        self._pod_fields = pod_fields
        self._selectors = [pod_selector]
        if pod_selector is None:
            self._selectors = [CANONICAL_NAME, ZTUNNEL] if policy.ztunnel else [CANONICAL_NAME]
        self._reconciler = Reconciler(self.cache, fleet, timed=timed)
        self._now = clock()
        # The watches of nodes and of pods, as far as they have begun.
        self._nodes: Reflector[NodeRecord] | None = None
        self._pods: list[Reflector[PodRecord]] = []
        # Keys of warnings that were logged.
        self._warned: set[str] = set()
        # The marked nodes when leases were last read, and how often they are still to be read.
        self._leases_of: set[str] = set()
        self._lease_rounds = 0

    async def run(self) -> None:
        """Follow the cluster until cancelled; the proxies are then left as they are.

        Raises:
            ApiError: The account may not read nodes or pods.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reconciler.run(), name="reconciler")
                await self._follow(group)
        except* PyloadError as errors:
            raise first_error(errors) from None

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment."""
        return self._reconciler.snapshot()

    def counts(self) -> FollowedPods:
        """Count nodes and pods, and return whether they have ever been listed."""
        # Pods are listed after nodes, so there is no reflector of theirs at first.
        pods_synced = len(self._pods) == len(self._selectors) and all(map(_is_synced, self._pods))
        reflectors: list[Reflector[Any] | None] = [self._nodes, *self._pods]
        late = [one for one in reflectors if one is not None and not one.synced.is_set()]
        return replace(
            self.cache.counts(),
            nodes_synced=None if self._any_node else _is_synced(self._nodes),
            pods_synced=pods_synced,
            list_error=next((str(one.failure) for one in late if one.failure), ""),
        )

    def on_configured(self, uid: str) -> None:
        """Time a pod whose proxy has its first full config; call it once after each start."""
        self._reconciler.on_configured(uid)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        # An account that may read pods may not always read nodes.
        if not self._any_node:
            await self._follow_nodes(group)
        await self._follow_pods(group)
        self.synced.set()
        if not self._any_node:
            await self._look_for_istiod()
        # The run that follows the cluster may be about to make its nodes.
        self._log_warnings(except_for={"nodes"})
        while True:
            await asyncio.sleep(REVIEW_SECONDS)
            await self._read_leases()
            self._log_warnings()

    async def _follow_nodes(self, group: asyncio.TaskGroup) -> None:
        cache = self.cache
        self._nodes = nodes = self._reflector(
            NODES,
            "nodes",
            cache.read_node,
            self._handler(cache.replace_nodes, cache.node_event),
            label_selector=cache.rule.label_selector,
        )
        group.create_task(nodes.run(), name="watch-nodes")
        await nodes.synced.wait()
        # Before the first pod is seen: one with a real proxy must not get another for a moment.
        await self._read_leases()

    async def _follow_pods(self, group: asyncio.TaskGroup) -> None:
        cache = self.cache
        for selector in self._selectors:
            source = selector or ""
            pods = self._reflector(
                PODS,
                f"pods {source}",
                cache.read_pod,
                self._handler(
                    functools.partial(cache.replace_pods, source=source),
                    functools.partial(cache.pod_event, source=source),
                ),
                namespace=self._pod_namespace,
                label_selector=source,
                field_selector=self._pod_fields,
            )
            self._pods.append(pods)
            group.create_task(pods.run(), name=f"watch-pods[{source}]")
            await pods.synced.wait()

    def _handler(
        self,
        replace: Callable[[list[T], float], Changes],
        event: Callable[[str, T, float], Changes],
    ) -> _Handler[T]:
        return _Handler(self._now, self._reconciler.apply, replace, event)

    def _reflector(
        self,
        resource: Resource,
        name: str,
        project: Callable[[Obj], T],
        handler: _Handler[T],
        *,
        namespace: str | None = None,
        label_selector: str,
        field_selector: str = "",
    ) -> Reflector[T]:
        return Reflector(
            self._client,
            resource,
            handler,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            rng=self._rng,
            project=project,
            streaming=True,
            on_stale=lambda stale: self._reconciler.set_stale(name, stale=stale),
        )

    def _log_warnings(self, *, except_for: Collection[str] = ()) -> None:
        for key, text in cluster_warnings(self.cache).items():
            if key not in except_for:
                self._warn(key, text)

    async def _read_leases(self) -> None:
        """Look for real kubelets on nodes that are marked as kwok's."""
        marked = self.cache.nodes.marked()
        if marked != self._leases_of:
            self._leases_of, self._lease_rounds = marked, _LEASE_ROUNDS
        if not self._lease_rounds or not marked:
            return
        self._lease_rounds -= 1
        try:
            leases, _ = await self._client.list(LEASES.path(LEASES_NAMESPACE), project=read_lease)
        except (ApiError, ClusterUnreachable) as error:
            text = f"whether a real kubelet runs on a node marked as kwok's is not known: {error}"
            self._warn("leases", text)
            return
        kubelets = kubelets_among(marked, leases)
        self._reconciler.apply(self.cache.set_kubelets(kubelets, self._now()))

    async def _look_for_istiod(self) -> None:
        """Warn if istiod is on a kwok node, where nothing runs."""
        try:
            pods, _ = await self._client.list(
                PODS.path(), label_selector="app=istiod", project=_name_and_node
            )
        except (ApiError, ClusterUnreachable) as error:
            log.debug("cannot look for istiod: %s", error)
            return
        for name, node in pods:
            if self.cache.nodes.class_of(node) is NodeClass.KWOK:
                text = f"istiod's pod {name} is on kwok node {node}, where it does not really run"
                self._warn("istiod", f"{text}; bind it to a real node")

    def _warn(self, key: str, text: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            log.warning("%s", text)


def _is_synced(reflector: Reflector[Any] | None) -> bool:
    return reflector is not None and reflector.synced.is_set()


class _Handler(Generic[T]):
    """Hands lists and events of a watch to the cache, and the changes to the reconciler."""

    def __init__(
        self,
        now: Callable[[], float],
        apply: Callable[[Changes], None],
        replace: Callable[[list[T], float], Changes],
        event: Callable[[str, T, float], Changes],
    ) -> None:
        self._now = now
        self._apply = apply
        self._replace = replace
        self._event = event

    def replace(self, objects: list[T]) -> None:
        self._apply(self._replace(objects, self._now()))

    def event(self, type_: str, obj: T) -> None:
        self._apply(self._event(type_, obj, self._now()))


def _name_and_node(pod: Obj) -> tuple[str, str]:
    name = f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"
    return name, (pod.get("spec") or {}).get("nodeName") or ""
