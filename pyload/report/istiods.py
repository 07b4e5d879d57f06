"""Adds up the metrics pages of the istiods of a run, from one reading to the next.

Istiod's counters begin at 0 with its process, and a run wants what they grew by in its own time. So
each process is followed by itself, known by where it was read and when it started:

- One that was up before the run is counted from its first page on.
- One that started within the run, such as after a restart or a rollout, is counted from 0.

So counters that go back at a restart, or several processes that take turns at one address, do no
harm. What a process counts after its last page is lost with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from pyload.report.control_plane import ControlPlane, IstiodTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.report.istiod_metrics import IstiodPage, Key

_CPU: Final = ("process_cpu_seconds", "")
_CPU_SECONDS: Final = 2.0
"""Least time over which a use of CPU is computed; the counter has steps of 10 ms."""

_SLACK_SECONDS: Final = 0.5
"""How much two clocks, and the time that a reading takes, may differ."""

N = TypeVar("N", int, float)

_SEND_ERROR: Final = "_senderr"
_Process = tuple[str, float | None]


@dataclass(slots=True)
class _Seen:
    """A process of istiod, as of its last page."""

    page: IstiodPage
    # Time of the reading from which the use of CPU is computed next, and the counter then.
    cpu_at: float
    cpu: float | None


class Istiods:
    """The istiods of one run.

    Attributes:
        began: When the run began, in seconds of the clock of all readings; set before the first.
        take_turns: Whether several istiods have answered in turn at one place, such as at the
            address of a Service, so that each reading shows one of them.
    """

    def __init__(self, began: float = 0.0) -> None:
        self.take_turns = False
        self.began = began
        self._seen: dict[_Process, _Seen] = {}
        # By source: the process that answered last.
        self._processes: dict[str, _Process] = {}
        self._current: tuple[IstiodPage, ...] = ()
        self._grown: dict[Key, float] = {}
        self._first: float | None = None
        self._figures = ControlPlane()

    @property
    def figures(self) -> ControlPlane:
        """All figures as of the last reading."""
        return self._figures

    def missed(self) -> None:
        """Record a reading that brought nothing."""
        self._figures = replace(self._figures, gaps=self._figures.gaps + 1)

    def read(
        self, pages: Mapping[str, IstiodPage], *, at: float, source: str, missing: bool = False
    ) -> None:
        """Record a reading.

        Args:
            pages: The page of each istiod that answered, by where it was read. At least one.
            at: When.
            source: Names all of these places.
            missing: Whether others did not answer.
        """
        restarts = sum([self._add(place, page, at) for place, page in pages.items()])
        self._current = tuple(pages.values())
        cores, share = self._cpu_use(pages, at)
        before = self._figures
        pushes = self._by_label("pilot_xds_pushes")
        errors = {label: sent for label, sent in pushes.items() if label.endswith(_SEND_ERROR)}
        internal = self._grown.get(("pilot_total_xds_internal_errors", ""))
        heap = self._level("go_memstats_heap_inuse_bytes")
        cpu = self._grown.get(_CPU)
        self._first = at if self._first is None else self._first
        span = at - self._first
        self._figures = ControlPlane(
            source=source,
            versions=tuple(sorted({page.version for page in self._current if page.version})),
            istiods=len(pages),
            restarts=before.restarts + restarts,
            readings=before.readings + 1,
            gaps=before.gaps + missing,
            proxies=self._level("pilot_xds"),
            pushes={label: sent for label, sent in pushes.items() if label not in errors},
            push_errors=sum(errors.values()) if pushes else None,
            triggers=self._by_label("pilot_push_triggers"),
            updates=self._by_label("pilot_inbound_updates"),
            rejects=self._by_label("pilot_total_xds_rejects"),
            internal_errors=None if internal is None else int(internal),
            convergence=self._time("pilot_proxy_convergence_time"),
            queue=self._time("pilot_proxy_queue_time"),
            debounce=self._time("pilot_debounce_time"),
            push_context=self._time("pilot_pushcontext_init_seconds"),
            push=self._time("pilot_xds_push_time"),
            send=self._time("pilot_xds_send_time"),
            services=self._level("pilot_services"),
            cpu_seconds=cpu,
            cpu_cores=None if cpu is None or span < _CPU_SECONDS else cpu / span,
            cpu_cores_max=_greater(before.cpu_cores_max, cores),
            cpu_share_max=_greater(before.cpu_share_max, share),
            cores=self._level("go_sched_gomaxprocs_threads"),
            heap_bytes=heap,
            heap_bytes_max=_greater(before.heap_bytes_max, heap),
            rss_bytes=self._level("process_resident_memory_bytes"),
            goroutines=self._level("go_goroutines"),
        )

    def _add(self, place: str, page: IstiodPage, at: float) -> bool:
        """Add what a process has counted since its last page; return whether it is a restart."""
        last = self._processes.get(place)
        process = self._processes[place] = self._process(place, page)
        known = self._seen.get(process)
        self.take_turns |= known is not None and process != last
        is_new = known is None and self._started_in_run(process, last, page, at)
        before: Mapping[Key, float] = {} if is_new else (known.page if known else page).counts
        for key, count in page.counts.items():
            self._grown[key] = self._grown.get(key, 0.0) + count - before.get(key, 0.0)
        if known is None:
            self._seen[process] = _Seen(page, at, page.counts.get(_CPU))
        else:
            known.page = page
        return is_new and last is not None

    def _process(self, place: str, page: IstiodPage) -> _Process:
        """Return the process that a page is of."""
        last = self._processes.get(place)
        if page.started is not None or last is None:
            return (place, page.started)
        before = self._seen[last].page.counts
        went_back = any(count < before.get(key, 0.0) for key, count in page.counts.items())
        # Without the time of its start, each process at a place has a number.
        return (place, (last[1] or 0.0) + 1) if went_back else last

    def _started_in_run(
        self, process: _Process, last: _Process | None, page: IstiodPage, at: float
    ) -> bool:
        """Return whether a process that is seen for the first time has started within the run."""
        if page.uptime is not None:
            return page.uptime + _SLACK_SECONDS < at - self.began
        return last is not None and (process[1] or 0.0) > (last[1] or 0.0)

    def _cpu_use(
        self, pages: Mapping[str, IstiodPage], at: float
    ) -> tuple[float | None, float | None]:
        """Return the cores in use since the last reading, and the share of the busiest istiod."""
        total = share = None
        for place, page in pages.items():
            seen = self._seen[self._processes[place]]
            cpu, span = page.counts.get(_CPU), at - seen.cpu_at
            if cpu is None or seen.cpu is None or span < _CPU_SECONDS:
                continue
            used = (cpu - seen.cpu) / span
            seen.cpu, seen.cpu_at = cpu, at
            total = used + (total or 0.0)
            if cores := page.levels.get("go_sched_gomaxprocs_threads"):
                share = max(used / cores, share or 0.0)
        return total, share

    def _level(self, name: str) -> int | None:
        """Add up a gauge of all istiods."""
        values = [page.levels[name] for page in self._current if name in page.levels]
        return int(sum(values)) if values else None

    def _by_label(self, name: str) -> dict[str, int]:
        return {
            label: int(count) for (one, label), count in sorted(self._grown.items()) if one == name
        }

    def _time(self, name: str) -> IstiodTime:
        count = int(self._grown.get((f"{name}_count", ""), 0))
        if not count:
            return IstiodTime()
        buckets = sorted(
            (float(bound), counted)
            for (one, bound), counted in self._grown.items()
            if one == f"{name}_bucket"
        )
        return IstiodTime(
            count=count,
            mean=self._grown[f"{name}_sum", ""] / count,
            p50_at_most=_bound(buckets, 0.5 * count),
            p99_at_most=_bound(buckets, 0.99 * count),
        )


def _bound(buckets: Iterable[tuple[float, float]], rank: float) -> float | None:
    """Return the upper bound of the bucket of a rank; None beyond the last."""
    bound = next((bound for bound, counted in buckets if counted >= rank), math.inf)
    return bound if math.isfinite(bound) else None


def _greater(one: N | None, other: N | None) -> N | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)
