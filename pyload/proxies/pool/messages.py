"""The messages between a pool and its workers; `pyload.proxies.pool.codec` has their bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyload.proxies.identity import DEFAULT as FULL_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.proxies.behavior import ProxyBehavior
    from pyload.proxies.counts import FleetCounts
    from pyload.proxies.identity import NodeOptions
    from pyload.proxies.late import Late
    from pyload.proxies.spec import ProxySpec
    from pyload.proxies.targets import Target
    from pyload.report.metrics import Snapshot
    from pyload.report.pacing import Pacing
    from pyload.report.spreads import PushCounts
    from pyload.xds.credentials import Principal


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message to a worker: what holds for all of its proxies.

    Attributes:
        delta: Whether the proxies speak delta; a ztunnel always does.
        behavior: How the proxies together behave.
        transport: The kind of transport for their streams, ``lean`` or ``grpc``.
        sources: Local addresses to connect from, by target.
        exclusive: Whether no two proxies share a target.
        levels: Levels of the worker's loggers, by name.
        run_id: The run whose marks are reported.
        node: How the proxies' nodes look.
    """

    delta: bool
    behavior: ProxyBehavior
    transport: str
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exclusive: bool = False
    levels: Mapping[str, int] = field(default_factory=dict)
    run_id: str = ""
    node: NodeOptions = FULL_NODES

    def of_worker(self, number: int, *, workers: int) -> Setup:
        """Return the setup of one of several workers that together are to have this one."""
        return replace(
            self,
            behavior=self.behavior.shared_by(workers),
            # The workers begin at different addresses.
            sources={
                target: (*addresses[at:], *addresses[:at])
                for target, addresses in self.sources.items()
                for at in [number % len(addresses)]
            },
        )


@dataclass(frozen=True, slots=True)
class StartProxy:
    """One proxy to start.

    Attributes:
        number: Identifies the proxy between pool and worker; never used again.
        restarted: Whether it was configured before, in a process that is gone.
        spec: The proxy.
    """

    number: int
    restarted: bool
    spec: ProxySpec


@dataclass(frozen=True, slots=True)
class Start:
    """Start these proxies."""

    proxies: tuple[StartProxy, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop these proxies; a `Stopped` reports that they have."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResolveResponse:
    """The answer to a `ResolveRequest`.

    Attributes:
        number: That of the request.
        target: Where the proxy connects; None if it cannot.
        error: Why it cannot.
        is_certificate_error: Whether it cannot for want of a certificate.
    """

    number: int
    target: Target | None
    error: str = ""
    is_certificate_error: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """Send a `Report` of this serial number now."""

    serial: int


@dataclass(frozen=True, slots=True)
class End:
    """Stop all proxies, and exit."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The first message of a worker: it takes proxies."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The streams of these proxies are closed."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """Asks for the target of a proxy.

    Attributes:
        number: Identifies the request.
        principal: The proxy; without its key if others may use the same target.
    """

    number: int
    principal: Principal


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The proxies that have received the same marks, and when.

    Attributes:
        marks: The numbers of the marks.
        proxies: The proxies.
        times: For each proxy, the microseconds of the monotonic clock.
    """

    marks: tuple[int, ...]
    proxies: tuple[int, ...]
    times: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """Changes within the last moment.

    Attributes:
        configured: Proxies that were configured for the first time.
        died: Proxies that died of an error in pyload.
        counts: The counts of the process.
        arrivals: Marks that proxies have received.
    """

    configured: tuple[int, ...]
    died: tuple[int, ...]
    counts: FleetCounts
    arrivals: tuple[Arrivals, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a worker's process since its start, and its pushes since the last report.

    Attributes:
        serial: The number of the `Refresh` that asked for it; 0 if none did.
        counts: The counts of its proxies.
        snapshot: The measurements of its proxies.
        pacing: How fast its proxies may connect.
        cpu_seconds: CPU time of the process.
        rss_bytes: Its resident memory.
        late: Some of its proxies that are not configured, if a `Refresh` asked for the report.
        pushes: How many proxies got which push when.
    """

    serial: int
    counts: FleetCounts
    snapshot: Snapshot
    pacing: Pacing
    cpu_seconds: float
    rss_bytes: int
    late: tuple[Late, ...] = ()
    pushes: tuple[PushCounts, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record for the log; see `logging.LogRecord`."""

    name: str
    level: int
    created: float
    filename: str
    line: int
    message: str
    labels: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class LogRecords:
    """Records for the log, and how many before them were lost because there were too many."""

    records: tuple[LogRecord, ...]
    lost: int


Message = (
    Setup
    | Start
    | Stop
    | ResolveResponse
    | Refresh
    | End
    | Ready
    | Stopped
    | ResolveRequest
    | StatusUpdate
    | Report
    | LogRecords
)
