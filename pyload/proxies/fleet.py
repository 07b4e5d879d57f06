"""The interface of a fleet of proxies, wherever they run, and of those who listen to its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from pyload.proxies.counts import FleetCounts
    from pyload.proxies.late import Late
    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Metrics
    from pyload.report.pacing import Pacing
    from pyload.xds.types import Push


class Fleet(Protocol):
    """Many proxies; an async context manager that stops them all when it is left.

    `pyload.proxies.local_fleet` runs them in this process, `pyload.proxies.pool.pool` in others.
    """

    metrics: Metrics

    @property
    def counts(self) -> FleetCounts:
        """How many proxies there are in each state, and were."""
        ...

    @property
    def pacing(self) -> Pacing:
        """How fast proxies may connect."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __len__(self) -> int: ...

    def __contains__(self, key: str) -> bool: ...

    def worker_of(self, key: str) -> int | None:
        """Return the number of the worker process that runs a proxy; None where none does."""
        ...

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy."""
        ...

    def stop(self, key: str) -> Coroutine[Any, Any, bool]:
        """Stop a proxy, and wait until its stream is closed."""
        ...

    async def stop_all(self) -> None:
        """Stop all proxies at the same time; none can start any more."""
        ...

    async def refresh(self) -> None:
        """Bring the counts and the metrics up to this moment."""
        ...

    def learn_version(self, version: str) -> None:
        """Record the control plane's version of Istio, for proxies of which nothing says it.

        Only streams that are opened later claim it.
        """
        ...

    def late(self) -> list[Late]:
        """Return some of the proxies that were not configured at the last refresh."""
        ...

    async def run(self) -> NoReturn:
        """Wait for ever, or until no proxy can run any more, which is an error."""
        ...


class FleetEvents:
    """Hears of the proxies of a fleet; override what matters. No method may block."""

    def on_configured(self, spec: ProxySpec) -> None:
        """Handle a proxy that has its whole configuration for the first time."""

    def on_stopped(self, spec: ProxySpec) -> None:
        """Handle a proxy that is stopped; not called for those that end with their fleet."""

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Handle marks of the fleet's run that a proxy has received.

        A mark is reported once for each proxy, unless the process that ran the proxy died: then the
        next process reports what its first responses show. With workers, a mark is known here up
        to a fifth of a second after `at`.

        Args:
            spec: The proxy.
            numbers: The numbers of the marks, modulo `pyload.xds.marks.RING`.
            at: When the response was handled, in seconds of the monotonic clock, which all
                processes of the machine share.
        """

    def on_died(self, spec: ProxySpec) -> None:
        """Handle a proxy that died of an error in pyload itself."""

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        """Handle a response that a proxy received, where a fleet keeps names and bodies."""


NO_EVENTS: Final = FleetEvents()


class _Listeners(FleetEvents):
    """Passes events on to several listeners."""

    def __init__(self, listeners: tuple[FleetEvents, ...]) -> None:
        self._listeners = listeners

    def on_configured(self, spec: ProxySpec) -> None:
        for one in self._listeners:
            one.on_configured(spec)

    def on_stopped(self, spec: ProxySpec) -> None:
        for one in self._listeners:
            one.on_stopped(spec)

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        for one in self._listeners:
            one.on_marks(spec, numbers, at)

    def on_died(self, spec: ProxySpec) -> None:
        for one in self._listeners:
            one.on_died(spec)

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        for one in self._listeners:
            one.on_push(spec, push)


def heard_by(*listeners: FleetEvents | None) -> FleetEvents:
    """Return one listener for a fleet that passes its events on to several, in their order."""
    present = tuple(one for one in listeners if one is not None)
    if len(present) > 1:
        return _Listeners(present)
    return present[0] if present else NO_EVENTS
