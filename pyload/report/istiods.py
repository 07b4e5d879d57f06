"""Adds up the metrics pages of the istiods of a run, from one reading to the next.

Istiod's counters begin at 0 with its process, and a run wants what they grew by in its own time. So
each process is followed by itself, known by where it was read and when it started:

- One that was up before the run is counted from its first page on.
- One that started within the run, such as after a restart or a rollout, is counted from 0.

So counters that go back at a restart, or several processes that take turns at one address, do no
harm. What a process counts after its last page is lost with it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.report.control_plane import ControlPlane
from pyload.report.istiod_sums import by_label, level, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.report.istiod_metrics import IstiodPage, Key

_CPU: Final = ("process_cpu_seconds", "")
_CPU_SECONDS: Final = 2.0
"""Least time over which a use of CPU is computed; the counter has steps of 10 ms."""

_SLACK_SECONDS: Final = 0.5
"""How much two clocks, and the time that a reading takes, may differ."""

_SEND_ERROR: Final = "_senderr"

_REMEMBERED: Final = 10_000
"""Readings whose use is remembered: half a day of them."""

_Process = tuple[str, float | None]


@dataclass(slots=True)
class _Seen:
    """A process of istiod, as of its last page."""

    page: IstiodPage
    # Time of the reading from which the use of CPU is computed next, and the counter then.
    cpu_at: float
    cpu: float | None


@dataclass(frozen=True, slots=True)
class _Use:
    """What all istiods used at one reading, or since the one before."""

    at: float
    cores: float | None
    # Of the busiest, of the cores that it may use.
    share: float | None
    heap: int | None


@dataclass(frozen=True, slots=True)
class IstiodsMark:
    """How far the istiods were at one reading, as the beginning of a span.

    Attributes:
        at: When that was; None before the first.
        grown: What their counters had grown by.
        restarts: How often one of them had started again.
        readings: Readings that had brought something.
        gaps: Readings at which not each of them had answered.
    """

    at: float | None = None
    grown: Mapping[Key, float] = field(default_factory=dict)
    restarts: int = 0
    readings: int = 0
    gaps: int = 0


_BEGIN: Final = IstiodsMark()


class Istiods:
    """The istiods of one run.

    Attributes:
        began: When the run began, in seconds of the clock of all readings; set before the first.
        take_turns: Whether several istiods have answered in turn at one place, such as at the
            address of a Service, so that each reading shows one of them.
        figures: All figures of the run as of the last reading.
    """

    def __init__(self, began: float = 0.0) -> None:
        self.take_turns = False
        self.began = began
        self.figures = ControlPlane()
        self._source = ""
        self._seen: dict[_Process, _Seen] = {}
        # By place: the process that answered last.
        self._processes: dict[str, _Process] = {}
        # Those of the last reading; none if nothing answered.
        self._current: tuple[IstiodPage, ...] = ()
        self._versions: tuple[str, ...] = ()
        self._cores: int | None = None
        self._first: float | None = None
        self._now = _BEGIN
        self._uses: deque[_Use] = deque(maxlen=_REMEMBERED)
        self._most = _Use(0.0, None, None, None)

    def mark(self) -> IstiodsMark:
        """Return how far the istiods were at the last reading."""
        return self._now

    def since(self, mark: IstiodsMark) -> ControlPlane:
        """Return the figures of the time after a mark."""
        if mark.at is None:
            return self.figures
        uses = [use for use in self._uses if use.at > mark.at]
        return self._sum_up(mark, mark.at, _most(uses))

    def missed(self) -> None:
        """Record a reading that brought nothing."""
        self._current = ()
        now = self._now
        self._now = IstiodsMark(now.at, now.grown, now.restarts, now.readings, now.gaps + 1)
        self.figures = self._sum_up(_BEGIN, self._first, self._most)

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
        before, grown = self._now, dict(self._now.grown)
        restarts = sum([self._add(place, page, at, grown) for place, page in pages.items()])
        self._source = source
        self._current = tuple(pages.values())
        self._versions = tuple(sorted({page.version for page in self._current if page.version}))
        self._cores = level(self._current, "go_sched_gomaxprocs_threads")
        self._first = at if self._first is None else self._first
        self._now = IstiodsMark(
            at,
            grown,
            before.restarts + restarts,
            before.readings + 1,
            before.gaps + missing,
        )
        use = self._use(pages, at)
        self._uses.append(use)
        self._most = _most((self._most, use))
        self.figures = self._sum_up(_BEGIN, self._first, self._most)

    def _sum_up(self, since: IstiodsMark, began: float | None, most: _Use) -> ControlPlane:
        """Return the figures of a span that ends now."""
        now, current, had = self._now, self._current, since.grown
        if now.at is None:
            return ControlPlane(gaps=now.gaps)
        grown = {key: count - had.get(key, 0.0) for key, count in now.grown.items()}
        pushes = by_label(grown, "pilot_xds_pushes")
        errors = {label: sent for label, sent in pushes.items() if label.endswith(_SEND_ERROR)}
        internal = grown.get(("pilot_total_xds_internal_errors", ""))
        cpu, span = grown.get(_CPU), now.at - (now.at if began is None else began)
        return ControlPlane(
            source=self._source,
            versions=self._versions,
            istiods=len(current),
            restarts=now.restarts - since.restarts,
            readings=now.readings - since.readings,
            gaps=now.gaps - since.gaps,
            proxies=level(current, "pilot_xds"),
            pushes={label: sent for label, sent in pushes.items() if label not in errors},
            push_errors=sum(errors.values()) if pushes else None,
            triggers=by_label(grown, "pilot_push_triggers"),
            updates=by_label(grown, "pilot_inbound_updates"),
            rejects=by_label(grown, "pilot_total_xds_rejects"),
            internal_errors=None if internal is None else int(internal),
            convergence=time_of(grown, "pilot_proxy_convergence_time"),
            queue=time_of(grown, "pilot_proxy_queue_time"),
            debounce=time_of(grown, "pilot_debounce_time"),
            push_context=time_of(grown, "pilot_pushcontext_init_seconds"),
            push=time_of(grown, "pilot_xds_push_time"),
            send=time_of(grown, "pilot_xds_send_time"),
            services=level(current, "pilot_services"),
            cpu_seconds=cpu,
            cpu_cores=None if cpu is None or span < _CPU_SECONDS else cpu / span,
            cpu_cores_max=most.cores,
            cpu_share_max=most.share,
            cores=self._cores,
            heap_bytes=level(current, "go_memstats_heap_inuse_bytes"),
            heap_bytes_max=most.heap,
            rss_bytes=level(current, "process_resident_memory_bytes"),
            goroutines=level(current, "go_goroutines"),
        )

    def _add(self, place: str, page: IstiodPage, at: float, grown: dict[Key, float]) -> bool:
        """Add what a process has counted since its last page; return whether it is a restart."""
        last = self._processes.get(place)
        process = self._processes[place] = self._process(place, page)
        known = self._seen.get(process)
        self.take_turns |= known is not None and process != last
        is_new = known is None and self._started_in_run(process, last, page, at)
        before: Mapping[Key, float] = {} if is_new else (known.page if known else page).counts
        for key, count in page.counts.items():
            grown[key] = grown.get(key, 0.0) + count - before.get(key, 0.0)
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

    def _use(self, pages: Mapping[str, IstiodPage], at: float) -> _Use:
        """Return what the istiods used since the last reading."""
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
        return _Use(at, total, share, level(self._current, "go_memstats_heap_inuse_bytes"))


def _most(uses: Iterable[_Use]) -> _Use:
    """Return the most of each use; None where none was measured."""
    some = tuple(uses)
    return _Use(
        0.0,
        max((one.cores for one in some if one.cores is not None), default=None),
        max((one.share for one in some if one.share is not None), default=None),
        max((one.heap for one in some if one.heap is not None), default=None),
    )
