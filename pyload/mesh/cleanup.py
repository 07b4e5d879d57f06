"""Removes a mesh, going back through the steps in which it was built.

The parts of a plan are deleted side by side, a hundred at a time, the last one first; the groups of
a part in reverse. Where steps have failed or were never taken, the ledger knows, and no request is
made. A second round goes through the ledger itself: a passing error may have kept an object, and a
pod whose start was cut short belongs to no application yet.

Deleting a namespace only begins its end. A namespace controller empties it; against a bare API
server, which has none, the run plays that part (`_finalize`). At last the run waits until the
namespaces are gone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from pyload.concurrency import gather_errors
from pyload.errors import NotFound
from pyload.kube.resources import CONFIG_MAPS, LEASES, NAMESPACES, NODES, SERVICE_ACCOUNTS
from pyload.manifests import objects
from pyload.manifests.objects import LEASE_NAMESPACE
from pyload.mesh.deletion import ErrorLog, wait_until_gone
from pyload.mesh.ledger import Entry
from pyload.mesh.proxy_specs import key_of_node
from pyload.mesh.steps import ObjectStep

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from pyload.mesh.mesh import Mesh
    from pyload.mesh.steps import Group, Part

_LEFT_BEHIND: Final = ("istio-ca-root-cert", "istio-ca-crl", "kube-root-ca.crt")
"""ConfigMaps that istiod and Kubernetes put into every namespace."""

log = logging.getLogger("pyload")


class Cleanup:
    """Deletes what a mesh has written."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._writer = mesh.writer
        self._finalized: set[Entry] = set()
        self._without_account: set[str] = set()
        self._errors = ErrorLog()

    async def run(self) -> None:
        """Delete everything, the last part first.

        Errors do not stop the remaining steps; they are logged. Nor does a bug, which is raised
        after them.
        """
        steps = [
            self._stop_all(),
            self._delete_left(namespaced=True),
            self._delete_left(namespaced=False),
            self._end_namespaces(),
        ]
        await gather_errors(steps, name="cleanup", limit=1)

    async def _stop_all(self) -> None:
        parts = reversed(list(self._mesh.parts()))
        await self._log_errors([self._stop(part) for part in parts])

    async def _stop(self, part: Part) -> None:
        for group in reversed(part.groups):
            if group.app is not None:
                app = self._mesh.apps[group.app.namespace, group.app.name]
                self._errors.add(await app.stop(group.steps))
                continue
            entries = self._entries(part, group)
            for entry in entries:
                if entry.resource == NODES:
                    await self._mesh.fleet.stop(key_of_node(entry.name))
                elif entry.resource == SERVICE_ACCOUNTS and entry in self._writer.ledger:
                    self._without_account.add(entry.namespace)
            await self._delete_all(entries)
            for entry in entries:
                if entry.resource == NODES:
                    await self._delete_all([Entry(LEASES, LEASE_NAMESPACE, entry.name)])
                elif entry.resource == NAMESPACES:
                    await self._finalize(entry)

    async def _delete_left(self, *, namespaced: bool) -> None:
        """Try again what a passing error kept, and pods whose start was cut short."""
        ledger = self._writer.ledger
        await self._delete_all(
            entry
            for entry in ledger
            if entry.resource.namespaced is namespaced and entry not in ledger.terminating
        )

    async def _end_namespaces(self) -> None:
        await self._log_errors([self._finalize(entry) for entry in self._writer.ledger.terminating])
        await wait_until_gone(self._writer, self._writer.ledger.terminating)

    def _entries(self, part: Part, group: Group) -> list[Entry]:
        """Return the entries of a group's objects, as churn has left them."""
        entries = [
            self._mesh.context.as_served(step.entry)
            for step in group.steps
            if isinstance(step, ObjectStep)
        ]
        if part.namespace is not None and len(entries) < len(group.steps):
            entries += self._mesh.template_objects[part.namespace.name].entries
        return entries

    async def _finalize(self, entry: Entry) -> None:
        """Empty and finalize a namespace, where no controller does."""
        wanted = self._mesh.plan.traits.finalize and entry in self._writer.ledger.terminating
        if not wanted or entry in self._finalized:
            return
        obj = objects.namespace(entry.name, run_id=self._mesh.plan.run_id)
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

    async def _delete_all(self, entries: Iterable[Entry]) -> None:
        await self._log_errors([self._writer.delete(entry) for entry in entries])

    async def _log_errors(self, jobs: list[Coroutine[Any, Any, None]]) -> None:
        self._errors.add(await gather_errors(jobs, name="cleanup"))
