"""The figures of a worker whose processes come and go."""

from __future__ import annotations

from dataclasses import replace

from pyload.proxies.counts import FleetCounts
from pyload.proxies.pool.messages import Report
from pyload.proxies.pool.totals import WorkerTotals
from pyload.report.metrics import Metrics
from pyload.report.pacing import Pacing


def report(*, pushes: int, connected: int, cpu: float) -> Report:
    """Return a report of a process."""
    metrics = Metrics()
    for _ in range(pushes):
        metrics.cells_of("sidecar")["cds"].push(10)
        metrics.connect.record(0.5)
    for _ in range(connected):
        metrics.proxy("sidecar", None, "connected")
    counts = FleetCounts(connected=connected, configured=connected, connected_now=connected)
    metrics.caches = lambda: {"messages": 9}
    return Report(0, counts, metrics.snapshot(), Pacing(3, 10.0), cpu, 1000)


def test_what_was_counted_survives_and_what_was_open_does_not() -> None:
    """A run whose worker died would forget its pushes, or show proxies that are not there."""
    totals = WorkerTotals(7)
    totals.update(report(pushes=4, connected=2, cpu=1.5))
    totals.process_died()
    totals.restarts += 1

    snapshot = totals.snapshot()
    assert (snapshot.pushes, snapshot.push_bytes) == ({"cds": 4}, {"cds": 40})
    assert snapshot.disconnects == {"worker": 2}
    assert (snapshot.proxies, snapshot.caches) == ({}, {})
    assert snapshot.connect.count == 4
    assert (snapshot.worker_cpu, snapshot.worker_rss) == ({"7": 1.5}, {})
    assert snapshot.worker_restarts == {"7": 1}
    assert totals.counts == FleetCounts(connected=2, configured=2)
    assert totals.pacing == Pacing(3, None)

    totals.update(report(pushes=1, connected=2, cpu=0.25))
    snapshot = totals.snapshot()
    assert snapshot.pushes == {"cds": 5}
    assert (snapshot.proxies, snapshot.caches) == ({("sidecar", "connected"): 2}, {"messages": 9})
    assert (snapshot.worker_cpu, snapshot.worker_rss) == ({"7": 1.75}, {"7": 1000})
    assert totals.counts.connected_now == 2
    assert totals.pacing == Pacing(6, 10.0)


def test_a_process_that_dies_before_it_reports_leaves_nothing() -> None:
    """Its death would be counted as lost streams."""
    totals = WorkerTotals(0)
    totals.process_died()
    assert totals.counts == FleetCounts()
    assert totals.snapshot().disconnects == {}


def test_proxies_that_died_of_an_error_stay_wanted() -> None:
    """A worker's death would hide them from pyload_proxies; the summary has them as failed."""
    totals = WorkerTotals(0)
    totals.update(report(pushes=0, connected=2, cpu=0.0))
    # The process ends before it reports the proxy among its figures.
    totals.proxy_died("sidecar")
    totals.update_counts(FleetCounts(connected=2, connected_now=1, failed=1))
    totals.process_died()

    assert totals.counts.failed == 1
    assert totals.snapshot().proxies == {("sidecar", "failed"): 1}

    next_report = report(pushes=0, connected=1, cpu=0.0)
    proxies = {("ztunnel", "failed"): 1, ("sidecar", "connected"): 1}
    totals.proxy_died("ztunnel")
    totals.update(replace(next_report, snapshot=replace(next_report.snapshot, proxies=proxies)))
    both = {("sidecar", "failed"): 1, ("ztunnel", "failed"): 1}
    assert totals.snapshot().proxies == {**both, ("sidecar", "connected"): 1}
    totals.process_died()
    assert totals.snapshot().proxies == both


def test_newer_counts_come_before_their_report() -> None:
    """Progress and --wait would be a second late."""
    totals = WorkerTotals(0)
    totals.update(report(pushes=0, connected=1, cpu=0.0))
    totals.update_counts(FleetCounts(connected=2, connected_now=2))
    assert totals.counts == FleetCounts(connected=2, connected_now=2)
    totals.process_died()
    assert totals.snapshot().disconnects == {"worker": 2}


def test_paces_add_up_unless_one_has_no_limit() -> None:
    """The summary would show the rate of one worker as that of the run."""
    assert Pacing(1, 5.0) + Pacing(2, 7.0) == Pacing(3, 12.0)
    assert Pacing(1, 5.0) + Pacing(2, None) == Pacing(3, None)
