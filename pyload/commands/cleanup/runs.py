"""The runs whose objects are in a cluster: which there are, and which are under way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.manifests.runs import RunRecord, age, is_run_lease
from pyload.mesh.ownership import run_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pyload.kube.resources import Obj
    from pyload.mesh.ledger import Entry

_COLUMNS: Final = ("RUN", "AGE", "LIVE", "OBJECTS", "STARTED BY")
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run with objects in the cluster.

    Attributes:
        record: What its objects say about it.
        objects: Number of objects, without its Lease.
    """

    record: RunRecord
    objects: int


def runs_of(found: Mapping[Entry, Obj]) -> list[FoundRun]:
    """Return the runs whose objects were found, the oldest first."""
    records: dict[str, RunRecord] = {}
    counts: dict[str, int] = {}
    for obj in found.values():
        run_id, record, lease = run_of(obj), RunRecord.read(obj), is_run_lease(obj)
        counts[run_id] = counts.get(run_id, 0) + (not lease)
        known = records.get(run_id)
        if lease or known is None:
            records[run_id] = record
        elif known.expires is None:
            # A namespace says who has started the run, any object when it is from.
            earliest = min(filter(None, (known.started, record.started)), default=None)
            records[run_id] = replace(known, started=earliest, by=known.by or record.by)
    runs = [FoundRun(records[run_id], count) for run_id, count in counts.items()]
    return sorted(runs, key=lambda run: (str(run.record.started or ""), run.record.run_id))


def table(runs: Iterable[FoundRun], now: datetime) -> str:
    """Return the runs as a table, in columns that scripts can rely on."""
    rows = [_COLUMNS]
    for run in runs:
        record = run.record
        since = "-" if record.started is None else age(now - record.started)
        # Without a Lease nobody knows.
        live = "unknown" if record.expires is None else ("yes" if record.is_live(now) else "no")
        rows.append((record.run_id, since, live, str(run.objects), record.by or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def unknown_run(run_id: str, runs: Iterable[FoundRun]) -> UsageError:
    """Return the error of a name that no run has."""
    names = [run.record.run_id for run in runs]
    what = f"no object carries the label of run {run_id}"
    if not names:
        return UsageError(f"{what}, nor that of any other run", fix="nothing is left to remove")
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return UsageError(f"{what}; there are {shown}{more}", fix="`pyload cleanup --list` shows them")


def spare_live(
    found: Mapping[Entry, Obj], runs: Iterable[FoundRun], now: datetime
) -> dict[Entry, Obj]:
    """Return the objects without those of runs that are under way."""
    live = {run.record.run_id for run in runs if run.record.is_live(now)}
    return {entry: obj for entry, obj in found.items() if run_of(obj) not in live}
