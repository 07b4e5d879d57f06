"""How a panel looks: at some widths and heights, and on terminals without blocks."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pyload.cli.panel.layout import as_ascii, layout
from pyload.report.control_plane import ControlPlane
from pyload.report.convergence import Convergence, ProbeTimes
from pyload.report.frame import Frame, Scene, Servers
from pyload.report.history import History
from pyload.report.phases import Phase
from pyload.report.progress import Status
from pyload.report.rows import Gauge, Piece, Row
from pyload.report.series import join_of
from pyload.report.verdict import Verdict
from tests.cli.panel import example
from tests.report.results import measured

if TYPE_CHECKING:
    from pyload.report.result import Result

ROOT = Path(__file__).parents[3]
KEYS = (("q", "end"), ("c", "pause churn"), ("p", "probe now"), ("v", "log lines"))


def result(proxies: int) -> Result:
    """Return the figures of a run with as many proxies."""
    history = History(join_of)
    for second in range(1, 11):
        values = {
            "pushes.cds": float(second * proxies),
            "push_bytes.cds": 1000.0 * second * proxies,
            "control_plane.cpu_seconds": 5.0 * (second % 5 == 0),
            "control_plane.heap_bytes": 80_000_000.0 + 10_000_000 * second,
            "generator.cpu_seconds": 0.5,
            "generator.rss_bytes": 90_000_000.0,
            "convergence.count": float(second % 2),
            "convergence.sum": 0.1 * second,
            "convergence.max": 0.2 * second,
        }
        history.add(float(second), values)
    probe = ProbeTimes(*(3, 0.5, proxies, proxies, 0, 0, 0), *(0.1, 0.1, 0.1, 0.1, 0.25))
    plane = ControlPlane(
        source="pods",
        versions=("1.28.0",),
        istiods=1,
        readings=3,
        cpu_seconds=1.5,
        cores=4,
        heap_bytes=180_000_000,
    )
    return replace(
        measured(),
        history=history.snapshot(),
        convergence=Convergence(count=10, p50=0.1, p99=0.2, probes=3, last_probes=(probe,)),
        control_plane=plane,
        thresholds=(Verdict("first_config.p99 < 2s", "", "seconds", 1.5, passed=True),),
    )


def scene(proxies: int, cluster: str = "kind-istio") -> Scene:
    """Return what else is known of that run."""
    return Scene(
        status=Status("running", 14.0, 40, proxies, proxies, proxies),
        phases=(Phase("starting", 2.0, 1.0, is_over=True), Phase("running", 12.0, 0.4)),
        servers=Servers(f"context {cluster}, server https://k:6443, user me", "h:15010"),
        page="0.0.0.0:8765",
        expected=proxies,
        keys=KEYS,
    )


def drawn(frame: Frame, width: int = 80, height: int = 40) -> list[str]:
    """Return the text of a panel."""
    return [line.plain for line in layout(frame, width=width, height=height)]


AT_80 = """\
── pyload cluster, fake-node, run abcdefgh ───────────────────────────── 14s ──
 servers        istiod 1.28.0 at h:15010; context kind-istio, server https://k…
 live page      http://localhost:8765/
 phase          ✓ starting 2s  running 12s  ━━━━━━━━━━━━──────────────────  40%
 proxies        6 of 6 connected, 6 configured, 2 reconnects  ━━━━━━━━━━━━ 100%
 objects        40 there, 1 updated, 1 deleted; churn: workloads 2
 pushes         60/s                ▂▂▃▄▅▅▆▇▇█  60.0 kB/s           ▂▂▃▄▅▅▆▇▇█
 first config   p50 1.5s, p90 1.5s, p99 1.5s, max 1.5s  (1)
 a change       p50 100ms                ▂▃▅▆█  p99 200ms                ▂▃▅▆█
 probes         3 written; number 3 reached 6 of 6 in 250ms
 control plane  1.00 of 4 cores     ██████████  heap 180.0 MB       ▅▅▅▆▆▆▇▇██
                istiod 1.28.0
 generator      0.50 cores          ██████████  memory 123.5 MB     ██████████
 errors         streams goaway 1, unavailable 1, objects failed 1, changes fai…
 thresholds     ✓ first_config.p99 < 2s  1.5s
