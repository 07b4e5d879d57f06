"""The counters of a run, cheap to count and bounded in size.

The parts of a run call `Metrics` as things happen. `Metrics.snapshot` returns a frozen copy, to
which the snapshots of worker processes are added; progress, Prometheus and the result read that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Protocol

from pyload.report.histogram import Histogram
from pyload.report.spreads import PushTimes, Spreads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_LABELS: Final = 100
"""Most different labels of one counter; later ones are counted as `OTHER`."""

OTHER: Final = "other"

MAIN: Final = "main"
"""Name of the process that leads a run; its workers have numbers."""


_STATES: Final = frozenset({"proxies", "worker_rss", "caches"})
"""The parts of a snapshot that go up and down."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters at one moment.

    Attributes:
        proxies: Proxies by node type and state; each is in one state. All of them are wanted, and
            those that are ``connected`` or ``configured`` have a stream.
        pushes: Pushes received, by short type such as ``cds``.
        push_bytes: Size of the pushes in bytes, by short type.
        acknowledged: Pushes that were answered with an ACK, by short type.
        refused: Pushes that were answered with a NACK, by short type.
        disconnects: Streams that ended, by reason.
        reconnects: Streams that were answered after a proxy's first such, by node type.
        objects: Writes to the API server, by kind and result: ``created``, ``updated``,
            ``deleted`` or ``failed``.
        churn: Changes of the running mesh, by what was changed (``workloads``, ``configs`` or
            ``secrets``) and result: ``done``, ``failed``, ``idle`` where there was nothing to
            change, or ``dropped`` because another change was under way.
        first_config: Time from a proxy's start until it had every type that it subscribed to.
        connect: Time to open a stream.
        loop_lag: How late the event loops were.
        cpu_shares: Of each process that has proxies or leads the others, by its name: which share
            of a core it used, for each second.
        machine_share: Which share of all cores the machine used, for each second.
        dial_queue: How many proxies waited for their turn to dial, for each second.
        api_writes: Time from sending a write to the API server until its answer.
        api_refusals: Answers of the API server that ask to come again later, by status.
        worker_cpu: CPU seconds of each worker process, by its number.
        worker_rss: Resident memory of each worker in bytes.
        worker_restarts: How often each worker was started again.
        caches: Bytes that are kept of received configuration, by cache: ``messages``,
            ``responses`` or ``resources``.
        spread_p50: Time from the first proxy of a push until half of its proxies had it.
        spread_p99: The same for 99 % of them.
        spread_last: The same for all of them.
        spread_proxies: How many proxies a push reached, in units of `pyload.report.spread.ONE`.
        spread_bytes: Size of a push, for all of its proxies together, in the same unit.
        stragglers: Proxies that got a push long after all others, by its short type.
    """

    proxies: Mapping[tuple[str, str], int]
    pushes: Mapping[str, int]
    push_bytes: Mapping[str, int]
    disconnects: Mapping[str, int]
    objects: Mapping[tuple[str, str], int]
    churn: Mapping[tuple[str, str], int]
    first_config: Histogram
    connect: Histogram
    loop_lag: Histogram
    cpu_shares: Mapping[str, Histogram] = field(default_factory=dict)
    machine_share: Histogram = field(default_factory=Histogram)
    dial_queue: Histogram = field(default_factory=Histogram)
    api_writes: Histogram = field(default_factory=Histogram)
    api_refusals: Mapping[str, int] = field(default_factory=dict)
    reconnects: Mapping[str, int] = field(default_factory=dict)
    worker_cpu: Mapping[str, float] = field(default_factory=dict)
    worker_rss: Mapping[str, int] = field(default_factory=dict)
    worker_restarts: Mapping[str, int] = field(default_factory=dict)
    caches: Mapping[str, int] = field(default_factory=dict)
    spread_p50: Histogram = field(default_factory=Histogram)
    spread_p99: Histogram = field(default_factory=Histogram)
    spread_last: Histogram = field(default_factory=Histogram)
    spread_proxies: Histogram = field(default_factory=Histogram)
    spread_bytes: Histogram = field(default_factory=Histogram)
    stragglers: Mapping[str, int] = field(default_factory=dict)
    acknowledged: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)

    def merged(self, others: Sequence[Snapshot]) -> Snapshot:
        """Return the sum of this and other snapshots."""
        if not others:
            return self
        names = [one.name for one in fields(self)]
        return Snapshot(
            **{name: _sum([getattr(one, name) for one in (self, *others)]) for name in names}
        )

    def since(self, earlier: Snapshot) -> Snapshot:
        """Return what was counted after an earlier snapshot of the same run.

        How many proxies there are and how much memory is used stays as it is now.
        """
        return Snapshot(
            **{
                one.name: getattr(self, one.name)
                if one.name in _STATES
                else _difference(getattr(self, one.name), getattr(earlier, one.name))
                for one in fields(self)
            }
        )

    def objects_with(self, result: str) -> int:
        """Count the writes of all kinds with one result."""
        return sum(count for (_, one), count in self.objects.items() if one == result)


class PushCell:
    """The pushes of one short type to proxies of one node type, counted by who handles them.

    Attributes:
        pushes: How many there were.
        bytes: Their size.
        refused: Those that were answered with a NACK.
        ignored: Those that were not answered. All others were acknowledged.
    """

    __slots__ = ("bytes", "ignored", "pushes", "refused")

    def __init__(self) -> None:
        self.pushes = self.bytes = self.refused = self.ignored = 0

    def push(self, size: int) -> None:
        """Count a push of a length in bytes."""
        self.pushes += 1
        self.bytes += size


class PushCells(dict[str, PushCell]):
    """The cells of one node type by short type such as ``cds``, each made when it is first used.

    Args:
        proxy_type: The node type.
        cells: The cells of all types, of which the last is that of `OTHER`.
    """

    def __init__(self, proxy_type: str, cells: dict[tuple[str, str], PushCell]) -> None:
        super().__init__()
        self._proxy_type = proxy_type
        self._all = cells

    def __missing__(self, short_type: str) -> PushCell:
        key = (self._proxy_type, short_type)
        if key not in self._all and len(self._all) >= MAX_LABELS:
            # Not kept here: there may be any number of such types.
            return self._all.setdefault((OTHER, OTHER), PushCell())
        cell = self[short_type] = self._all.setdefault(key, PushCell())
        return cell


class Part(Protocol):
    """Counts for itself, such as processes that do a part of the run."""

    def snapshot(self) -> Snapshot:
        """Return the counters of this moment."""
        ...


class Metrics:
    """Counts what happens in a run.

    Attributes:
        caches: Returns `Snapshot.caches`; set by a fleet that runs in this process.
        api_writes: As in a snapshot; a client's own, once there is one.
        api_refusals: Likewise.
        push_times: Counts when the proxies of this process get a push.
        spreads: Adds up what that and the workers have counted.
        cells: Where pushes are counted, by the node type of the proxies and the short type of the
            resources.
    """

    def __init__(self) -> None:
        self.caches: Callable[[], Mapping[str, int]] = dict
        self._parts: list[Part] = []
        self.push_times = PushTimes()
        self.spreads = Spreads()
        self.first_config = Histogram()
        self.connect = Histogram()
        self.loop_lag = Histogram()
        self.cpu_share = Histogram()
        self.machine_share = Histogram()
        self.dial_queue = Histogram()
        self.api_writes = Histogram()
        self.api_refusals: Counter[str] = Counter()
        self._proxies: Counter[tuple[str, str]] = Counter()
        self.cells: dict[tuple[str, str], PushCell] = {}
        self._cells_of: dict[str, PushCells] = {}
        self._disconnects: Counter[str] = Counter()
        self._reconnects: Counter[str] = Counter()
        self._objects: Counter[tuple[str, str]] = Counter()
        self._churn: Counter[tuple[str, str]] = Counter()

    def proxy(self, type_: str, before: str | None, after: str | None) -> None:
        """Count a proxy in another state.

        Args:
            type_: Node type, such as ``sidecar``.
            before: The state that the proxy leaves; None for a new proxy.
            after: The state that it enters; None for a proxy that is gone.
        """
        if before is not None:
            self._proxies[type_, before] -= 1
        if after is not None:
            self._proxies[type_, after] += 1

    def cells_of(self, proxy_type: str) -> PushCells:
        """Return where the pushes to proxies of a node type are counted, by their short type."""
        found = self._cells_of.get(proxy_type)
        if found is None:
            found = self._cells_of[proxy_type] = PushCells(proxy_type, self.cells)
        return found

    def disconnect(self, reason: str) -> None:
        """Count a stream that ended, under a short reason such as ``unavailable``."""
        if reason not in self._disconnects and len(self._disconnects) >= MAX_LABELS:
            reason = OTHER
        self._disconnects[reason] += 1

    def reconnect(self, type_: str) -> None:
        """Count a stream that was answered after the first such of a proxy of some node type."""
        self._reconnects[type_] += 1

    def object(self, kind: str, result: str) -> None:
        """Count a write to the API server.

        Args:
            kind: Kind of the object, such as ``Pod``.
            result: ``created``, ``updated``, ``deleted`` or ``failed``.
        """
        self._objects[kind, result] += 1

    def churn(self, what: str, result: str, count: int = 1) -> None:
        """Count changes of the running mesh.

        Args:
            what: ``workloads``, ``configs`` or ``secrets``.
            result: ``done``, ``failed``, ``idle`` or ``dropped``.
            count: Number of changes.
        """
        if count:
            self._churn[what, result] += count

    def attach(self, part: Part) -> None:
        """Add the counters of a part to all snapshots from now on."""
        self._parts.append(part)

    def close_spreads(self) -> None:
        """Count the pushes that are on their way as they are; to be called at the end of a run."""
        self.spreads.add(self.push_times.drain())
        self.spreads.finish()

    def snapshot(self) -> Snapshot:
        """Return the counters of this moment, which later calls do not change."""
        spreads = self.spreads
        spreads.add(self.push_times.drain())
        own = Snapshot(
            proxies=dict(self._proxies),
            pushes=self._by_type(lambda cell: cell.pushes),
            push_bytes=self._by_type(lambda cell: cell.bytes),
            acknowledged=self._by_type(lambda cell: cell.pushes - cell.refused - cell.ignored),
            refused=self._by_type(lambda cell: cell.refused),
            disconnects=dict(self._disconnects),
            reconnects=dict(self._reconnects),
            objects=dict(self._objects),
            churn=dict(self._churn),
            first_config=self.first_config.copy(),
            connect=self.connect.copy(),
            loop_lag=self.loop_lag.copy(),
            cpu_shares={MAIN: self.cpu_share.copy()},
            machine_share=self.machine_share.copy(),
            dial_queue=self.dial_queue.copy(),
            api_writes=self.api_writes.copy(),
            api_refusals=dict(self.api_refusals),
            caches=self.caches(),
            spread_p50=spreads.p50.copy(),
            spread_p99=spreads.p99.copy(),
            spread_last=spreads.last.copy(),
            spread_proxies=spreads.proxies.copy(),
            spread_bytes=spreads.bytes.copy(),
            stragglers=dict(spreads.stragglers),
        )
        return own.merged([part.snapshot() for part in self._parts])

    def _by_type(self, count: Callable[[PushCell], int]) -> dict[str, int]:
        """Add up a count of the cells that is not 0, by the short types."""
        totals: dict[str, int] = {}
        for (_, short_type), cell in self.cells.items():
            if found := count(cell):
                totals[short_type] = totals.get(short_type, 0) + found
        return totals


def _sum(values: Sequence[Any]) -> Any:
    """Add up one field of several snapshots."""
    if isinstance(values[0], Histogram):
        total = values[0].copy()
        for value in values[1:]:
            total.merge(value)
        return total
    totals: dict[Any, Any] = {}
    for value in values:
        for key, count in value.items():
            if isinstance(count, Histogram):
                totals[key] = _sum([totals.get(key, Histogram()), count])
            else:
                totals[key] = totals.get(key, 0) + count
    return totals


def _difference(later: Any, earlier: Any) -> Any:
    """Subtract an earlier value of a field of a snapshot."""
    if isinstance(later, Histogram):
        return later.minus(earlier)
    return {
        key: count.minus(earlier.get(key, Histogram()))
        if isinstance(count, Histogram)
        else count - earlier.get(key, 0)
        for key, count in later.items()
    }
