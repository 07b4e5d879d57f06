"""The runs whose objects are in a cluster, by what their objects say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pyload.commands.cleanup.runs import runs_of, spare_live, table, unknown_run
from pyload.kube.resources import LEASES, NAMESPACES, PODS
from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.runs import Origin, run_lease
from pyload.mesh.writer import entry_of

if TYPE_CHECKING:
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.ledger import Entry

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def found(*objects: tuple[Resource, Obj]) -> dict[Entry, Obj]:
    """Return objects by their entries."""
    return {entry_of(resource, obj): obj for resource, obj in objects}


def of(run_id: str, name: str, **metadata: Any) -> Obj:
    """Make an object of a run."""
    return {"metadata": {"name": name, "labels": {RUN_LABEL: run_id}, **metadata}}


def lease(run_id: str, *, ago: int) -> Obj:
    """Make a Lease that was renewed some seconds ago."""
    origin = Origin(run_id, started=NOW - timedelta(minutes=10), by="bob@laptop")
    return run_lease(origin, now=NOW - timedelta(seconds=ago))


MARKS = {
    "pyload.dev/started-at": "2025-12-31T00:00:00Z",
    "pyload.dev/started-by": "alice@ci",
}
OBJECTS = found(
    (NAMESPACES, of("dead", "a", creationTimestamp="2026-01-01T00:00:00Z")),
    (PODS, of("dead", "p", namespace="a", creationTimestamp="2026-01-01T01:00:00Z")),
    (LEASES, lease("alive", ago=5)),
    (PODS, of("alive", "q", namespace="b")),
    (NAMESPACES, of("mute", "c", annotations=MARKS)),
)


def test_a_run_without_a_lease_is_listed_by_its_other_objects() -> None:
    """Its account could write none, or it is one of an older pyload; nobody knows if it lives."""
    assert table(runs_of(OBJECTS), NOW).splitlines() == [
        "RUN     AGE   LIVE      OBJECTS   STARTED BY",
        "mute    2d    unknown   1         alice@ci",
        "dead    24h   unknown   2         -",
        "alive   10m   yes       1         bob@laptop",
    ]


def test_only_runs_that_are_under_way_are_spared() -> None:
    """Their objects would vanish while they measure."""
    kept = spare_live(OBJECTS, runs_of(OBJECTS), NOW)

    assert {entry.name for entry in kept} == {"a", "p", "c"}


def test_a_long_list_of_runs_is_cut() -> None:
    """The error about a mistyped name would fill the screen."""
    many = found(*((NAMESPACES, of(f"run{index:02}", f"n{index}")) for index in range(12)))

    assert "run09 and 2 more" in str(unknown_run("nope", runs_of(many)))
