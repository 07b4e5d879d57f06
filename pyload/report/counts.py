"""What a run had, by number: proxies, objects and started pods, as parts of its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.report.metrics import Snapshot


@dataclass(frozen=True, slots=True)
class ProxyCounts:
    """The proxies at the end of a run; see `pyload.proxies.counts` for those of a fleet.

    Each that is wanted is either configured, or starting, or unconfigured, or failed.

    Attributes:
        wanted: Proxies that should run.
        connected: Wanted proxies that have a stream.
        configured: Connected proxies that have received every type that they subscribed to.
        reconnects: Streams that were answered after a proxy's first such.
        failed: Wanted proxies that have no stream, and had the time to open one.
        started: Proxies that were ever started.
        starting: Wanted proxies that were never configured and are younger than the p99 of
            `first_config`, or than 5 s where that is less.
        unconfigured: Connected proxies that are not configured, and had the time for it.
    """

    wanted: int = 0
    connected: int = 0
    configured: int = 0
    reconnects: int = 0
    failed: int = 0
    started: int = 0
    starting: int = 0
    unconfigured: int = 0


@dataclass(frozen=True, slots=True)
class StartedPods:
    """The pods that a run has started to see how long they take.

    Attributes:
        started: Pods whose creation was tried.
        ready: Pods that became ready.
        failed: Pods that could not be created, ended before they were ready, or had the time to
            become ready and did not.
        starting: Pods that were started in the last moments.
    """

    started: int = 0
    ready: int = 0
    failed: int = 0
    starting: int = 0


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """Objects in the API server.

    Attributes:
        created: Objects that were created, or taken over.
        updated: Writes that changed an object.
        deleted: Objects that were deleted.
        failed: Writes that failed.
        left: Objects that the clean-up did not remove.
    """

    created: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    left: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot, *, left: int) -> ObjectCounts:
        """Sum up the objects of all kinds."""
        return cls(
            created=snapshot.objects_with("created"),
            updated=snapshot.objects_with("updated"),
            deleted=snapshot.objects_with("deleted"),
            failed=snapshot.objects_with("failed"),
            left=left,
        )
