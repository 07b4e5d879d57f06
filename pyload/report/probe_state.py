"""A probe on its way, and the proxies that it is to reach; see `convergence_tracker`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from pyload.report.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_ONE_POD: Final = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "controller-revision-hash",
        "controller-uid",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""Labels that controllers add, by which nobody selects proxies."""


class Proxy(Protocol):
    """What the tracker knows of a proxy."""

    @property
    def key(self) -> str:
        """Names the proxy within its fleet."""

    @property
    def type(self) -> str:
        """Its node type."""

    @property
    def name(self) -> str:
        """Name of its pod."""

    @property
    def namespace(self) -> str:
        """Namespace of its pod."""

    @property
    def labels(self) -> Mapping[str, str] | None:
        """Labels of its pod, if it shows any."""


@dataclass(slots=True, eq=False)
class ProxyKind:
    """Proxies of one type, namespace and set of labels.

    Attributes:
        size: Proxies that run.
        seen: Whether any of them ever got a probe.
        silent: Whether none did though one had all of its time, so that none is waited for.
        missed: Probes that were not there in time, counted once for each proxy.
    """

    size: int = 0
    seen: bool = False
    silent: bool = False
    missed: int = 0


@dataclass(slots=True, eq=False)
class TrackedProxy:
    """A proxy that runs.

    Attributes:
        proxy: The proxy.
        kind: Its kind.
        last: The last probe that it has seen, or the last one that it is not expected to see.
    """

    proxy: Proxy
    kind: ProxyKind
    last: int


@dataclass(slots=True, eq=False)
class OpenProbe:
    """A probe that has not ended.

    Attributes:
        number: Its number.
        begun: When its write began.
        expected: Proxies that should get it.
        waiting: Of each kind, the proxies that do not have it.
        gaps: Proxies without it that have a later one.
        written: When the API server had taken it; None before.
        early: When proxies got it before the API server had answered.
        withdrawn: Proxies that were stopped before they had it.
        times: How long the others took.
    """

    number: int
    begun: float
    expected: int
    waiting: dict[ProxyKind, int]
    gaps: set[TrackedProxy] = field(default_factory=set)
    written: float | None = None
    early: list[TrackedProxy] = field(default_factory=list)
    withdrawn: int = 0
    times: Histogram = field(default_factory=Histogram)

    @property
    def is_over(self) -> bool:
        """Whether nobody is waited for."""
        return self.written is not None and all(kind.silent for kind in self.waiting)

    def waits_for(self, proxy: TrackedProxy) -> bool:
        """Return whether an expected proxy does not have it."""
        return self.number > proxy.last or proxy in self.gaps

    def drop(self, proxy: TrackedProxy) -> None:
        """Wait for a proxy no more."""
        self.gaps.discard(proxy)
        left = self.waiting[proxy.kind] - 1
        if left:
            self.waiting[proxy.kind] = left
        else:
            del self.waiting[proxy.kind]


def kind_key(proxy: Proxy) -> object:
    """Return what proxies of one kind have in common."""
    labels = (proxy.labels or {}).items()
    return (
        proxy.type,
        proxy.namespace,
        frozenset(one for one in labels if one[0] not in _OF_ONE_POD),
    )
