"""What a run's Lease and annotations say about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pyload.manifests.objects import RUN_LABEL, lease
from pyload.manifests.runs import Origin, RunRecord, age, is_run_lease, run_lease

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ORIGIN = Origin("abcdefgh", started=NOW - timedelta(minutes=12), by="alice@ci", command="cluster")


def test_a_lease_says_who_started_the_run_and_until_when_it_is_live() -> None:
    """Somebody in whose way the run is would not know whom to ask, or whether to wait."""
    obj = run_lease(ORIGIN, now=NOW, addresses="10.0.0.0-10.0.2.255")
    record = RunRecord.read(obj)

    assert record.started == ORIGIN.started.replace(microsecond=0)
    assert (record.run_id, record.by) == ("abcdefgh", "alice@ci")
    assert record.addresses == "10.0.0.0-10.0.2.255"
    assert record.is_live(NOW + timedelta(seconds=59))
    assert not record.is_live(NOW + timedelta(seconds=60))
    assert record.describe(NOW) == "run abcdefgh, started 12m ago by alice@ci, still running"
    later = NOW + timedelta(days=3)
    assert record.describe(later).endswith("started 3d ago by alice@ci, no longer running")


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({}, "run x"),
        ({"creationTimestamp": "2026-01-02T03:04:00Z"}, "run x, started 5s ago"),
        ({"annotations": {"pyload.dev/started-at": "soon"}}, "run x"),
        (
            {"annotations": {"pyload.dev/started-at": "2026-01-02T01:04:00Z"}},
            "run x, started 2h ago",
        ),
    ],
)
def test_an_object_without_a_lease_says_what_it_can(metadata: Obj, text: str) -> None:
    """Objects of runs that may write no Leases, or that others have edited, are described too."""
    record = RunRecord.read({"metadata": {"name": "n", "labels": {RUN_LABEL: "x"}, **metadata}})

    assert record.describe(NOW) == text
    assert not record.is_live(NOW)


def test_the_lease_of_a_node_is_none_of_a_run() -> None:
    """It carries the run label as well, and is renewed even where nobody sees the run's own."""
    node = lease("node-a", node_uid="1", now=NOW, run_id="abcdefgh")

    assert not is_run_lease(node)
    assert is_run_lease(run_lease(ORIGIN, now=NOW))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (7199, "119m"),
        (7200, "2h"),
        (172800, "2d"),
    ],
)
def test_ages_are_written_as_kubectl_does(seconds: int, text: str) -> None:
    """A table of runs is read beside one of kubectl's; clocks may differ by a little."""
    assert age(timedelta(seconds=seconds)) == text
