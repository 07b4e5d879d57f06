"""``pyload cleanup``: removes objects that earlier runs have left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pyload.commands.cleanup.runs import runs_of, spare_live, table, unknown_run
from pyload.concurrency import gather_errors
from pyload.errors import CleanupIncomplete, Forbidden, NotFound, PyloadError, UsageError
from pyload.harness.connection import Connection
from pyload.harness.outcome import Outcome
from pyload.harness.recorder import Recorder
from pyload.harness.servers import connect_api_server, interruptible, log_target
from pyload.kube.discovery import Discovery
from pyload.kube.resources import LEASES, NAMESPACES, NODES, SERVICE_ACCOUNTS
from pyload.manifests.objects import RUN_LABEL
from pyload.mesh.deletion import ErrorLog, remove_all, wait_until_gone
from pyload.mesh.ownership import run_of
from pyload.mesh.writer import Writer, entry_of
from pyload.tasks import first_of, in_detached_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.ledger import Entry
    from pyload.tasks import Shutdown

GRACE_SECONDS: Final = 15.0
"""Seconds that a namespace may be terminating before a controller must have begun to empty it.

The controller of Kubernetes begins after 5 s, or later if it is busy.
"""

_FIRST: Final = (LEASES, NODES, NAMESPACES, SERVICE_ACCOUNTS)
"""Kinds that a run creates first, in this order; they are removed last."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupOptions:
    """Options of `run_cleanup`.

    Attributes:
        run_id: The run whose objects go; empty with `everything`.
        everything: Remove the objects of all runs that are not under way.
        list_runs: Only list the runs.
        dry_run: Only list the objects.
        force: With `everything`, remove those of runs that are under way too.
        confirm: Asks the user a question before `everything` goes, and returns whether the answer
            is yes; None where there is nobody to ask.
        yes: Do not ask.
        connection: The flags that name the API server.
    """

    run_id: str = ""
    everything: bool = False
    list_runs: bool = False
    dry_run: bool = False
    force: bool = False
    confirm: Callable[[str], bool] | None = None
    yes: bool = False
    connection: Connection = field(default_factory=Connection)


async def run_cleanup(options: CleanupOptions, *, shutdown: Shutdown) -> Outcome:
    """Find the objects that runs have left, and remove them.

    Raises:
        UsageError: The options name neither a run nor all of them, or one that there is not.
        ClusterUnreachable: No API server can be reached.
        ApiError: The API server refused to list objects.
    """
    if bool(options.run_id) + options.everything + options.list_runs != 1:
        raise UsageError(
            "cleanup needs to know whose objects to remove",
            fix="give --run-id ID, --all, or --list to see which runs there are",
        )
    await log_target(options.connection)
    opened = connect_api_server(options.connection, embeddable=False)
    async with interruptible(opened, shutdown) as client:
        return await CleanupCommand(client, options).run(shutdown)


