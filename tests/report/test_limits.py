"""What has limited a run, and the figures from which that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from pyload.report.api_server import ApiServer
from pyload.report.control_plane import ControlPlane, IstiodTime
from pyload.report.convergence import Convergence
from pyload.report.figures import value_of
from pyload.report.generator import Generator, Load
from pyload.report.latency import Latency
from pyload.report.limits import Limit, limit_of
from pyload.report.pacing import Pacing
from pyload.report.result import Result
from pyload.report.spread import Spread

IDLE: Final = Generator(
    loop_lag_p99=0.002,
    processes={"main": Load(0.1, 0.31, 0.0)},
    busy_share=0.0,
    machine=Load(0.2, 0.4, 0.0),
)
BUSY: Final = replace(
    IDLE,
    processes={"main": Load(0.1, 0.31, 0.0), "0": Load(0.4, 0.97, 0.35)},
    busy_share=0.35,
)


def result(**sections: Any) -> Result:
    """Return the result of a minute in which nothing was at its limit but in these sections."""
    usual: dict[str, Any] = {
        "generator": IDLE,
        "connect": Latency(count=1000),
        "api_server": ApiServer(Latency(count=500, p50=0.01)),
    }
    return Result(
        version="1",
        run_id="",
        command="cluster",
        cluster_type=None,
        started="",
        host="",
        duration=60.0,
        exit_reason="",
        **usual | sections,
    )


def plane(**figures: Any) -> ControlPlane:
    """Return what an istiod of two cores says."""
    usual: dict[str, Any] = {"istiods": 1, "cores": 2, "cpu_cores_max": 0.4, "cpu_share_max": 0.2}
    return ControlPlane(**usual | figures)


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"generator": BUSY},
            "this machine: worker 0 used up to 97% of a core, 90% or more in 35% of the time",
        ),
        (
            {"generator": replace(IDLE, loop_lag_p99=0.12)},
            "this machine: loop lag p99 120ms",
        ),
        (
            {"generator": replace(IDLE, machine=Load(0.8, 1.0, 0.5), loop_lag_p99=0.03)},
            "this machine: all cores of the machine were in use in 50% of the time",
        ),
        (
            {"convergence": Convergence(lateness=Latency(count=9, p99=0.25))},
            "this machine: probes were written 250ms late (p99)",
        ),
        (
            {"generator": replace(IDLE, rate_limited_seconds=90.0)},
            "the API server: requests waited 1m30s for pyload's own --qps",
        ),
        (
            {"api_server": ApiServer(Latency(count=500, p50=0.01), throttled=40)},
            "the API server: it refused 40 requests as too many (429)",
        ),
        (
            {"api_server": ApiServer(Latency(count=500, p50=0.01), overloaded=7)},
            "the API server: it refused 7 requests for too much load (503)",
        ),
        (
            {"api_server": ApiServer(Latency(count=500, p50=0.4))},
            "the API server: half of the writes took 400ms or more",
        ),
        (
            {"control_plane": plane(cpu_cores_max=1.93, cpu_share_max=0.965)},
            "the control plane: istiod 1.9 of 2 cores",
        ),
        (
            {"control_plane": plane(istiods=2, cores=4, cpu_cores_max=2.5, cpu_share_max=0.97)},
            "the control plane: the busiest istiod used 97% of its cores",
        ),
        (
            {"control_plane": plane(queue=IstiodTime(10, 1.5))},
            "the control plane: a proxy waited 1.5s for its turn in a push",
        ),
        (
            {"control_plane": plane(convergence=IstiodTime(10, 3.0))},
            "the control plane: istiod took 3s to send a push to a proxy",
        ),
        (
            {"pacing": Pacing(refusals=1200, rate=23.5)},
            "the control plane: it refused 1,200 dials for their rate",
        ),
        (
            {"convergence": Convergence(count=9, p99=4.1)},
            "the control plane: a change reached a proxy after 4.1s (p99)",
        ),
        (
            {"spread": Spread(last=Latency(count=3, p99=2.5))},
            "the control plane: the last proxy got a push 2.5s after the first (p99)",
        ),
    ],
)
def test_each_sign_of_a_limit_is_seen(sections: dict[str, Any], line: str) -> None:
    """A user who is told the wrong limit buys cores for the wrong machine."""
    limit = limit_of(result(**sections))
    assert len(limit.evidence) == 2
    first = limit.evidence[0]
    assert limit.line() == f"{line}; {limit.evidence[1].text}"
    assert first.value >= first.bound


def test_the_second_figure_shows_that_this_machine_had_something_left() -> None:
    """Whether to believe in a limit of istiod's depends on how busy pyload was."""
    limit = limit_of(result(control_plane=plane(cpu_cores_max=1.93, cpu_share_max=0.965)))
    assert limit.line() == "the control plane: istiod 1.9 of 2 cores; loop lag p99 2ms"
    assert limit.verdict == "by the control plane (istiod 1.9 of 2 cores)"


