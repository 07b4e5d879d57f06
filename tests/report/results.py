"""A result to test its forms with."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.counts import ProxyCounts
from pyload.report.generator import Usage
from pyload.report.header import ConfigFile, Header
from pyload.report.history import History, TimeSeries
from pyload.report.metrics import Metrics
from pyload.report.outage import Outages
from pyload.report.pacing import Pacing
from pyload.report.result import Result
from pyload.report.series import join_of


def history() -> TimeSeries:
    """Return two seconds of a run, in the first of which there was no pace yet."""
    kept = History(join_of)
    kept.add(1.0, {"proxies.connected": 500})
    kept.add(2.0, {"proxies.connected": 999, "pacing.rate": 23.5})
    return kept.snapshot()


def measured() -> Result:
    """Return a result in which something was measured everywhere."""
    metrics = Metrics()
    for milliseconds in range(1, 1001):
        metrics.connect.record(milliseconds / 1000)
        metrics.loop_lag.record(0.001)
    metrics.first_config.record(1.5)
    for short_type in ("sds", "rds", "cds", "cds"):
        metrics.push("sidecar", short_type, 600_000)
    metrics.disconnect("unavailable")
    metrics.disconnect("goaway")
    for result in ("created", "created", "updated", "deleted", "failed"):
        metrics.object("Pod", result)
    for result, count in (("done", 2), ("failed", 1), ("dropped", 4)):
        metrics.churn("workloads", result, count)
    metrics.churn("configs", "idle", 3)
    workers = {"0": 1, "1": 2}
    found = Result.of(
        replace(
            metrics.snapshot(), worker_cpu=workers, worker_rss=workers, worker_restarts=workers
        ),
        Header(
            version="1.2.3",
            run_id="abcdefgh",
            command="cluster",
            cluster_type="fake-node",
            started="2026-11-27T10:00:00Z",
            host="laptop",
            command_line="pyload cluster -c mesh.yaml",
            config=ConfigFile("mesh.yaml", "0" * 64),
            duration=75.25,
            exit_reason="the duration is over",
        ),
        Usage(cpu_seconds=9.3456, rss_bytes=123_456_786, rate_limited_seconds=0.25),
        proxies=ProxyCounts(
            wanted=1000,
            connected=999,
            configured=998,
            reconnects=2,
            failed=1,
            started=1001,
            unconfigured=1,
        ),
        pacing=Pacing(refusals=1200, rate=23.456),
        left=1,
        outages=Outages(),
    )
    return replace(found, history=history())
