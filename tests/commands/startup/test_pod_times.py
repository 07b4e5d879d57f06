"""What the times of a pod's start are derived from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pyload.commands.startup.pod_times import PodTimes, Totals, read_time, report_line

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

START = datetime(2026, 1, 1, tzinfo=UTC)

SPEC = {"spec": {"containers": [{"name": "app", "image": "a"}, {"name": "x", "image": "b"}]}}


def seen(status: Obj, seconds: float = 2.25, **metadata: str) -> PodTimes:
    """Return the times of a pod that was created at 0.5 s and is seen once."""
    times = PodTimes(created=START + timedelta(seconds=0.5))
    pod = {"metadata": {"name": "p", **metadata}, **SPEC, "status": status}
    times.update(pod, START + timedelta(seconds=seconds))
    return times


def ready(at: str) -> Obj:
    """Return the status of a pod that says when it became ready."""
    return {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": at}]}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-01T00:00:02Z", 1.75),  # within the second 2: when it was seen
        ("2026-01-01T00:00:01Z", 1.5),  # within the second 1: at its end
        ("2026-01-01T00:00:01.25Z", 0.75),  # to the fraction
        ("2025-12-31T23:59:00Z", 1.75),  # before the pod was there: clocks differ
        ("2026-01-01T01:00:00Z", 1.75),  # in the future: likewise
        ("nonsense", 1.75),
        (None, 1.75),
    ],
)
def test_what_a_time_of_the_server_means(at: str | None, expected: float) -> None:
    """Whole seconds alone would give negative times; blind trust in clocks, nonsense."""
    report = seen(ready(at) if at else {"conditions": [{"type": "Ready", "status": "True"}]})

    assert report.report().ready == pytest.approx(expected)
    assert report.report().complete == pytest.approx(1.75)


def test_a_terminating_pod_is_not_waited_for() -> None:
    """A pod that is evicted would stop its worker for ever."""
    times = seen({"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:02Z")

    assert times.done
    assert times.failure == "somebody else deleted it"


def test_lines_of_many_pods() -> None:
    """Means and largest values, cut to milliseconds as in pilot-load."""
    totals = Totals()
    for seconds in (2.0004, 1.0):
        totals.add(seen(ready("x"), seconds=seconds + 0.5).report())
    lines = totals.text().splitlines()

    assert lines[1] == "Avg:\t" + "\t".join(
        f"{name}:{text:<9}"
        for name, text in (
            *(("scheduled", "0s"), ("init", "0s"), ("ready", "1.5s"), ("full ready", "1.5s")),
            ("complete", "1.5s"),
        )
    )
    assert lines[2].endswith("complete:2s       ")
    assert report_line([0.0] * 5, title="Report", name="a").endswith("\tname:a        ")
    assert "Avg:\tscheduled:0s" in Totals().text()


@pytest.mark.parametrize("text", ["", "7", "2026-01-01T00:00:00"])
def test_what_is_no_time(text: str) -> None:
    """A time without a zone could mean any hour."""
    assert read_time(text) is None
