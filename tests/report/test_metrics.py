"""Tests of the counters."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.metrics import MAX_LABELS, OTHER, Metrics, Snapshot


def test_counts_what_it_is_told() -> None:
    """The summary and Prometheus would show something else than what happened."""
    metrics = Metrics()
    metrics.proxy("sidecar", None, "connecting")
    metrics.proxy("sidecar", None, "connecting")
    metrics.proxy("sidecar", "connecting", "connected")
    metrics.proxy("sidecar", "connected", None)
    metrics.cells_of("sidecar")["cds"].push(100)
    metrics.cells_of("router")["cds"].push(50)
    metrics.cells_of("router")["eds"].push(1)
    metrics.disconnect("unavailable")
    metrics.object("Pod", "created")
    metrics.object("Node", "created")
    metrics.object("Pod", "failed")
    metrics.churn("workloads", "done")
    metrics.churn("workloads", "dropped", 5)
    metrics.churn("configs", "dropped", 0)
    metrics.connect.record(1)
    snapshot = metrics.snapshot()
    assert snapshot.proxies == {("sidecar", "connecting"): 1, ("sidecar", "connected"): 0}
    assert snapshot.pushes == {"cds": 2, "eds": 1}
    assert snapshot.push_bytes == {"cds": 150, "eds": 1}
    assert snapshot.disconnects == {"unavailable": 1}
    assert snapshot.objects_with("created") == 2
    assert snapshot.objects_with("failed") == 1
    assert snapshot.objects_with("deleted") == 0
    assert snapshot.churn == {("workloads", "done"): 1, ("workloads", "dropped"): 5}
    assert snapshot.connect.count == 1


def test_answers_add_up_to_the_pushes_that_were_answered() -> None:
    """A control plane whose pushes are refused would look as good as any."""
    metrics = Metrics()
    for short_type in ("cds", "cds", "cds", "nds", "eds"):
        metrics.cells_of("sidecar")[short_type].push(1)
    metrics.cells_of("sidecar")["cds"].refused += 1
    metrics.cells_of("sidecar")["eds"].refused += 1
    metrics.cells_of("sidecar")["nds"].ignored += 1
    before = metrics.snapshot()
    metrics.cells_of("sidecar")["nds"].push(1)
    metrics.cells_of("sidecar")["cds"].push(1)
    metrics.cells_of("sidecar")["cds"].refused += 1
    later = metrics.snapshot()

    assert (before.acknowledged, before.refused) == ({"cds": 2}, {"cds": 1, "eds": 1})
    assert later.merged([before]).acknowledged == {"cds": 4, "nds": 1}
    assert later.since(before).acknowledged == {"cds": 0, "nds": 1}
    assert later.since(before).refused == {"cds": 1, "eds": 0}


def test_a_snapshot_does_not_change() -> None:
    """A result written before cleanup would count the cleanup."""
    metrics = Metrics()
    before = metrics.snapshot()
    metrics.object("Pod", "deleted")
    metrics.disconnect("local")
    metrics.first_config.record(1)
    assert (before.objects, before.disconnects, before.first_config.count) == ({}, {}, 0)


def test_labels_are_bounded() -> None:
    """A server that invents reasons or types would fill memory and Prometheus."""
    metrics = Metrics()
    for number in range(MAX_LABELS + 50):
        metrics.disconnect(f"reason {number}")
        cell = metrics.cells_of("sidecar")[f"type {number}"]
        cell.push(1)
        cell.refused += 1
    snapshot = metrics.snapshot()
    assert len(snapshot.disconnects) == MAX_LABELS + 1
    assert snapshot.disconnects[OTHER] == 50
    assert snapshot.pushes[OTHER] == snapshot.push_bytes[OTHER] == snapshot.refused[OTHER] == 50


class Part:
    """Counters of another process, which stay the same."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def snapshot(self) -> Snapshot:
        """Return the fixed counters."""
        return self._snapshot


def test_the_figures_of_parts_are_added_to_all_others() -> None:
    """With workers, the summary would show what the main process did, which is nothing."""
    metrics, others = Metrics(), Metrics()
    for one in (metrics, others):
        one.proxy("sidecar", None, "connected")
        one.cells_of("sidecar")["cds"].push(7)
        one.disconnect("goaway")
        one.connect.record(1)
    others.disconnect("local")
    part = replace(others.snapshot(), worker_cpu={"0": 1.5}, worker_restarts={"0": 2})
    metrics.attach(Part(part))
    snapshot = metrics.snapshot()
    assert snapshot.proxies == {("sidecar", "connected"): 2}
    assert (snapshot.pushes, snapshot.push_bytes) == ({"cds": 2}, {"cds": 14})
    assert snapshot.disconnects == {"goaway": 2, "local": 1}
    assert (snapshot.connect.count, snapshot.connect.sum) == (2, 2.0)
    assert (snapshot.worker_cpu, snapshot.worker_restarts) == ({"0": 1.5}, {"0": 2})
    assert part.disconnects == {"goaway": 1, "local": 1}


def test_a_span_of_a_run_counts_only_what_happened_in_it() -> None:
    """The third step of a ladder would be judged by the pushes and times of the first two."""
    metrics = Metrics()
    metrics.proxy("sidecar", None, "connected")
    metrics.cells_of("sidecar")["cds"].push(7)
    metrics.object("Pod", "created")
    metrics.connect.record(1)
    began = metrics.snapshot()
    metrics.proxy("sidecar", "connected", "configured")
    metrics.cells_of("sidecar")["cds"].push(5)
    metrics.cells_of("sidecar")["eds"].push(3)
    metrics.connect.record(2)

    span = replace(metrics.snapshot(), worker_cpu={"0": 2.5}, worker_rss={"0": 9}).since(
        replace(began, worker_cpu={"0": 1.0}, worker_rss={"0": 8})
    )

    assert (span.pushes, span.push_bytes) == ({"cds": 1, "eds": 1}, {"cds": 5, "eds": 3})
    assert span.objects_with("created") == 0
    assert (span.connect.count, span.connect.max) == (1, 2.0)
    assert span.worker_cpu == {"0": 1.5}
    # These are no counts of events, but how things are now.
    assert span.worker_rss == {"0": 9}
    assert span.proxies == {("sidecar", "connected"): 0, ("sidecar", "configured"): 1}
