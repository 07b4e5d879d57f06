"""Takes a mesh down, in the order of pilot-load (contract §3.9)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from pyload.cluster.bounded import run_all
from pyload.cluster.ledger import Entry
from pyload.errors import NotFound, PyloadError
from pyload.kube import objects
from pyload.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    LEASES,
    NAMESPACES,
    NODES,
    SERVICE_ACCOUNTS,
    SERVICES,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from pyload.cluster.plan import NamespacePlan
    from pyload.cluster.run import App, ClusterRun

GONE_SECONDS: Final = 30.0
"""How long cleanup waits for the next namespace to terminate."""

_LEFT_BEHIND: Final = ("istio-ca-root-cert", "istio-ca-crl", "kube-root-ca.crt")
"""ConfigMaps that istiod and Kubernetes put into every namespace."""

log = logging.getLogger("pyload")


class Cleanup:
    """Deletes what a run has written."""

    def __init__(self, run: ClusterRun) -> None:
        self._run = run
        self._writer = run.writer
        self._terminating: list[Entry] = []

    async def run(self) -> None:
        """Delete everything, the last namespace first and nodes last.

        Errors do not stop the remaining steps; they are logged.
        """
        plan = self._run.plan
        jobs = [self._stop_namespace(namespace) for namespace in reversed(plan.namespaces)]
        jobs += [self._stop_node(node) for node in reversed(plan.nodes)]
        await self._log_errors(jobs)
        # A second try for what a passing error kept, and for pods whose start was cut short.
        left = [entry for entry in self._writer.ledger if entry not in self._terminating]
        await self._delete_all(entry for entry in left if entry.resource.namespaced)
        await self._delete_all(entry for entry in left if not entry.resource.namespaced)
        await self._wait_until_gone()

    async def _stop_node(self, node: str) -> None:
        await self._delete_all([Entry(NODES, "", node)])
        await self._delete_all([Entry(LEASES, "kube-node-lease", node)])

    async def _stop_namespace(self, namespace: NamespacePlan) -> None:
        for plan in reversed(namespace.apps):
            await self._stop_app(self._run.apps[plan.namespace, plan.name])
        await self._delete_all([Entry(SERVICE_ACCOUNTS, namespace.name, "default")])
        entry = Entry(NAMESPACES, "", namespace.name)
        if entry not in self._writer.ledger:
            return
        await self._writer.delete(entry)
        # Deleting a namespace only begins its end.
        self._writer.ledger.open(entry)
        self._terminating.append(entry)
        if self._run.plan.traits.finalize:
            await self._finalize(namespace.name)

    async def _finalize(self, namespace: str) -> None:
        """Do what a namespace controller would do; a bare API server has none."""
        obj = objects.namespace(namespace, run_id=self._run.plan.run_id)
        obj["spec"] = {"finalizers": []}
        client = self._writer.client
        try:
            await client.update(NAMESPACES.path(None, namespace, "finalize"), obj)
            for name in _LEFT_BEHIND:
                await client.delete(CONFIG_MAPS.path(namespace, name), grace_period_seconds=None)
        except NotFound:
            return

    async def _stop_app(self, app: App) -> None:
        plan = app.plan
        jobs: list[Coroutine[Any, Any, None]] = [
            self._writer.delete(Entry(SERVICES, plan.namespace, plan.name)),
            self._writer.delete(Entry(ENDPOINTS, plan.namespace, plan.name)),
            self._writer.delete(Entry(ENDPOINT_SLICES, plan.namespace, plan.name)),
            self._writer.delete(Entry(DEPLOYMENTS, plan.namespace, plan.name)),
        ]
        jobs += [self._run.stop_pod(app, pod) for pod in list(app.pods)]
        await self._log_errors(jobs)

    async def _delete_all(self, entries: Iterable[Entry]) -> None:
        await self._log_errors([self._writer.delete(entry) for entry in entries])

    async def _log_errors(self, jobs: list[Coroutine[Any, Any, None]]) -> None:
        for error in await run_all(jobs, name="cleanup"):
            log.error("cleanup: %s", error)

    async def _wait_until_gone(self) -> None:
        """Wait for the deleted namespaces to terminate, as long as one after another does."""
        now = asyncio.get_running_loop().time
        pause, deadline = 0.05, now() + GONE_SECONDS
        while self._terminating and now() < deadline:
            left = [entry for entry in self._terminating if await self._exists(entry)]
            if len(left) < len(self._terminating):
                deadline = now() + GONE_SECONDS
            self._terminating = left
            if left:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1.0)

    async def _exists(self, entry: Entry) -> bool:
        try:
            await self._writer.client.get(entry.resource.path(None, entry.name))
        except NotFound:
            self._writer.ledger.close(entry)
            return False
        except PyloadError:
            return True
        return True
