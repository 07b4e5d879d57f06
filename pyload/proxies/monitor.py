"""The state of one proxy of a fleet, and what of it counts.

The client of a proxy knows streams; the fleet wants to know proxies: how many are connected now,
how many ever were, how many came back. A `ProxyMonitor` observes one client and translates. What it
counts "ever" it counts once for each proxy, however often the stream breaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pyload.xds.marks import advance

if TYPE_CHECKING:
    import asyncio

    from pyload.proxies.local_fleet import LocalFleet
    from pyload.proxies.spec import ProxySpec
    from pyload.xds.client import Client
    from pyload.xds.marks import Marks, Seen
    from pyload.xds.types import Received

State = Literal["waiting", "connecting", "connected", "configured", "backoff", "failed"]


NO_STREAM: Final = "no stream"
"""What a proxy lacks that is not connected."""


class StopLatch:
    """Wakes a waiter when the last of some proxies has ended; a countdown latch.

    Args:
        left: The proxies.
        waiter: Gets its result then.

    Attributes:
        left: The proxies that have not ended.
    """

    __slots__ = ("_waiter", "left")

    def __init__(self, left: set[ProxyMonitor], waiter: asyncio.Future[None]) -> None:
        self.left = left
        self._waiter = waiter

    def on_ended(self, proxy: ProxyMonitor) -> None:
        """Handle the end of one of the proxies."""
        self.left.discard(proxy)
        if not self.left and not self._waiter.done():
            self._waiter.set_result(None)


class ProxyMonitor:
    """Counts the events of one proxy; an `Observer` of its client.

    Args:
        spec: The proxy.
        fleet: Its fleet, which holds the counts and the metrics.
        restarted: Whether the proxy was configured before, in a process that is gone, so that
            nothing that is counted once for a proxy is counted again.

    Attributes:
        spec: The proxy.
        client: Its client; to be set before it is started.
        latch: Hears of the proxy's end; None while nothing waits for it.
        over: Whether the proxy has ended.
    """

    __slots__ = (
        "_answered",
        "_cells",
        "_ever_answered",
        "_ever_configured",
        "_ever_connected",
        "_fleet",
        "_marks",
        "_started",
        "_state",
        "client",
        "latch",
        "over",
        "spec",
    )

    def __init__(self, spec: ProxySpec, fleet: LocalFleet, *, restarted: bool) -> None:
        self.spec = spec
        self._fleet = fleet
        # Where its pushes are counted, shared by all proxies of its type.
        self._cells = fleet.metrics.cells_of(spec.type)
        # None after the end, unless it died of an error.
        self._state: State | None = None
        self._enter("waiting")
        # Whether the open stream has brought a response.
        self._answered = False
        self._ever_answered = restarted
        self._ever_connected = restarted
        self._ever_configured = restarted
        self._started = fleet.now()
        # The marks that were reported: an object that most proxies share.
        self._marks: Seen | None = None
        self.client: Client | None = None
        self.latch: StopLatch | None = None
        self.over = False

    @property
    def lack(self) -> str:
        """What the proxy is without, such as ``no stream``; empty if it is configured."""
        if self._state == "configured":
            return ""
        assert self.client is not None
        return (self.client.lack if _is_open(self._state) else "") or NO_STREAM

    @property
    def is_connected(self) -> bool:
        """Whether the proxy has an open stream."""
        return _is_open(self._state)

    def is_starting(self, since: float) -> bool:
        """Return whether the proxy was never configured, and was started after a moment."""
        return not self._ever_configured and self._started > since

    def released(self) -> None:
        """Count its wait for a config from now on: there was nobody to connect to before."""
        self._started = self._fleet.now()

    def stop(self) -> None:
        """Start to close the proxy's stream."""
        assert self.client is not None
        self.client.stop()

    def connecting(self) -> None:
        """Record the beginning of a dial."""
        self._enter("connecting")

    def connected(self, seconds: float) -> None:
        """Record an open stream."""
        self._enter("connected")
        self._fleet.metrics.connect.record(seconds)
        self._answered = False
        if not self._ever_connected:
            self._ever_connected = True
            self._fleet.counts.connected += 1

    def push(self, received: Received) -> None:
        """Record a response."""
        fleet = self._fleet
        if not self._answered:
            self._answered = True
            # A stream that istiod's limiter refuses was open too, for a moment.
            if self._ever_answered:
                fleet.counts.reconnects += 1
                fleet.metrics.reconnect(self.spec.type)
            self._ever_answered = True
            if received.response.control_plane:
                fleet.nodes.learn_identifier(received.response.control_plane)
        response = received.response
        cell = self._cells[response.short_type]
        cell.push(response.size)
        if received.ignored:
            cell.ignored += 1
        elif received.error:
            cell.refused += 1
        if received.unsolicited or response.marks:
            now = fleet.now()
            if received.unsolicited:
                fleet.metrics.push_times.record(
                    response.version, response.short_type, response.size, now
                )
            if response.marks:
                self._report(response.marks, now)
        if fleet.with_resources:
            fleet.events.on_push(self.spec, received.push)

    def _report(self, marks: Marks, now: float) -> None:
        """Report the run's marks that are new: in SotW a mark comes again with every push."""
        numbers, self._marks = advance(self._marks, marks.get(self._fleet.run_id, ()))
        if numbers:
            self._fleet.events.on_marks(self.spec, numbers, now)

    def configured(self, seconds: float) -> None:
        """Record the whole configuration."""
        del seconds  # its dial's; the first config is measured from the start, with all retries
        self._enter("configured")
        if not self._ever_configured:
            self._ever_configured = True
            self._fleet.counts.configured += 1
            self._fleet.metrics.first_config.record(self._fleet.now() - self._started)
            self._fleet.events.on_configured(self.spec)

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        """Record a failed dial or the end of a stream."""
        del detail, retry_in
        self._enter("backoff")
        self._fleet.metrics.disconnect(reason)

    def ended(self, error: BaseException | None) -> None:
        """Record the end of the proxy."""
        if _is_open(self._state):
            self._fleet.metrics.disconnect("local" if error is None else "failed")
        self._fleet.counts.failed += error is not None
        self._fleet.counts.withdrawn += not (error or self._ever_configured)
        # A proxy that died of an error should still run.
        self._enter(None if error is None else "failed")
        self.over = True
        self._fleet.on_ended(self, error)
        if self.latch is not None:
            self.latch.on_ended(self)

    def _enter(self, state: State | None) -> None:
        before, self._state = self._state, state
        if state is before:
            return
        self._fleet.metrics.proxy(self.spec.type, before, state)
        counts = self._fleet.counts
        counts.configured_now += (state == "configured") - (before == "configured")
        counts.connected_now += _is_open(state) - _is_open(before)


def _is_open(state: State | None) -> bool:
    return state in ("connected", "configured")
