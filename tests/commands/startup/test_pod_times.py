"""What the times of a pod's start are derived from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pyload.commands.startup.pod_times import (
    COLUMNS,
    PodTimes,
    Totals,
    read_time,
    report_line,
    unready_text,
)

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
    assert Totals().text() == "\nAvg:\tnot measured, as no pod became ready"


@pytest.mark.parametrize("text", ["", "7", "2026-01-01T00:00:00"])
def test_what_is_no_time(text: str) -> None:
    """A time without a zone could mean any hour."""
    assert read_time(text) is None


def running(**containers: str) -> list[Obj]:
    """Return the statuses of containers that have been running since these times."""
    return [
        {"name": name, "state": {"running": {"startedAt": at}}} for name, at in containers.items()
    ]


@pytest.mark.parametrize(
    ("names", "application"),
    [(("x", "app"), "app"), (("istio-proxy", "x", "y"), "x"), (("istio-proxy",), "istio-proxy")],
)
def test_the_application_is_the_container_that_is_measured(
    names: tuple[str, ...], application: str
) -> None:
    """The proxy's start in its place would make each pod look ready before it is."""
    times = PodTimes(created=START)
    statuses = running(**dict.fromkeys(names, "2026-01-01T00:00:09.5Z"))
    for status in statuses:
        if status["name"] == application:
            status["state"]["running"]["startedAt"] = "2026-01-01T00:00:01.5Z"
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": name} for name in names]},
        "status": {"containerStatuses": statuses, **ready("2026-01-01T00:00:04.5Z")},
    }
    times.update(pod, START + timedelta(seconds=20))

    assert times.report().init == pytest.approx(1.5)
    assert times.report().ready == pytest.approx(3.0)


def test_the_columns_of_a_pod_add_up() -> None:
    """A pod's time would be lost or doubled: scheduling, init and readiness are its parts."""
    times = PodTimes(created=START)
    ended = {"terminated": {"startedAt": "2026-01-01T00:00:00.25Z"}}
    status = {
        "initContainerStatuses": [{"name": "other", "state": {}}, {"name": "istio-init"}],
        **ready("2026-01-01T00:00:03.5Z"),
    }
    status["initContainerStatuses"][1]["state"] = ended
    status["containerStatuses"] = running(app="2026-01-01T00:00:01.5Z")
    times.update(
        {"metadata": {"name": "p"}, **SPEC, "status": status}, START + timedelta(seconds=4)
    )
    report = times.report()

    assert report.columns == pytest.approx((0.25, 1.25, 2.0, 2.5, 4.0))
    assert len(report.columns) == len(COLUMNS)
    assert report.scheduled + report.init + report.full_ready == pytest.approx(report.complete)


def test_a_pod_that_is_ready_stays_measured() -> None:
    """Its deletion by the run itself comes as one more event, and is no failure."""
    times = seen(ready("2026-01-01T00:00:01.25Z"))
    before = times.report()
    times.update({"metadata": {"name": "p"}, **SPEC, "status": {"phase": "Failed"}}, START)
    times.on_deleted()

    assert times.failure == ""
    assert times.report() == before


@pytest.mark.parametrize("message", ["", "evicted"])
def test_a_pod_that_ended_says_why(message: str) -> None:
    """Without a reason nobody can tell a bad image from a full node."""
    times = seen({"phase": "Succeeded", "message": message})

    assert times.failure == f"it is Succeeded: {message or 'no message'}"
    times.on_deleted()
    assert times.failure.startswith("it is Succeeded")


def test_a_pod_that_is_gone_is_not_waited_for() -> None:
    """Its worker would wait for an event that never comes."""
    times = PodTimes(created=START)
    times.on_deleted()

    assert times.done
    assert times.failure == "somebody else deleted it"


def test_only_the_first_pods_that_are_not_ready_are_named() -> None:
    """A thousand names would hide the figures."""
    pods = {f"p{number}": PodTimes(created=START, phase="Pending") for number in range(1012)}
    text = unready_text(pods)

    assert unready_text({"p": PodTimes(created=START)}) == "Not ready at the end:\tp (not seen yet)"
    assert text.startswith("Not ready at the end:\tp0 (Pending), p1 (Pending), ")
    assert text.endswith("p9 (Pending), and 1,002 more")
