"""Watches a cluster, and keeps a fleet of proxies equal to what should run for it."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pyload.errors import ApiError, ClusterUnreachable, PyloadError
from pyload.kube.resources import LEASES, NODES, PODS
from pyload.kube.watch import Reflector
from pyload.pods.cache import PodCache
from pyload.pods.desired import Policy
from pyload.pods.nodes import LEASES_NAMESPACE, NodeRule, kubelets_among, read_lease
from pyload.pods.reader import read_pod, spec_of
from pyload.pods.reconciler import Reconciler
from pyload.tasks import clock, first_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from random import Random

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource
    from pyload.pods.cache import Changes
    from pyload.pods.reader import IdentityPool, PodRecord
    from pyload.pods.reconciler import FleetLike, Snapshot, Timed
    from pyload.proxies.spec import ProxySpec

T = TypeVar("T")

CANONICAL_NAME: Final = "service.istio.io/canonical-name"
"""A label that every injected pod and every gateway and waypoint has, though some others too."""

ZTUNNEL: Final = f"app=ztunnel,!{CANONICAL_NAME}"
"""What a ztunnel has instead."""

LIVING: Final = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Pods that are bound and have not ended; one that ends is shown as deleted."""

REVIEW_SECONDS: Final = 10.0

_LEASE_ROUNDS: Final = 6
"""How often leases are read after nodes have come, because a kubelet may be late."""

log = logging.getLogger("pyload")


