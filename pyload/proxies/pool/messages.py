"""The messages between a pool and its workers; `pyload.proxies.pool.codec` has their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.proxies.behavior import ProxyBehavior
    from pyload.proxies.counts import Counts
    from pyload.proxies.spec import ProxySpec
    from pyload.proxies.targets import Target
    from pyload.report.metrics import Snapshot
    from pyload.report.pacing import Pacing


@dataclass(frozen=True, slots=True)
class Setup:
    """The first record to a worker: what holds for all of its proxies.

    Attributes:
        delta: Whether they speak delta.
        behavior: How they behave.
        transport: What carries their streams.
        sources: Local addresses to connect from, by target.
        own_ways: Whether each proxy's way is its own.
        levels: Levels of loggers, by name.
    """

    delta: bool
    behavior: ProxyBehavior
    transport: str
    sources: Mapping[str, tuple[str, ...]]
    own_ways: bool
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StartProxy:
    """One proxy to start.

    Attributes:
        number: Names it between pool and worker; never used again.
        restarted: Whether it has been configured before.
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
    """Stop these proxies; each is answered in a `Stopped`."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResolveResponse:
    """The answer to an `ResolveRequest`.

    Attributes:
        number: That of the request.
        path: The way; None where there is none.
        token: What to show there, or empty.
        error: Why there is none.
        certificate: Whether that is for want of a certificate.
    """

    number: int
    path: Target | None
    token: str = ""
    error: str = ""
    certificate: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """Send a `Report` of this serial number now."""

    serial: int


@dataclass(frozen=True, slots=True)
class End:
    """Stop all proxies and end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The first record of a worker: it takes proxies."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The streams of these proxies are closed."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """Which way does a proxy go, and with which token?

    Attributes:
        number: Identifies the request.
        key: The proxy's.
        address: The one that it would connect to, see `ProxySpec`.
        namespace: Its namespace.
        service_account: Its service account.
        cluster_id: Its cluster.
    """

    number: int
    key: str
    address: str
    namespace: str
    service_account: str
    cluster_id: str


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What has changed within the last moment.

    Attributes:
        configured: Proxies that were configured for the first time.
        died: Proxies that died of an error in pyload.
        counts: What the worker's proxies have come to.
    """

    configured: tuple[int, ...]
    died: tuple[int, ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a worker since its start.

    Attributes:
        serial: Of the `Refresh` that asked for it; 0 for none.
        counts: What its proxies have come to.
        snapshot: What they have measured.
        pacing: How fast they may connect.
        cpu_seconds: CPU time of the process.
        rss_bytes: Its resident memory.
    """

    serial: int
    counts: Counts
    snapshot: Snapshot
    pacing: Pacing
    cpu_seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line for the log; see `logging.LogRecord`."""

    name: str
    level: int
    created: float
    filename: str
    line: int
    message: str
    labels: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class LogRecords:
    """LogRecords for the log, and how many before them were lost because there were too many."""

    lines: tuple[LogRecord, ...]
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