── q end  c pause churn  p probe now  v log lines ─────────────────────────────
"""


def test_a_small_run_at_80_columns() -> None:
    """It is how most people see it first."""
    frame = Frame.of(result(6), scene(6))

    assert drawn(frame) == AT_80.splitlines()


@pytest.mark.parametrize("width", [20, 40, 79, 80, 81, 120, 300])
@pytest.mark.parametrize("proxies", [6, 1000, 1_000_000])
@pytest.mark.parametrize("cluster", ["kind", "arn:aws:eks:eu-central-1:0123456789:cluster/" * 5])
def test_no_line_wraps_at_any_width(width: int, proxies: int, cluster: str) -> None:
    """A panel whose lines wrap cannot be found again, and leaves copies of itself."""
    lines = drawn(Frame.of(result(proxies), scene(proxies, cluster)), width)

    assert len(lines) == 16
    assert max(map(len, lines)) <= width - 1


@pytest.mark.parametrize("height", [1, 2, 3, 4, 6, 10, 15, 24])
def test_a_low_terminal_has_the_rows_that_matter(height: int) -> None:
    """A panel that is higher than its terminal cannot be drawn over."""
    lines = drawn(Frame.of(result(6), scene(6)), height=height)

    assert len(lines) <= max(1, height - 1)
    if height >= 6:
        assert any("6 of 6 connected" in line for line in lines)
        assert "q end" in lines[-1]
    if height >= 10:
        assert any(line.startswith(" control plane") for line in lines)


def test_the_documentation_shows_the_panel_as_it_is() -> None:
    """A newcomer would look for what is not there."""
    shown = example.lines()

    text = (ROOT / "docs" / "panel.md").read_text(encoding="utf-8")
    assert "".join(f"    {line}\n" for line in shown) in text, "\n".join(shown)


def test_courses_use_a_wide_terminal() -> None:
    """At 120 columns there is room for more seconds."""
    courses = (tuple(map(float, range(100))),) * 2
    row = Row(name="pushes", gauges=tuple(Gauge("1/s", course) for course in courses))
    frame = Frame(title="t", elapsed="1s", rows=(row,))
    widths = [sum(drawn(frame, width)[1].count(each) for each in "▁▂▃▄▅▆▇█") for width in (80, 120)]

    assert widths[0] > 30
    assert widths[1] > 70


def test_a_course_shows_gaps_and_rest() -> None:
    """What was not measured is not nothing, and nothing is not the most."""
    course = (0.0, math.nan, 1.0)
    frame = Frame(title="t", elapsed="1s", rows=(Row(name="x", gauges=(Gauge("y", course),)),))
    resting = Frame(
        title="t", elapsed="1s", rows=(Row(name="x", gauges=(Gauge("y", (0.0, 0.0)),)),)
    )

    assert drawn(frame)[1].endswith("▁ █")
    assert drawn(resting)[1].endswith(" ▁▁")


@pytest.mark.parametrize(
    ("share", "end"), [(0.0, "──   0%"), (0.9999, "━─  99%"), (1.0, "━━ 100%")]
)
def test_a_bar_is_full_only_when_all_is_done(share: float, end: str) -> None:
    """A start that waits for its last proxy would look as if it hung."""
    row = Row(name="phase", pieces=(Piece("starting"),), bar=share)

    assert drawn(Frame(title="t", elapsed="1s", rows=(row,)))[1].endswith(end)


def test_a_terminal_without_blocks_has_letters() -> None:
    """Under LC_ALL=C there would be question marks."""
    text = "\n".join(map(as_ascii, drawn(Frame.of(result(6), scene(6)))))

    assert "?" not in text
    assert "__.-:=+#" in text or "_" in text
    assert "+ first_config.p99 < 2s" in text