class Follower:
    """Keeps a fleet equal to the pods of a cluster.

    Args:
        client: The API server.
        fleet: Runs the proxies; nobody else starts or stops those of pods.
        rule: Tells kwok's nodes from others.
        policy: What the user wants.
        pod_selector: Label selector that pods must match; None for what Istio labels its own with,
            ztunnels included. An empty one shows all pods, so that all skipped ones are counted.
        pod_fields: Field selector that pods must match.
        read: Reduces a pod to what is kept of it.
        spec: Makes the proxy of a pod.
        rate: Proxies started per second; None for as many as there are.
        timed: Called with durations in seconds; see `Reconciler`.
        rng: Spreads retries and starts.

    Attributes:
        cache: What is known of nodes and pods.
        synced: Set once all that there were have been seen.
    """

    def __init__(
        self,
        client: Client,
        fleet: FleetLike,
        *,
        rule: NodeRule | None = None,
        policy: Policy | None = None,
        pod_selector: str | None = None,
        pod_fields: str = LIVING,
        read: Callable[[Obj, IdentityPool], PodRecord] = read_pod,
        spec: Callable[[PodRecord], ProxySpec] = spec_of,
        rate: float | None = None,
        timed: Callable[[Timed, float], None] | None = None,
        rng: Random,
    ) -> None:
        policy = policy or Policy()
        self.cache = PodCache(rule, policy, read=read)
        self.synced = asyncio.Event()
        self._client = client
        self._rule = rule or NodeRule()
        self._any_node = policy.any_node
        self._rng = rng
        self._pod_fields = pod_fields
        self._selectors = [pod_selector]
        if pod_selector is None:
            self._selectors = [CANONICAL_NAME, ZTUNNEL] if policy.ztunnel else [CANONICAL_NAME]
        self._reconciler = Reconciler(self.cache, fleet, spec=spec, rate=rate, timed=timed, rng=rng)
        self._warned: set[str] = set()
        self._leases_of: set[str] = set()
        self._lease_rounds = 0

    async def run(self) -> None:
        """Follow the cluster until cancelled; the proxies are then left as they are.

        Raises:
            ApiError: The account may not read nodes or pods.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reconciler.run(), name="kwok-reconcile")
                await self._follow(group)
        except* PyloadError as errors:
            raise first_error(errors) from None

    def snapshot(self) -> Snapshot:
        """Give the figures of this moment."""
        return self._reconciler.snapshot()

    def configured(self, key: str) -> None:
        """Take that a proxy has its first full config; to be called once after each start."""
        self._reconciler.configured(key)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        # Who may read pods may not always read nodes.
        if not self._any_node:
            await self._follow_nodes(group)
        await self._follow_pods(group)
        self.synced.set()
        if not self._any_node:
            await self._look_for_istiod()
        # The run that follows the cluster may be about to make its nodes.
        self._warn_of_world(but={"nodes"})
        while True:
            await asyncio.sleep(REVIEW_SECONDS)
            await self._read_leases()
            self._warn_of_world()

    async def _follow_nodes(self, group: asyncio.TaskGroup) -> None:
        cache = self.cache
        nodes = self._reflector(
            NODES,
            "nodes",
            cache.read_node,
            _Handler(self._reconciler.apply, cache.replace_nodes, cache.node_event),
            label_selector=self._rule.label_selector,
        )
        group.create_task(nodes.run(), name="kwok-nodes")
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
                _Handler(
                    self._reconciler.apply,
                    functools.partial(cache.replace_pods, source=source),
                    functools.partial(cache.pod_event, source=source),
                ),
                label_selector=source,
                field_selector=self._pod_fields,
            )
            group.create_task(pods.run(), name=f"kwok-pods[{source}]")
            await pods.synced.wait()

    def _reflector(
        self,
        resource: Resource,
        name: str,
        keep: Callable[[Obj], T],
        handler: _Handler[T],
        *,
        label_selector: str,
        field_selector: str = "",
    ) -> Reflector[T]:
        return Reflector(
            self._client,
            resource,
            handler,
            label_selector=label_selector,
            field_selector=field_selector,
            rng=self._rng,
            keep=keep,
            streaming=True,
            on_stale=lambda stale: self._reconciler.stale(name, stale=stale),
        )

    def _warn_of_world(self, *, but: Collection[str] = ()) -> None:
        for key, text in self.cache.warnings().items():
            if key not in but:
                self._warn(key, text)

    async def _read_leases(self) -> None:
        """Look for real kubelets on nodes that are marked as kwok's."""
        marked = self.cache.marked_nodes()
        if marked != self._leases_of:
            self._leases_of, self._lease_rounds = marked, _LEASE_ROUNDS
        if not self._lease_rounds or not marked:
            return
        self._lease_rounds -= 1
        try:
            leases, _ = await self._client.list(LEASES.path(LEASES_NAMESPACE), keep=read_lease)
        except (ApiError, ClusterUnreachable) as error:
            text = f"whether a real kubelet runs on a node marked as kwok's is not known: {error}"
            self._warn("leases", text)
            return
        kubelets = kubelets_among(marked, leases)
        self._reconciler.apply(self.cache.set_kubelets(kubelets, clock()()))

    async def _look_for_istiod(self) -> None:
        """Warn if istiod is on a kwok node, where nothing runs."""
        try:
            pods, _ = await self._client.list(PODS.path(), label_selector="app=istiod", keep=_place)
        except (ApiError, ClusterUnreachable) as error:
            log.debug("cannot look for istiod: %s", error)
            return
        for name, node in pods:
            if self.cache.is_kwok(node):
                text = f"istiod's pod {name} is on kwok node {node}, where it does not really run"
                self._warn("istiod", f"{text}; bind it to a real node")

    def _warn(self, key: str, text: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            log.warning("%s", text)


class _Handler(Generic[T]):
    """Hands what a watch shows on to the cache, and what follows from it to the reconciler."""

    def __init__(
        self,
        apply: Callable[[Changes], None],
        replace: Callable[[list[T], float], Changes],
        event: Callable[[str, T, float], Changes],
    ) -> None:
        self._apply = apply
        self._replace = replace
        self._event = event

    def replace(self, objects: list[T]) -> None:
        self._apply(self._replace(objects, clock()()))

    def event(self, type_: str, obj: T) -> None:
        self._apply(self._event(type_, obj, clock()()))


def _place(pod: Obj) -> tuple[str, str]:
    name = f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"
    return name, (pod.get("spec") or {}).get("nodeName") or ""
