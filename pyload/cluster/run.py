"""One run of a mesh: start it, keep it moving, take it down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pyload.cluster.leases import Leases
from pyload.cluster.ledger import Entry
from pyload.cluster.plan import replace_pod
from pyload.errors import ApiError, NotFound, PyloadError
from pyload.kube import objects
from pyload.kube.resources import (
    CONFIG_MAPS,
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
    from collections.abc import Awaitable, Coroutine, Iterable, Mapping

    from pyload.cluster.plan import AppPlan, Names, NamespacePlan, Plan, PodPlan
    from pyload.cluster.writer import Writer
    from pyload.kube.ips import IpAllocator
    from pyload.kube.resources import Obj
    from pyload.proxies.fleet import Fleet

CONCURRENT_WRITES: Final = 100
"""Objects of one application that are written at a time."""

POD_ATTEMPTS: Final = 10
POD_RETRY_SECONDS: Final = 0.5
"""A pod may come before the service account that a controller makes for it (contract §3.8)."""

GONE_SECONDS: Final = 30.0
"""How long cleanup waits for namespaces to terminate."""

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
    """

    def __init__(
        self,
        plan: Plan,
        *,
        writer: Writer,
        fleet: Fleet,
        names: Names,
        ips: IpAllocator,
        node_metadata: Mapping[str, str],
        grace: float = 0.0,
    ) -> None:
        self.plan = plan
        self.apps = {(app.namespace, app.name): App(app) for app in plan.apps}
        self.leases = Leases(self._write_lease, run_id=plan.run_id)
        self.writer = writer
        self._fleet = fleet
        self._names = names
        self._ips = ips
        self._node_metadata = node_metadata
        self._grace = grace
        self._terminating: list[Entry] = []
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
        if self.plan.cluster_type != "real":
            for node in self.plan.nodes:
                await _explained("failed to bootstrap nodes", self._start_node(node))
        for index, namespace in enumerate(self.plan.namespaces):
            log.info(
                "starting namespace %s (%d of %d)",
                namespace.name,
                index + 1,
                len(self.plan.namespaces),
            )
            await _explained("failed to bootstrap namespace", self._start_namespace(namespace))
            await asyncio.sleep(self._grace)

    async def _start_node(self, name: str) -> None:
        full = self.plan.cluster_type == "fake-node"
        node = objects.node(name, now=datetime.now(UTC), run_id=self.plan.run_id, full=full)
        written = await self.writer.upsert(NODES, node, status=full)
        self.leases.add(name, written["metadata"]["uid"])

    async def _write_lease(self, lease: Obj) -> None:
        await self.writer.upsert(LEASES, lease)

    async def _start_namespace(self, namespace: NamespacePlan) -> None:
        run_id = self.plan.run_id
        obj = objects.namespace(namespace.name, run_id=run_id)
        await self.writer.upsert(NAMESPACES, obj, status=True)
        if self.plan.cluster_type == "fake":
            account = objects.service_account("default", namespace.name, run_id=run_id)
            await self.writer.upsert(SERVICE_ACCOUNTS, account)
        for app in namespace.apps:
            await self._start_app(self.apps[app.namespace, app.name])

    async def _start_app(self, app: App) -> None:
        jobs: list[Coroutine[Any, Any, None]] = [self._write_service(app)]
        if self.plan.cluster_type != "fake-node":
            jobs.append(self._write_endpoints(app, app.plan.pods))
        jobs += [self._start_pod(app, pod) for pod in app.plan.pods]
        errors = await _all(jobs, name=f"start-{app.plan.name}")
        if errors:
            raise errors[0]

    async def _write_service(self, app: App) -> None:
        service = objects.service(
            app.plan.name,
            app.plan.namespace,
            labels=app.plan.labels,
            selector=self.plan.cluster_type != "real",
            cluster_ip=app.plan.cluster_ip,
            run_id=self.plan.run_id,
        )
        await self.writer.upsert(SERVICES, service)

    async def _write_endpoints(self, app: App, pods: Iterable[PodPlan]) -> None:
        endpoints = objects.endpoints(
            app.plan.name,
            app.plan.namespace,
            addresses=[(pod.ip, pod.node, pod.name) for pod in pods],
            target_refs=self.plan.cluster_type == "fake",
            run_id=self.plan.run_id,
        )
        await self.writer.upsert(ENDPOINTS, endpoints)

    async def _start_pod(self, app: App, pod: PodPlan) -> None:
        plan = app.plan
        labels = objects.pod_labels(
            plan.name, sidecar=plan.type == "sidecar", full=self.plan.cluster_type == "fake-node"
        )
        if self.plan.cluster_type != "real":
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
        fake = self.plan.cluster_type == "fake"
        build = objects.bare_pod if fake else objects.pod
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
                await self.writer.apply(PODS, obj, status=fake)
            except ApiError as error:
                if attempt == POD_ATTEMPTS:
                    step = f"failed to apply pod: failed to ssa *v1.Pod/{pod.name}/{app.namespace}"
                    raise error.during(step) from None
                await asyncio.sleep(POD_RETRY_SECONDS)
            else:
                return

    async def refresh(self, app: App, index: int) -> str:
        """Replace one pod of an application: the new one first, then the old one goes.

        Args:
            app: The application.
            index: Which of its pods to replace.

        Returns:
            The new pod's name.
        """
        old = app.pods[index]
        new = replace_pod(app.plan, old, names=self._names, ip=self._ips.allocate())
        self._pod_ips[app.plan.namespace, new.name] = new.ip
        await self._start_pod(app, new)
        if self.plan.cluster_type != "fake-node":
            await self._write_endpoints(app, [pod for pod in app.pods if pod is not old])
        await self._stop_pod(app, old)
        return new.name

    async def _stop_pod(self, app: App, pod: PodPlan) -> None:
        await self.writer.delete(Entry(PODS, app.plan.namespace, pod.name))
        app.pods.remove(pod)
        await self._fleet.stop(f"{app.plan.namespace}/{pod.name}")
        self._pod_ips.pop((app.plan.namespace, pod.name), None)
        self._ips.release(pod.ip)

    async def cleanup(self) -> None:
        """Delete what was written, the last namespace first and nodes last (contract §3.9).

        Errors do not stop the remaining steps; they are logged. What is still there afterwards
        is in the writer's ledger.
        """
        jobs = [self._stop_namespace(namespace) for namespace in reversed(self.plan.namespaces)]
        jobs += [self._stop_node(node) for node in reversed(self.plan.nodes)]
        await self._log_errors(jobs)
        # A second try for what a passing error kept, and for pods whose start was cut short.
        left = [entry for entry in self.writer.ledger if entry not in self._terminating]
        await self._delete_all(entry for entry in left if entry.resource.namespaced)
        await self._delete_all(entry for entry in left if not entry.resource.namespaced)
        await self._wait_until_gone()

    async def _stop_node(self, node: str) -> None:
        await self._delete_all([Entry(NODES, "", node)])
        await self._delete_all([Entry(LEASES, "kube-node-lease", node)])

    async def _stop_namespace(self, namespace: NamespacePlan) -> None:
        for plan in reversed(namespace.apps):
            await self._stop_app(self.apps[plan.namespace, plan.name])
        await self._delete_all([Entry(SERVICE_ACCOUNTS, namespace.name, "default")])
        entry = Entry(NAMESPACES, "", namespace.name)
        if entry not in self.writer.ledger:
            return
        await self.writer.delete(entry)
        # Deleting a namespace only begins its end.
        self.writer.ledger.open(entry)
        self._terminating.append(entry)
        if self.plan.cluster_type == "fake":
            await self._finalize(namespace.name)

    async def _finalize(self, namespace: str) -> None:
        """Do what a namespace controller would do; a bare API server has none."""
        obj = objects.namespace(namespace, run_id=self.plan.run_id)
        obj["spec"] = {"finalizers": []}
        client = self.writer.client
        try:
            await client.update(NAMESPACES.path(None, namespace, "finalize"), obj)
            for name in ("istio-ca-root-cert", "kube-root-ca.crt"):
                await client.delete(CONFIG_MAPS.path(namespace, name), grace_period_seconds=None)
        except NotFound:
            return

    async def _stop_app(self, app: App) -> None:
        plan = app.plan
        jobs: list[Coroutine[Any, Any, None]] = [
            self.writer.delete(Entry(SERVICES, plan.namespace, plan.name)),
            self.writer.delete(Entry(ENDPOINTS, plan.namespace, plan.name)),
        ]
        jobs += [self._stop_pod(app, pod) for pod in list(app.pods)]
        await self._log_errors(jobs)

    async def _delete_all(self, entries: Iterable[Entry]) -> None:
        await self._log_errors([self.writer.delete(entry) for entry in entries])

    async def _log_errors(self, jobs: list[Coroutine[Any, Any, None]]) -> None:
        for error in await _all(jobs, name="cleanup"):
            log.error("cleanup: %s", error)

    async def _wait_until_gone(self) -> None:
        """Wait for the deleted namespaces to terminate."""
        pause = 0.05
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GONE_SECONDS):
                while self._terminating:
                    self._terminating = [
                        entry for entry in self._terminating if await self._exists(entry)
                    ]
                    await asyncio.sleep(pause if self._terminating else 0)
                    pause = min(2 * pause, 1.0)

    async def _exists(self, entry: Entry) -> bool:
        try:
            await self.writer.client.get(entry.resource.path(None, entry.name))
        except NotFound:
            self.writer.ledger.close(entry)
            return False
        except PyloadError:
            return True
        return True


async def _all(
    jobs: list[Coroutine[Any, Any, None]], *, name: str, limit: int = CONCURRENT_WRITES
) -> list[PyloadError]:
    """Run jobs, at most `limit` at a time; all of them, whatever some of them raise."""
    errors: list[PyloadError] = []
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            try:
                await job
            except PyloadError as error:
                errors.append(error)

    try:
        async with asyncio.TaskGroup() as group:
            for index in range(min(limit, len(jobs))):
                group.create_task(work(), name=f"{name}[{index}]")
    finally:
        for job in waiting:
            job.close()
    return errors


async def _explained(step: str, job: Awaitable[None]) -> None:
    try:
        await job
    except PyloadError as error:
        raise error.during(step) from None