class CleanupCommand:
    """Removes the objects of runs from one API server.

    Args:
        client: The API server.
        options: The options.
    """

    def __init__(self, client: Client, options: CleanupOptions) -> None:
        self._client = client
        self._options = options
        self._recorder = Recorder(command="cleanup", client=client, run_id=options.run_id)
        self._writer = Writer(client, self._recorder.metrics)

    async def run(self, shutdown: Shutdown) -> Outcome:
        """Find the objects, and remove those of the chosen runs.

        Raises:
            UsageError: There is no such run, or nobody can be asked.
            PyloadError: The user does not want it.
        """
        options, now = self._options, datetime.now(UTC)
        objects = await self._find(options.run_id)
        runs = runs_of(objects)
        if options.list_runs:
            return self._outcome(table(runs, now) if runs else "there are no runs")
        if options.run_id and not runs:
            raise unknown_run(options.run_id, runs_of(await self._find("")))
        live = [run.record for run in runs if run.record.is_live(now)]
        if options.everything and not options.force:
            objects = spare_live(objects, runs, now)
            for record in live:
                log.warning("%s: left alone without --force", record.describe(now))
        elif options.run_id and live:
            log.warning("%s: its Lease is not over yet", live[0].describe(now))
        found = sorted(objects, key=_rank)
        counts = _counted(found)
        if not found:
            return self._outcome("nothing is left of any run" + (" that has ended" if live else ""))
        if options.dry_run:
            lines = [f"would remove {entry}" for entry in found]
            return self._outcome("\n".join([*lines, f"{len(found)} objects: {counts}"]))
        if options.everything and not options.yes:
            await self._ask(found, objects, shutdown)
        return await self._remove_all(found, shutdown)

    async def _ask(
        self, found: list[Entry], objects: Mapping[Entry, Obj], shutdown: Shutdown
    ) -> None:
        """Ask the user whether all this is to go.

        Raises:
            UsageError: Nobody can be asked.
            PyloadError: The answer is no.
        """
        runs = sorted({run_of(obj) for obj in objects.values()})
        what = f"{len(found)} objects of {len(runs)} runs ({', '.join(runs)})"
        confirm = self._options.confirm
        if confirm is None:
            fix = "add --yes, or --dry-run to see them"
            raise UsageError(f"--all would remove {what}", fix=fix)
        agreed = False

        async def ask() -> None:
            nonlocal agreed
            agreed = await in_detached_thread(partial(confirm, f"Remove {what}?"))

        await first_of(ask(), shutdown.requested.wait(), name="question")
        if not agreed:
            raise PyloadError("nothing was removed")

    async def _remove_all(self, found: list[Entry], shutdown: Shutdown) -> Outcome:
        counts = _counted(found)
        namespaces = [entry for entry in found if entry.resource == NAMESPACES]
        for entry in reversed(found):
            self._writer.ledger.open(entry)
        removal = self._remove(namespaces)
        if await first_of(removal, shutdown.forced.wait(), name="removal") != 0:
            log.warning("cleanup stopped by a second signal")
        left = tuple(str(entry) for entry in self._writer.ledger)
        error = None
        if left:
            error = CleanupIncomplete(left, fix="run it again, or see what holds them")
        return self._outcome(f"removed {len(found) - len(left)} objects of {counts}", error, left)

    async def _find(self, run_id: str) -> dict[Entry, Obj]:
        """List everything with a run's label; with an empty name, everything of any run."""
        kinds = await Discovery(self._client).removable()
        found: dict[Entry, Obj] = {}

        async def look(resource: Resource) -> None:
            selector = f"{RUN_LABEL}={run_id}" if run_id else RUN_LABEL
            try:
                listed, _ = await self._client.list(resource.path(), label_selector=selector)
            except Forbidden as error:
                log.warning("%s may hold more: %s", resource.plural, error)
            except NotFound:
                return
            else:
                found.update((entry_of(resource, obj), obj) for obj in listed if _is_direct(obj))

        errors = await gather_errors([look(kind) for kind in kinds], name="look")
        if errors:
            raise errors[0]
        return found

    async def _remove(self, namespaces: list[Entry]) -> None:
        """Remove everything in the ledger, and the namespaces last, which may need a hand."""
        ledger = self._writer.ledger
        for entry in namespaces:
            ledger.close(entry)
        try:
            await remove_all(self._writer)
        finally:
            for entry in namespaces:
                ledger.open(entry)
        await self._end_namespaces(namespaces)

    async def _end_namespaces(self, entries: list[Entry]) -> None:
        jobs = [self._end_namespace(entry) for entry in entries]
        ErrorLog().add(await gather_errors(jobs, name="cleanup"))
        await wait_until_gone(self._writer, entries)

    async def _end_namespace(self, entry: Entry) -> None:
        """Delete a namespace, and finalize it where no controller does."""
        await self._client.delete(entry.resource.path(None, entry.name))
        now = asyncio.get_running_loop().time
        deadline, pause = now() + GRACE_SECONDS, 0.05
        while now() < deadline:
            try:
                obj = await self._client.get(entry.resource.path(None, entry.name))
            except NotFound:
                self._writer.ledger.close(entry)
                return
            if obj.get("status", {}).get("conditions"):
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)
        log.info("%s has no controller that would end it: finalizing", entry)
        obj["spec"] = {"finalizers": []}
        with contextlib.suppress(NotFound):
            await self._client.update(entry.resource.path(None, entry.name, "finalize"), obj)

    def _outcome(
        self, text: str, error: PyloadError | None = None, left: tuple[str, ...] = ()
    ) -> Outcome:
        result = self._recorder.result(left=len(left), exit_reason=text.splitlines()[-1])
        return Outcome(result, error, listing=text)


def _is_direct(obj: Obj) -> bool:
    """Return whether a run wrote an object itself, so that no controller would create it again."""
    owners: Any = obj["metadata"].get("ownerReferences") or ()
    return not any(owner.get("controller") for owner in owners)


def _rank(entry: Entry) -> tuple[int, str, str, str]:
    """Sort by the order of removal: the reverse of the order of creation."""
    created = _FIRST.index(entry.resource) if entry.resource in _FIRST else len(_FIRST)
    return -created, entry.resource.kind, entry.namespace, entry.name


def _counted(entries: Iterable[Entry]) -> str:
    counts = Counter(entry.resource.kind for entry in entries)
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
