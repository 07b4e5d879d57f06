"""The moments at which a pod passed the stages of its start, derived from a watch.

A server's timestamps are whole seconds, and an event of a watch arrives later than the change that
it reports. `PodTimes` combines both: it takes the moment of the event, but at the latest the end of
the second that the server names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.kube.resources import Obj

COLUMNS: Final = ("scheduled", "init", "ready", "full ready", "complete")

EXPLANATION: Final = """\
scheduled: from the pod's creation until its init container istio-init started
init: from there until the application's container started
ready: from there until Kubernetes says that the pod became ready
full ready: from the start of the application's container until the pod was seen to be ready
complete: from the pod's creation until it was seen to be ready"""

_INIT: Final = "istio-init"
_APP: Final = "app"
_PROXY: Final = "istio-proxy"
_SHOWN: Final = 10
_MILLISECOND: Final = 1_000_000
_FAILED_PHASES: Final = frozenset({"Failed", "Succeeded"})


@dataclass(frozen=True, slots=True)
class Report:
    """How long the stages of one pod's start took, in seconds.

    Attributes:
        name: Name of the pod.
        scheduled: Until its init container started; 0 if it has none.
        init: From there until its application started.
        ready: From the application's start until the pod's readiness.
        full_ready: The same until the readiness was seen.
        complete: From the creation until the readiness was seen.
    """

    name: str
    scheduled: float
    init: float
    ready: float
    full_ready: float
    complete: float

    @property
    def columns(self) -> tuple[float, ...]:
        """The times in the order of `COLUMNS`."""
        return (self.scheduled, self.init, self.ready, self.full_ready, self.complete)


@dataclass(slots=True)
class PodTimes:
    """Follows one pod from its creation to its readiness.

    The server's own time counts where it has fractions of seconds. A server whose clock contradicts
    the watch, by a time before the pod's creation, is not believed.

    Attributes:
        created: When the creation was begun, on this machine's clock.
        ready: When the pod was seen to be ready; None before.
        failure: Why it will never be ready; empty if it still may.
        phase: Its phase as last seen, such as ``Pending``; empty before it is seen.
    """

    created: datetime
    ready: datetime | None = None
    failure: str = ""
    phase: str = ""
    _init: datetime | None = None
    _started: datetime | None = None
    _became_ready: datetime | None = None
    _name: str = field(default="", init=False)

    @property
    def done(self) -> bool:
        """Whether the pod is ready or will never be."""
        return self.ready is not None or bool(self.failure)

    def update(self, pod: Obj, now: datetime) -> None:
        """Record the state of the pod at a moment."""
        if self.done:
            return
        self._name = pod["metadata"]["name"]
        status = pod.get("status") or {}
        self.phase = status.get("phase") or "Pending"
        if self._init is None:
            self._init = self._moment(_init_start(status), now)
        if self._started is None:
            self._started = self._moment(_app_start(pod, status), now)
        for condition in status.get("conditions") or ():
            if condition["type"] == "Ready" and condition["status"] == "True":
                at = condition.get("lastTransitionTime")
                self._became_ready = self._moment(at, now) or now
                self.ready = now
                return
        if status.get("phase") in _FAILED_PHASES:
            self.failure = f"it is {status['phase']}: {status.get('message') or 'no message'}"
        elif (pod["metadata"]).get("deletionTimestamp"):
            self.failure = "somebody else deleted it"

    def on_deleted(self) -> None:
        """Record that the pod no longer exists."""
        if not self.done:
            self.failure = "somebody else deleted it"

    def report(self) -> Report:
        """Sum up a pod that is ready."""
        assert self.ready is not None
        assert self._became_ready is not None
        started = self._started or self._init or self.created
        return Report(
            name=self._name,
            scheduled=0.0 if self._init is None else _seconds(self._init, self.created),
            init=_seconds(started, self._init or self.created),
            ready=_seconds(self._became_ready, started),
            full_ready=_seconds(self.ready, started),
            complete=_seconds(self.ready, self.created),
        )

    def _moment(self, text: str | None, seen: datetime) -> datetime | None:
        if not text:
            return None
        at = read_time(text)
        if at is None:
            return seen
        latest = at if at.microsecond else at + timedelta(seconds=1)
        moment = min(seen, latest)
        return moment if moment >= self.created else seen


def read_time(text: str) -> datetime | None:
    """Parse a time as the API server writes it; return None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def report_line(columns: Iterable[float], *, title: str, name: str | None = None) -> str:
    """Format times as pilot-load does.

    Args:
        columns: Seconds in the order of `COLUMNS`.
        title: Text at the beginning of the line.
        name: Name of the pod; None for a line about many.
    """
    texts = [
        f"{column}:{_duration(seconds):<9}"
        for column, seconds in zip(COLUMNS, columns, strict=True)
    ]
    if name is not None:
        texts.append(f"name:{name:<9}")
    return "\t".join([f"{title}:", *texts])


@dataclass(slots=True)
class Totals:
    """The mean and the largest of many reports, column by column."""

    count: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * len(COLUMNS))
    largest: list[float] = field(default_factory=lambda: [0.0] * len(COLUMNS))

    def add(self, report: Report) -> None:
        """Add a report."""
        self.count += 1
        for index, seconds in enumerate(report.columns):
            self.sums[index] += seconds
            self.largest[index] = max(self.largest[index], seconds)

    def text(self) -> str:
        """Format the totals as pilot-load prints them at the end, if there are any."""
        if not self.count:
            return "\nAvg:\tnot measured, as no pod became ready"
        means = [total / max(self.count, 1) for total in self.sums]
        return "\n".join(
            (
                "",
                report_line(means, title="Avg"),
                report_line(self.largest, title="Max"),
                "",
                EXPLANATION,
            )
        )


def unready_text(pods: Mapping[str, PodTimes]) -> str:
    """Name pods that had not become ready when the run ended, with their phases."""
    texts = [f"{name} ({times.phase or 'not seen yet'})" for name, times in pods.items()]
    if len(texts) > _SHOWN:
        texts[_SHOWN:] = [f"and {len(texts) - _SHOWN:,} more"]
    return f"Not ready at the end:\t{', '.join(texts)}"


def _init_start(status: Mapping[str, Any]) -> str | None:
    for container in status.get("initContainerStatuses") or ():
        if container["name"] == _INIT:
            ended = (container.get("state") or {}).get("terminated") or {}
            return ended.get("startedAt")
    return None


def _app_start(pod: Obj, status: Mapping[str, Any]) -> str | None:
    name = _app_name(pod)
    for container in status.get("containerStatuses") or ():
        if container["name"] == name:
            running = (container.get("state") or {}).get("running") or {}
            return running.get("startedAt")
    return None


def _app_name(pod: Obj) -> str:
    """Return the name of the application's container: ``app``, or the first beside the proxy."""
    names = [container["name"] for container in pod["spec"]["containers"]]
    others = [name for name in names if name != _PROXY]
    return _APP if _APP in names else next(iter(others or names))


def _seconds(end: datetime, start: datetime) -> float:
    return max(0.0, (end - start).total_seconds())


def _duration(seconds: float) -> str:
    nanoseconds = round(seconds * 1e9)
    return str(Duration(nanoseconds - nanoseconds % _MILLISECOND))
