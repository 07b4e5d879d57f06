"""One proxy of a fleet: what has become of it, and what of that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pyload.xds.types import short

if TYPE_CHECKING:
    import asyncio

    from pyload.proxies.local_fleet import LocalFleet
    from pyload.proxies.spec import ProxySpec
    from pyload.xds.client import Client
    from pyload.xds.types import Push

State = Literal["waiting", "connecting", "connected", "configured", "backoff", "failed"]


class StopLatch:
    """Wakes a waiter when the last of some proxies has ended.

    Args:
        left: They.
        waiter: Gets its result then.

    Attributes:
        left: Those that have not ended.
    """

    __slots__ = ("_waiter", "left")

    def __init__(self, left: set[ProxyMonitor], waiter: asyncio.Future[None]) -> None:
        self.left = left
        self._waiter = waiter

    def ended(self, proxy: ProxyMonitor) -> None:
        """Take the end of one of them."""
        self.left.discard(proxy)
        if not self.left and not self._waiter.done():
            self._waiter.set_result(None)


class ProxyMonitor:
    """Counts what happens to one proxy; the observer of its client.

    Args:
        spec: The proxy.
        fleet: Its fleet.
        again: Whether it has been configured before, in a process that is gone.

    Attributes:
        spec: The proxy.
        client: Its client; to be set before anything happens.
        last: Whom to tell of its end too.
        over: Whether it has ended.
    """

    __slots__ = (
        "_answered",
        "_ever_answered",
        "_ever_configured",
        "_ever_connected",
        "_fleet",
        "_started",
        "_state",
        "client",
        "last",
        "over",
        "spec",
    )

    def __init__(self, spec: ProxySpec, fleet: LocalFleet, *, again: bool) -> None:
        self.spec = spec
        self._fleet = fleet
        self._state: State | None = None
        self._enter("waiting")
        self._answered = False
        self._ever_answered = again
        self._ever_connected = again
        self._ever_configured = again
        self._started = fleet.now()
        self.client: Client | None = None
        self.last: StopLatch | None = None
        self.over = False

    def stop(self) -> None:
        """Begin to close its stream."""
        assert self.client is not None
        self.client.stop()

    def connecting(self) -> None:
        """Take the beginning of a dial."""
        self._enter("connecting")

    def connected(self, seconds: float) -> None:
        """Take an open stream."""
        self._enter("connected")
        self._fleet.metrics.connect.record(seconds)
        self._answered = False
        if not self._ever_connected:
            self._ever_connected = True
            self._fleet.counts.connected += 1

    def push(self, push: Push) -> None:
        """Take a push."""
        fleet = self._fleet
        if not self._answered:
            self._answered = True
            # A stream that istiod's limiter refuses was open too, for a moment.
            if self._ever_answered:
                fleet.counts.reconnects += 1
                fleet.metrics.reconnect(self.spec.type)
            self._ever_answered = True
        fleet.metrics.push(self.spec.type, short(push.type_url), push.size)
        if fleet.observer is not None:
            fleet.observer(self.spec, push)

    def configured(self, seconds: float) -> None:
        """Take the whole configuration."""
        del seconds  # its dial's; the first config is measured from the start, with all retries
        self._enter("configured")
        if not self._ever_configured:
            self._ever_configured = True
            self._fleet.counts.configured += 1
            self._fleet.metrics.first_config.record(self._fleet.now() - self._started)
            self._fleet.first_configured(self.spec)

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        """Take the end of a stream, or of a dial."""
        del detail, retry_in
        self._enter("backoff")
        self._fleet.metrics.disconnect(reason)

    def ended(self, error: BaseException | None) -> None:
        """Take its own end."""
        if _is_open(self._state):
            self._fleet.metrics.disconnect("local" if error is None else "failed")
        self._fleet.counts.failed += error is not None
        self._fleet.counts.withdrawn += not (error or self._ever_configured)
        # A proxy that died of an error should still run.
        self._enter(None if error is None else "failed")
        self.over = True
        self._fleet.forget(self, error)
        if self.last is not None:
            self.last.ended(self)

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