def test_the_second_figure_may_be_another_of_the_same_limit() -> None:
    """CPU and queue together say more than either: both are near their bounds."""
    queued = plane(cpu_cores_max=2.0, cpu_share_max=1.0, queue=IstiodTime(10, 0.9))
    limit = limit_of(result(control_plane=queued))
    assert [one.figure for one in limit.evidence] == [
        "control_plane.cpu_share_max",
        "control_plane.queue.mean",
    ]


def test_of_several_signs_at_their_bound_the_cause_comes_first() -> None:
    """The ladder's last line has room for one, and has said already that changes take long."""
    late = plane(cpu_cores_max=1.9, cpu_share_max=0.95, convergence=IstiodTime(10, 8.0))
    assert limit_of(result(control_plane=late)).verdict == (
        "by the control plane (istiod 1.9 of 2 cores)"
    )


def test_the_strongest_sign_below_its_bound_comes_first() -> None:
    """What a quiet run comes near to is what its user looks for."""
    near = plane(cpu_cores_max=0.4, cpu_share_max=0.2, convergence=IstiodTime(10, 0.8))
    assert limit_of(result(control_plane=near)).evidence[-1].value == 0.8


@pytest.mark.parametrize(
    ("sections", "by"),
    [
        ({"generator": BUSY, "convergence": Convergence(count=9, p99=4.1)}, "this machine"),
        ({"generator": replace(BUSY, rate_limited_seconds=90.0)}, "this machine"),
        (
            {
                "generator": replace(IDLE, rate_limited_seconds=90.0),
                "convergence": Convergence(count=9, p99=4.1),
            },
            "the API server",
        ),
    ],
)
def test_what_spoils_the_figures_goes_before_what_they_show(
    sections: dict[str, Any], by: str
) -> None:
    """A pyload without CPU measures itself, and blames istiod for it."""
    assert limit_of(result(**sections)).by == by


def test_what_others_do_with_a_machine_is_no_limit_of_a_run_that_is_never_late() -> None:
    """On a machine that is shared every run, however idle, would be limited by it."""
    shared = replace(IDLE, machine=Load(1.0, 1.0, 1.0))
    assert limit_of(result(generator=shared)).by == "nothing"
    late = Convergence(lateness=Latency(count=9, p99=0.06))
    assert limit_of(result(generator=shared, convergence=late)).by == "this machine"


def test_a_run_that_nothing_limits_is_idle() -> None:
    """More load would be no trouble for anybody; the figures show by how much."""
    limit = limit_of(result(control_plane=plane()))
    assert limit.line() == (
        "nothing (idle): pyload's main process used up to 31% of a core; istiod 0.4 of 2 cores"
    )
    assert limit.verdict == "by nothing (pyload's main process used up to 31% of a core)"


def test_a_run_of_a_moment_has_nothing_to_show() -> None:
    """Where nothing was measured there is no figure to make up."""
    empty = result(generator=Generator(), connect=Latency(), api_server=ApiServer())
    assert limit_of(empty) == Limit("nothing")
    assert limit_of(empty).line() == "nothing (idle)"


def test_the_figures_of_the_evidence_are_those_of_the_result() -> None:
    """A user looks them up by their paths."""
    everything = result(
        generator=replace(BUSY, loop_lag_p99=0.2, rate_limited_seconds=70.0),
        control_plane=plane(),
    )
    for one in limit_of(everything).evidence:
        assert value_of(everything, one.figure) == one.value
