"""A result to test its forms with."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.control_plane import ControlPlane
from pyload.report.convergence import Convergence, ProbeTimes, SlowProxy
from pyload.report.counts import ProxyCounts, StartedPods
from pyload.report.followed_pods import FollowedPods
from pyload.report.generator import Usage
from pyload.report.header import ConfigFile, Header
from pyload.report.history import History, TimeSeries
from pyload.report.ladder import Ladder, Step
from pyload.report.latency import Latency
from pyload.report.limits import Evidence, Limit
from pyload.report.metrics import Metrics
from pyload.report.outage import Outage, Outages
from pyload.report.pacing import Pacing
from pyload.report.result import Result
from pyload.report.series import join_of
from pyload.report.spread import PushSpread, Spread
from pyload.report.unserved import Unserved
from pyload.report.verdict import Verdict


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
        metrics.cells_of("sidecar")[short_type].push(600_000)
    metrics.cells_of("sidecar")["sds"].refused += 1
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


def whole() -> Result:
    """Return a result with something in each of its sections and lists."""
    outage = Outage(
        began=1.0,
        duration=2.0,
        open=False,
        lost=5,
        connected=0,
        first_back=None,
        half_back=1.5,
        last_back=2.0,
        disconnects={"goaway": 5},
    )
    probe = ProbeTimes(*(1, 0.5, 3, 1, 1, 0, 1), *(0.1, 0.1, 0.1, 0.1, None))
    push = PushSpread(
        version="v", type="cds", began=1.0, proxies=2, bytes=9, p50=0.0, p90=0.1, p99=0.1, last=0.1
    )
    return replace(
        measured(),
        kwok=FollowedPods(waiting={"no IP yet": 2}),
        unserved=(Unserved("waiting for 1 endpoint of a", ("mesh/app-1",)),),
        pods=StartedPods(ready=1),
        times={"ready": Latency(count=1, max=2.0)},
        thresholds=(Verdict("duration < 1h", "duration", "seconds", None, passed=False),),
        outages=Outages(1, 2.0, 2.0, (outage,)),
        spread=Spread(pushes=1, last_pushes=(push,)),
        convergence=Convergence(
            slowest=(SlowProxy("a", "b", "sidecar", None, 0.1, 1),), last_probes=(probe,)
        ),
        control_plane=ControlPlane(versions=("1.28",), pushes={"cds": 1}),
        limit=Limit("nothing", (Evidence("duration", 1.0, 2, "short"),)),
        steps=(Step(target=100, passed=None, figures=measured()),),
        ladder=Ladder(holds=0, breaks=100, sentence="it broke"),
        tags={"branch": "main"},
    )
