"""Finds objects of other runs that a run would take over, before it writes anything.

Two runs in one cluster would otherwise destroy each other: the second one replaces a namespace of
the first, and deletes it at its end with all that is in it.

Only a few of a run's objects have to be looked for. In a namespace that is not there yet, nothing
can be in the way, and a namespace of another run is a conflict by itself. What remains are
cluster-scoped objects, and those in namespaces that belong to no run, such as ``istio-system``.
These are listed by the run label, kind by kind.

The look is not the only guard. A run that starts in the same moment, or that an account may not
look for, shows when an object is written; see `pyload.mesh.ownership`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.concurrency import gather_errors
from pyload.errors import NotFound, PyloadError, UsageError
from pyload.kube.resources import LEASES, NAMESPACES
from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.runs import RUN_LEASE_NAMESPACE, RunRecord, is_run_lease
from pyload.mesh.api_versions import find_kinds
from pyload.mesh.ledger import Entry
from pyload.mesh.ownership import is_going, run_of
from pyload.mesh.template_instance import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.plan import Plan

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Conflict:
    """An object of another run that is in the way.

    Attributes:
        entry: The object.
        record: What is known of the run that it belongs to.
    """

    entry: Entry
    record: RunRecord


async def read_leases(client: Client) -> list[Obj]:
    """Read the Leases of all runs; none if they cannot be read."""
    try:
        path = LEASES.path(RUN_LEASE_NAMESPACE)
        found, _ = await client.list(path, label_selector=RUN_LABEL)
    except PyloadError as error:
        log.debug("cannot read the Leases of runs: %s", error)
        return []
    return [lease for lease in found if is_run_lease(lease)]


async def find_conflicts(client: Client, entries: Iterable[Entry], run_id: str) -> list[Conflict]:
    """Find the objects of other runs among those that a run would replace.

    Objects that are being deleted are left out: their names will be free. So are those that cannot
    be read.

    Args:
        client: The API server.
        entries: The objects that the run would replace, or create things in.
        run_id: The run.
    """
    wanted = set(entries)
    spaces = {one.name if one.resource == NAMESPACES else one.namespace for one in wanted} - {""}
    found: dict[Entry, Obj] = {}
    searched: set[str] = {""}

    async def read(name: str) -> None:
        try:
            namespace = await client.get(NAMESPACES.path(None, name))
        except NotFound:
            return
        if is_going(namespace):
            return
        if run_of(namespace):
            found[Entry(NAMESPACES, "", name)] = namespace
        else:
            searched.add(name)

    async def search(resource: Resource, namespace: str) -> None:
        path = resource.path(namespace or None)
        listed, _ = await client.list(path, label_selector=RUN_LABEL)
        for obj in listed:
            entry = Entry(resource, namespace, obj["metadata"]["name"])
            if entry in wanted and not is_going(obj):
                found[entry] = obj

    errors = await gather_errors([read(name) for name in sorted(spaces)], name="look")
    places = {(one.resource, one.namespace) for one in wanted} - {(NAMESPACES, "")}
    searches = [search(*place) for place in places if place[1] in searched]
    errors += await gather_errors(searches, name="look")
    for error in errors:
        log.debug("cannot look for other runs: %s", error)
    return [
        Conflict(entry, RunRecord.read(obj))
        for entry, obj in sorted(found.items(), key=lambda item: str(item[0]))
        if run_of(obj) != run_id
    ]


async def find_template_entries(client: Client, plan: Plan) -> list[Entry]:
    """Find the objects of a plan's templates that are in no namespace.

    Templates that cannot be rendered, and kinds that are not served, are left to the start, which
    reports them.
    """
    objects: list[Obj] = []
    try:
        for template in plan.all_templates:
            objects += template.objects()
        kinds = await find_kinds(client, {kind_of(obj) for obj in objects})
    except PyloadError:
        return []
    return [
        Entry(kinds[kind_of(obj)], "", obj["metadata"]["name"])
        for obj in objects
        if not kinds[kind_of(obj)].namespaced
    ]


def refusal(
    conflicts: Sequence[Conflict], leases: Iterable[Obj], now: datetime, *, ways: Sequence[str] = ()
) -> UsageError:
    """Return the error of a run whose names belong to other runs.

    Args:
        conflicts: At least one; a namespace is named before anything else.
        leases: The Leases of all runs, which say most about them.
        now: The time in UTC.
        ways: What the user can do besides cleaning up.
    """
    first = min(conflicts, key=lambda one: one.entry.resource != NAMESPACES)
    run_id = first.record.run_id
    records = [RunRecord.read(lease) for lease in leases if run_of(lease) == run_id]
    record = records[0] if records else first.record
    others = sum(one.record.run_id == run_id for one in conflicts) - 1
    more = f" and {others} other objects belong" if others else " belongs"
    remove = f"`pyload cleanup --run-id {run_id}` removes what that run has left"
    return UsageError(
        f"{first.entry}{more} to {record.describe(now)}",
        fix="; ".join([*ways[:1], remove, *ways[1:]]),
    )
