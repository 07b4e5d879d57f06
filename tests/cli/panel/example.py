"""The panel that the documentation shows: of a run with a thousand proxies against an istiod."""

from __future__ import annotations

from typing import Final

from pyload.cli.panel.layout import layout
from pyload.report.control_plane import ControlPlane, IstiodTime
from pyload.report.convergence import Convergence, ProbeTimes
from pyload.report.counts import ObjectCounts, ProxyCounts
from pyload.report.frame import Frame, Scene, Servers
from pyload.report.generator import Generator
from pyload.report.history import History
from pyload.report.latency import Latency
from pyload.report.phases import Phase
from pyload.report.progress import Status
from pyload.report.result import Result
from pyload.report.series import join_of
from pyload.report.verdict import Verdict

_PUSHES: Final = (
    *(1900, 3100, 4000, 2300, 120, 80, 900, 2100, 1400, 700),
    *(1800, 1600, 700, 2500, 2100, 900, 1500, 2700, 1200, 1900),
)
_PROBES: Final = (0.61, 0.42, 0.55, 0.48, 0.71, 0.44, 0.5, 0.46, 0.62, 0.47)


def lines() -> list[str]:
    """Return the lines of the panel at 80 columns."""
    frame = Frame.of(_result(), _scene())
    return [line.plain.rstrip() for line in layout(frame, width=80, height=24)]


def _result() -> Result:
    history = History(join_of)
    for second, pushes in enumerate(_PUSHES, 1):
        probe = _PROBES[second // 2] if second % 2 else None
        values = {
            "pushes.cds": pushes,
            "push_bytes.cds": pushes * (11_000 if second < 5 else 6_000),
            "control_plane.cpu_seconds": 0.0 if second % 5 else 2.0 + pushes / 500,
            "control_plane.heap_bytes": 240e6 + 9e6 * (second % 7),
            "generator.cpu_seconds": 0.06 + pushes / 8_000,
            "generator.rss_bytes": 150e6 + 1.5e6 * min(second, 4),
            "convergence.count": 0 if probe is None else 1000,
            "convergence.sum": 0.0 if probe is None else 600 * probe,
            "convergence.max": probe,
        }
        history.add(float(second), values)
    newest = ProbeTimes(*(8, 0.0, 1000, 1000, 0, 0, 0), *(0.2, 0.29, 0.4, 0.45, 0.472))
    return Result(
        version="",
        run_id="kqzvnwbd",
        command="cluster",
        cluster_type="fake-node",
        duration=20.0,
        exit_reason="",
        proxies=ProxyCounts(wanted=1000, connected=1000, configured=1000, started=1014),
        pushes={"cds": sum(_PUSHES)},
        objects=ObjectCounts(created=1149, updated=0, deleted=28),
        first_config=Latency(count=1014, p50=0.31, p90=0.74, p99=1.12, max=1.31),
        generator=Generator(rss_bytes=156_000_000, cores=8.0),
        churn={"workloads": {"done": 14, "failed": 0}},
        convergence=Convergence(count=8000, p50=0.29, p99=0.66, probes=8, last_probes=(newest,)),
        control_plane=ControlPlane(
            source="pods",
            versions=("1.28.0",),
            istiods=1,
            readings=5,
            proxies=1000,
            convergence=IstiodTime(1, 0.14),
            debounce=IstiodTime(1, 0.13),
            cpu_seconds=9.0,
            cores=4,
            heap_bytes=294_000_000,
        ),
        thresholds=(
            Verdict("convergence.p99 < 500ms", "", "seconds", 0.66, passed=False),
            *(Verdict("", "", "count", 0.0, passed=True, default=True) for _ in range(5)),
        ),
        history=history.snapshot(),
    )


def _scene() -> Scene:
    return Scene(
        status=Status("running", 20.0, 1121, 1000, 1000, 1000),
        phases=(Phase("starting", 3.2, 1.0, is_over=True), Phase("running", 17.0, 0.28)),
        servers=Servers("context test, server https://10.0.0.7:6443", "localhost:15010"),
        page="0.0.0.0:8765",
        expected=1000,
        keys=(("q", "end"), ("c", "pause churn"), ("p", "probe now"), ("v", "log lines")),
    )
