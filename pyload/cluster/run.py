"""One run of a mesh: start it, keep it moving, take it down."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pyload.cluster.bounded import run_all
from pyload.cluster.cleanup import Cleanup
from pyload.cluster.leases import Leases
from pyload.cluster.ledger import Entry
from pyload.cluster.plan import replace_pod
from pyload.errors import ApiError, PyloadError
from pyload.kube import objects
from pyload.kube.kwok import Placement, deployment, kwok_node
from pyload.kube.resources import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from pyload.proxies.spec import ProxySpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Mapping, Sequence
    from random import Random

    from pyload.cluster.plan import AppPlan, Names, NamespacePlan, Plan, PodPlan
    from pyload.cluster.writer import Writer
    from pyload.kube.ips import IpAllocator
    from pyload.kube.resources import Obj
    from pyload.proxies.face import Proxies

POD_ATTEMPTS: Final = 10
POD_RETRY_SECONDS: Final = 0.5
"""A pod may come before the service account that a controller makes for it (contract §3.8)."""

log = logging.getLogger("pyload")


@dataclass(slots=True)
class App:
    """An application while it runs.

    Attributes:
        plan: As it was planned.
        pods: The pods that it has now.
    """

    plan: AppPlan
    pods: list[PodPlan] = field(default_factory=list)


class ClusterRun:
    """The objects and proxies of one plan.

    Args:
        plan: What to create.
        writer: Writes the objects.
        fleet: Runs the proxies.
        names: Draws the names of later pods.
        ips: Gives and takes back pod IPs.
        node_metadata: Node metadata of every proxy.
        grace: Seconds to wait after each namespace.
        placement: Where the pods of deployments go.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        writer: Writer,
        fleet: Proxies,
        names: Names,
        ips: IpAllocator,
        node_metadata: Mapping[str, str],
        grace: float = 0.0,
        placement: Placement | None = None,
    ) -> None:
        self.plan = plan
        self._traits = plan.traits
        self._placement = placement or Placement()
        self.apps = {(app.namespace, app.name): App(app) for app in plan.apps}
        self.leases = Leases(self._write_lease, run_id=plan.run_id)
        self.writer = writer
        self._fleet = fleet
        self._names = names
        self._ips = ips
        self._node_metadata = node_metadata
        self._grace = grace
        self._pod_ips: dict[tuple[str, str], str] = {
            (app.namespace, pod.name): pod.ip for app in plan.apps for pod in app.pods
        }

    def pod_ip(self, namespace: str, name: str) -> str | None:
        """Give the IP planned for a pod of this run; None for a pod of somebody else's."""
        return self._pod_ips.get((namespace, name))

    async def start(self) -> None:
        """Create nodes, then the namespaces one after another (contract §3.8).

        Raises:
            PyloadError: Something could not be created; what was created is in the ledger.
        """
        if self._traits.nodes:
            for index, node in enumerate(self.plan.nodes):
                await _explained("failed to bootstrap nodes", self._start_node(node, index))
        for index, namespace in enumerate(self.plan.namespaces):
            log.info(
                "starting namespace %s (%d of %d)",
                namespace.name,
                index + 1,
                len(self.plan.namespaces),
            )
            await _explained("failed to bootstrap namespace", self._start_namespace(namespace))
            await asyncio.sleep(self._grace)

    async def _start_node(self, name: str, index: int) -> None:
        run_id = self.plan.run_id
        if self._traits.nodes == "kwok":
            await self.writer.upsert(
                NODES, kwok_node(name, index=index, run_id=run_id), status=True
            )
            return
        full = self._traits.nodes == "full"
        node = objects.node(name, now=datetime.now(UTC), run_id=run_id, full=full)
        written = await self.writer.upsert(NODES, node, status=full)
        self.leases.add(name, written["metadata"]["uid"])

    async def _write_lease(self, lease: Obj) -> None:
        await self.writer.upsert(LEASES, lease)

    async def _start_namespace(self, namespace: NamespacePlan) -> None:
        run_id = self.plan.run_id
        obj = objects.namespace(namespace.name, run_id=run_id)
        await self.writer.upsert(NAMESPACES, obj, status=True)
        if self._traits.account:
            account = objects.service_account("default", namespace.name, run_id=run_id)
            await self.writer.upsert(SERVICE_ACCOUNTS, account)
        for app in namespace.apps:
            await self._start_app(self.apps[app.namespace, app.name])

    async def _start_app(self, app: App) -> None:
        jobs: list[Coroutine[Any, Any, None]] = [self._write_service(app)]
        if self._traits.endpoints:
            jobs.append(self._write_endpoints(app, app.plan.pods))
        if self._traits.pods == "deployment":
            jobs.append(self._write_deployment(app))
        else:
            jobs += [self._start_pod(app, pod) for pod in app.plan.pods]
        errors = await run_all(jobs, name=f"start-{app.plan.name}")
        if errors:
            raise errors[0]

    async def _write_service(self, app: App) -> None:
        service = objects.service(
            app.plan.name,
            app.plan.namespace,
            labels=app.plan.labels,
            selector=self._traits.selector,
            cluster_ip=app.plan.cluster_ip,
            run_id=self.plan.run_id,
        )
        await self.writer.upsert(SERVICES, service)

    async def _write_endpoints(self, app: App, pods: Sequence[PodPlan]) -> None:
        endpoints = objects.endpoints(
            app.plan.name,
            app.plan.namespace,
            addresses=[(pod.ip, pod.node, pod.name) for pod in pods],
            target_refs=self._traits.pods == "bare",
            run_id=self.plan.run_id,
        )
        await self.writer.upsert(ENDPOINTS, endpoints)
        if self._traits.slices:
            piece = objects.endpoint_slice(
                app.plan.name,
                app.plan.namespace,
                addresses=[(pod.ip, pod.node, pod.name) for pod in pods],
                run_id=self.plan.run_id,
            )
            await self.writer.upsert(ENDPOINT_SLICES, piece)

    async def _write_deployment(self, app: App) -> None:
        plan = app.plan
        obj = deployment(
            plan.name,
            plan.namespace,
            replicas=len(plan.pods),
            sidecar=plan.type == "sidecar",
            placement=self._placement,
            run_id=self.plan.run_id,
        )
        await self.writer.upsert(DEPLOYMENTS, obj)

    async def _start_pod(self, app: App, pod: PodPlan) -> None:
        plan = app.plan
        labels = objects.pod_labels(
            plan.name, sidecar=plan.type == "sidecar", full=self._traits.kubelet
        )
        if self._traits.pods:
            await self._apply_pod(plan, pod)
        app.pods.append(pod)
        if not plan.has_proxies:
            log.info("Starting pod %s", pod.name)
            return
        self._fleet.start(
            ProxySpec(
                key=f"{plan.namespace}/{pod.name}",
                type=plan.type,
                ip=pod.ip,
                name=pod.name,
                namespace=plan.namespace,
                labels=labels,
                metadata=self._node_metadata,
            )
        )

    async def _apply_pod(self, app: AppPlan, pod: PodPlan) -> None:
        bare = self._traits.pods == "bare"
        build = objects.bare_pod if bare else objects.pod
        obj = build(
            pod.name,
            app.namespace,
            app=app.name,
            node=pod.node,
            ip=pod.ip,
            sidecar=app.type == "sidecar",
            now=datetime.now(UTC),
            run_id=self.plan.run_id,
        )
        for attempt in range(1, POD_ATTEMPTS + 1):
            try:
                await self.writer.apply(PODS, obj, status=bare)
            except ApiError as error:
                if attempt == POD_ATTEMPTS:
                    step = f"failed to apply pod: failed to ssa *v1.Pod/{pod.name}/{app.namespace}"
                    raise error.during(step) from None
                await asyncio.sleep(POD_RETRY_SECONDS)
            else:
                return

    async def refresh(self, app: App, rng: Random) -> str:
        """Replace one random pod of an application: the new one first, then the old one goes.

        A deployment's pod is deleted, and the deployment replaces it.

        Returns:
            The new pod's name, or the deleted one's; empty if the application has no pods.
        """
        if self._traits.pods == "deployment":
            return await self._delete_one(app, rng)
        if not app.pods:
            return ""
        old = rng.choice(app.pods)
        new = replace_pod(app.plan, old, names=self._names, ip=self._ips.allocate())
        self._pod_ips[app.plan.namespace, new.name] = new.ip
        await self._start_pod(app, new)
        if self._traits.endpoints:
            await self._write_endpoints(app, [pod for pod in app.pods if pod is not old])
        await self.stop_pod(app, old)
        return new.name

    async def _delete_one(self, app: App, rng: Random) -> str:
        plan = app.plan
        path = PODS.path(plan.namespace)
        pods, _ = await self.writer.client.list(path, label_selector=f"app={plan.name}")
        alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        if not alive:
            return ""
        metadata = rng.choice(alive)["metadata"]
        name = str(metadata["name"])
        await self.writer.client.delete(
            PODS.path(plan.namespace, name), grace_period_seconds=None, uid=metadata["uid"]
        )
        return name

    async def stop_pod(self, app: App, pod: PodPlan) -> None:
        """Delete a pod, then close its proxy's stream."""
        await self.writer.delete(Entry(PODS, app.plan.namespace, pod.name))
        app.pods.remove(pod)
        await self._fleet.stop(f"{app.plan.namespace}/{pod.name}")
        self._pod_ips.pop((app.plan.namespace, pod.name), None)
        self._ips.release(pod.ip)

    async def clean_up(self) -> None:
        """Delete what was written; what is still there afterwards is in the writer's ledger."""
        await Cleanup(self).run()


async def _explained(step: str, job: Awaitable[None]) -> None:
    try:
        await job
    except PyloadError as error:
        raise error.during(step) from None
