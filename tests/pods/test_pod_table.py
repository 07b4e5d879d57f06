"""What was decided about each pod, and the proxies that follow."""

from __future__ import annotations

from pyload.pods.desired import Policy
from pyload.pods.nodes import NodeClass
from pyload.pods.pod_table import Changes, PodTable
from pyload.pods.reader import MeshPods
from tests.pods.injected import pod


def _table() -> tuple[PodTable, MeshPods]:
    reader = MeshPods()
    return PodTable(reader, Policy(drain=5)), reader


def test_a_pod_is_started_when_it_is_decided_about() -> None:
    """The node's class is known only to the cache; a pod must not run before it was asked."""
    table, reader = _table()
    changes = Changes([], [])
    table.upsert(reader.read(pod("a", ip="10.0.0.1")), "", 0, witnessed=True)
    assert not table.wants("uid-a")

    table.decide("uid-a", NodeClass.OTHER, 0, changes)
    assert not table.wants("uid-a")
    table.decide("uid-a", NodeClass.KWOK, 0, changes)

    assert changes == Changes([], ["uid-a"])
    assert table.wanted() == {"uid-a"}
    assert table.spec("uid-a").ip == "10.0.0.1"


def test_a_drained_proxy_is_returned_once() -> None:
    """A proxy would be stopped twice, or a terminating pod would keep its proxy for ever."""
    table, reader = _table()
    changes = Changes([], [])
    for obj in (pod("a", ip="10.0.0.1"), pod("a", ip="10.0.0.1", deletion=30)):
        table.upsert(reader.read(obj), "", 0, witnessed=True)
        table.decide("uid-a", NodeClass.KWOK, 0, changes)

    assert table.next_drained == 5
    assert table.drained(4.9) == []
    assert table.drained(5) == ["uid-a"]
    assert table.drained(6) == []
    table.decide("uid-a", NodeClass.KWOK, 5, changes)
    assert changes == Changes(["uid-a"], ["uid-a"])


def test_a_pod_that_is_gone_has_no_drain() -> None:
    """A later pod of the same name would be stopped by the timer of the former."""
    table, reader = _table()
    changes = Changes([], [])
    for obj in (pod("a", ip="10.0.0.1"), pod("a", ip="10.0.0.1", deletion=30)):
        table.upsert(reader.read(obj), "", 0, witnessed=True)
        table.decide("uid-a", NodeClass.KWOK, 0, changes)
    table.remove("uid-a", 1, changes)

    assert table.drained(10) == []
    assert len(table) == 0
    assert table.node_of("uid-a") == ""
    assert table.source_of("uid-a") is None


def test_only_what_was_witnessed_has_a_time() -> None:
    """Times from a pod's IP to its config would begin when pyload began, not when the pod did."""
    table, reader = _table()
    record = reader.read(pod("a", ip="10.0.0.1"))
    table.upsert(record, "one", 3, witnessed=False)
    assert table.times("uid-a") == (None, None)
    table.remove("uid-a", 3, Changes([], []))
    table.upsert(record, "one", 4, witnessed=True)

    assert table.times("uid-a") == (4, 4)
    assert table.shown_by("one") == ["uid-a"]
    assert table.shown_by("other") == []
