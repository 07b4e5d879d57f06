"""Takes a mesh down, in the order of pilot-load (contract §3.9)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from pyload.concurrency import gather_errors
from pyload.errors import NotFound
from pyload.kube.resources import (
    CONFIG_MAPS,
    LEASES,
    NAMESPACES,
    NODES,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
)
from pyload.manifests import objects
from pyload.manifests.rbac import READER
from pyload.mesh.deletion import wait_until_gone
from pyload.mesh.istio_objects import ROOT_NAMESPACE
from pyload.mesh.ledger import Entry
from pyload.mesh.proxy_specs import ZTUNNEL, key_of_node

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from pyload.errors import PyloadError
    from pyload.mesh.istio_objects import IstioObjectPlan
    from pyload.mesh.mesh import Mesh
    from pyload.mesh.plan import NamespacePlan

_LEFT_BEHIND: Final = ("istio-ca-root-cert", "istio-ca-crl", "kube-root-ca.crt")
"""ConfigMaps that istiod and Kubernetes put into every namespace."""

log = logging.getLogger("pyload")


class Cleanup:
    """Deletes what a run has written."""

    def __init__(self, run: Mesh) -> None:
        self._run = run
        self._writer = run.writer
        self._finalized: set[Entry] = set()
        self._without_account: set[str] = set()

    async def run(self) -> None:
        """Delete everything, the last namespace first and nodes last.

        Errors do not stop the remaining steps; they are logged.
        """
        plan = self._run.plan
        jobs = [self._stop_namespace(namespace) for namespace in reversed(plan.namespaces)]
        jobs += [self._delete_istio_objects(plan.istio_objects)]
        jobs += [self._stop_node(node) for node in reversed(plan.nodes)]
        jobs += [self._delete_all([Entry(SERVICE_ACCOUNTS, ROOT_NAMESPACE, ZTUNNEL)])]
        await self._log_errors(jobs)
        # A second try for what a passing error kept, and for pods whose start was cut short.
        left = [entry for entry in self._writer.ledger if entry not in self._writer.terminating]
        await self._delete_all(entry for entry in left if entry.resource.namespaced)
        await self._delete_all(entry for entry in left if not entry.resource.namespaced)
        await self._log_errors([self._finalize(entry) for entry in self._writer.terminating])
        await wait_until_gone(self._writer, self._writer.terminating)

    async def _stop_node(self, node: str) -> None:
        await self._run.fleet.stop(key_of_node(node))
        await self._delete_all([Entry(NODES, "", node)])
        await self._delete_all([Entry(LEASES, "kube-node-lease", node)])

    async def _stop_namespace(self, namespace: NamespacePlan) -> None:
        for plan in reversed(namespace.apps):
            self._log(await self._run.apps[plan.namespace, plan.name].stop())
        account = Entry(SERVICE_ACCOUNTS, namespace.name, "default")
        if account in self._writer.ledger:
            await self._delete_all([account])
            self._without_account.add(namespace.name)
        await self._delete_all(
            Entry(kind, namespace.name, READER) for kind in (ROLE_BINDINGS, ROLES)
        )
        await self._delete_all(self._run.template_objects[namespace.name].entries)
        await self._delete_istio_objects(namespace.istio_objects)
        entry = Entry(NAMESPACES, "", namespace.name)
        await self._writer.delete(entry)
        await self._finalize(entry)

    async def _finalize(self, entry: Entry) -> None:
        """Do what a namespace controller would do; a bare API server has none."""
        wanted = self._run.plan.traits.finalize and entry in self._writer.terminating
        if not wanted or entry in self._finalized:
            return
        obj = objects.namespace(entry.name, run_id=self._run.plan.run_id)
        obj["spec"] = {"finalizers": []}
        client = self._writer.client
        left_behind = [CONFIG_MAPS.path(entry.name, name) for name in _LEFT_BEHIND]
        if entry.name not in self._without_account:
            left_behind.append(SERVICE_ACCOUNTS.path(entry.name, "default"))
        try:
            await client.update(NAMESPACES.path(None, entry.name, "finalize"), obj)
        except NotFound:
            return
        self._finalized.add(entry)
        for path in left_behind:
            await client.delete(path, grace_period_seconds=None)

    async def _delete_istio_objects(self, istio_objects: Iterable[IstioObjectPlan]) -> None:
        await self._delete_all(self._run.context.entry(one) for one in istio_objects)

    async def _delete_all(self, entries: Iterable[Entry]) -> None:
        await self._log_errors([self._writer.delete(entry) for entry in entries])

    async def _log_errors(self, jobs: list[Coroutine[Any, Any, None]]) -> None:
        self._log(await gather_errors(jobs, name="cleanup"))

    def _log(self, errors: Iterable[PyloadError]) -> None:
        for error in errors:
            log.error("cleanup: %s", error)
