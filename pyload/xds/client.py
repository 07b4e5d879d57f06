"""One proxy: keeps a stream to the control plane open and answers what comes in.

Only dialling, sending, waiting and logging happen here. What to send is decided by
`pyload.xds.sotw` and `pyload.xds.delta`, and when to connect again by `pyload.xds.session`. All of
it is callbacks: a proxy that waits holds no task and no timer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import CertificateError, PyloadError, RemoteProtocolError, StreamError
from pyload.xds import session
from pyload.xds.log import Log, Seconds, in_go
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from pyload.timer_heap import Timer, Timers
    from pyload.xds.delta import Delta
    from pyload.xds.messages import Message
    from pyload.xds.sotw import Sotw
    from pyload.xds.transport import Metadata, Stream, Transport
    from pyload.xds.types import Push, Received, TypeUrl

_BROKEN: Final = 13


class Observer(Protocol):
    """Is told what happens to a proxy, as it happens; it must not block."""

    def connecting(self) -> None:
        """A dial begins."""

    def connected(self, seconds: float) -> None:
        """The stream is open, this long after the dial began."""

    def push(self, push: Push) -> None:
        """A response has come; its answer is sent next."""

    def configured(self, seconds: float) -> None:
        """Every type that the proxy wants has come on this stream, this long after its dial."""

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        """A dial has failed or a stream has ended; the next dial begins in so many seconds."""

    def ended(self, error: BaseException | None) -> None:
        """The proxy has ended and its connection is closed; with an error if it died of that."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a proxy reaches its control plane this time.

    Attributes:
        transport: Opens the stream.
        metadata: Headers of the stream, such as a token.
        secure: Whether the stream goes over TLS, where the control plane gives secrets.
    """

    transport: Transport
    metadata: Metadata = ()
    secure: bool = False


def bearer(token: str, cluster_id: str) -> Metadata:
    """Give the headers that carry a token, as Istio's agent sends them."""
    return (("authorization", f"Bearer {token}"), ("clusterid", cluster_id))


class Gate(Protocol):
    """Decides when proxies may dial."""

    def enter(self, client: Client) -> None:
        """Call the client's `dial`, now or when it is its turn."""

    def leave(self, client: Client) -> None:
        """Forget a client that waits."""

    def done(self) -> None:
        """A dial that was let in is over, well or not."""

    def refused(self) -> None:
        """The control plane has refused a stream for the rate of new ones."""

    def served(self) -> None:
        """A new stream has got its first response."""


class Client:
    """Runs one proxy, from `start` until `stop`.

    Args:
        node: Encodes the node, see `pyload.xds.node`; called for each stream.
        name: The proxy's node id, for the log.
        protocol: The proxy's side of the protocol.
        delta: Whether that is delta.
        way: Gives the way to the control plane, for each dial; at once or when it is known. A
            `PyloadError` of it is a failed dial.
        observer: Is told what happens.
        gate: Decides when to dial.
        timers: Keeps the times of waiting.
        clock: Gives the time in seconds.
        rng: Spreads the waits.
        read_delay: Seconds that pass before the proxy reads on after a message, its window closed.
    """

    __slots__ = (
        "_broken",
        "_clock",
        "_delta",
        "_gate",
        "_log",
        "_node",
        "_observer",
        "_protocol",
        "_read_delay",
        "_seen",
        "_session",
        "_stream",
        "_task",
        "_timer",
        "_timers",
        "_way",
    )

    def __init__(
        self,
        *,
        node: Callable[[], bytes],
        name: str,
        protocol: Sotw | Delta,
        delta: bool,
        way: Callable[[], Way | Awaitable[Way]],
        observer: Observer,
        gate: Gate,
        timers: Timers,
        clock: Callable[[], float],
        rng: Random,
        read_delay: float = 0.0,
    ) -> None:
        self._node = node
        self._protocol = protocol
        self._delta = delta
        self._way = way
        self._observer = observer
        self._gate = gate
        self._timers = timers
        self._clock = clock
        self._session = session.Session(rng=rng)
        self._log = Log(name, delta=delta)
        self._read_delay = read_delay
        self._stream: Stream | None = None
        self._task: asyncio.Future[Way] | None = None
        self._timer: Timer | None = None
        self._seen: set[TypeUrl] | None = None
        self._broken: BaseException | None = None

    def start(self) -> None:
        """Begin to connect; from now on the proxy connects again whenever its stream ends."""
        self._gate.enter(self)

    def stop(self) -> None:
        """End the proxy; `Observer.ended` is called once its connection is closed."""
        if self._session.state is session.State.CLOSED:
            return
        connecting = self._session.state is session.State.CONNECTING
        self._session.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if connecting:
            self._gate.done()
        if self._stream is not None:
            self._stream.close()
        elif self._task is not None:
            self._task.cancel()
        else:
            self._gate.leave(self)
            self._finish(None)

    def dial(self) -> None:
        """Connect; for the gate."""
        self._timer = None
        self._session.dial(self._clock())
        self._log.info("Connecting: %s", self._log.ip)
        self._observer.connecting()
        way = self._way()
        if isinstance(way, Way):
            self._open(way)
        else:
            self._task = asyncio.ensure_future(way)
            self._task.add_done_callback(self._known)

    def _known(self, task: asyncio.Future[Way]) -> None:
        """Take the way, once it is known."""
        self._task = None
        error = None if task.cancelled() else task.exception()
        if self._session.state is session.State.CLOSED:
            self._finish(None)
        elif isinstance(error, PyloadError):
            certificate = isinstance(error, CertificateError)
            self._failed(session.CERTIFICATE if certificate else session.TOKEN, str(error))
        elif error is not None:
            self._session.close()
            self._gate.done()
            self._finish(error)
        else:
            self._open(task.result())

    def _open(self, way: Way) -> None:
        self._protocol.secrets = way.secure
        method = DELTA_METHOD if self._delta else SOTW_METHOD
        self._stream = way.transport.open(method, metadata=way.metadata, sink=self)

    # The stream's sink.

    def opened(self) -> None:
        """Take an open stream: begin the protocol."""
        if self._session.state is session.State.CLOSED:
            return
        self._gate.done()
        seconds = self._session.opened(self._clock())
        self._log.info("Connected: %s in %s", self._log.ip, Seconds(seconds))
        self._observer.connected(seconds)
        if self._delta:
            self._log.plain("sending initial watches")
        self._seen = set()
        try:
            for request in self._protocol.start(self._node()):
                self._send(request)
        except Exception as error:  # noqa: BLE001 - a bug of ours ends this proxy, not its loop
            self._break(error)

    def message(self, message: Message) -> None:
        """Take a message of the control plane, and answer it."""
        if self._session.state is session.State.CLOSED or self._broken is not None:
            return
        try:
            received = self._protocol.receive(message)
            self._take(received)
            for request in received.send:
                self._send(request)
        except Exception as error:  # noqa: BLE001 - `closed` tells the peer's faults from our own
            self._break(error)
            return
        if self._read_delay:
            self._pause()

    def closed(self, status: Status) -> None:
        """Take the end of the stream, or of the dial."""
        self._stream = None
        self._seen = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        broken, self._broken = self._broken, None
        if broken is not None and not isinstance(broken, RemoteProtocolError):
            self._session.close()
            self._finish(broken)
        elif self._session.state is session.State.CLOSED:
            self._log.info("Closing: %s", self._log.ip)
            self._finish(None)
        elif self._session.state is session.State.CONNECTING:
            error = StreamError(code=status.code, name=status.name, message=status.message)
            self._failed(session.reason_failed(error), f"stream: {in_go(error)}")
        else:
            self._ended(status, broken)

    def _ended(self, status: Status, broken: RemoteProtocolError | None) -> None:
        if broken is not None:
            reason, detail = session.PROTOCOL, str(broken)
        else:
            error = StreamError(code=status.code, name=status.name, message=status.message)
            reason, detail = session.reason_ended(error), in_go(error)
        self._log.ended(detail)
        self._log.info("Closing: %s", self._log.ip)
        if reason == session.REFUSED:
            # istiod's limiter refuses streams that were open for a moment.
            self._gate.refused()
        wait = self._session.ended(reason)
        self._observer.disconnected(reason, detail, wait)
        self._log.info("Disconnected: %s, retrying in %s", self._log.ip, Seconds(wait))
        self._timer = self._timers.call_later(wait, self._again)

    def _failed(self, reason: str, detail: str) -> None:
        self._gate.done()
        if reason == session.REFUSED:
            self._gate.refused()
        wait = self._session.failed()
        self._log.info("Error in ADS connection: %s", detail)
        self._observer.disconnected(reason, detail, wait)
        self._timer = self._timers.call_later(wait, self._retry)

    def _retry(self) -> None:
        if self._log.on:
            wait = self._session.waited
            self._log.info("Starting retry %d after %s", self._session.failures, Seconds(wait))
        self._again()

    def _again(self) -> None:
        self._timer = None
        self._gate.enter(self)

    def _break(self, error: BaseException) -> None:
        """Leave a stream whose messages cannot be handled."""
        self._broken = error
        if self._stream is not None:
            self._stream.close(Status(_BROKEN, "INTERNAL", str(error)))

    def _finish(self, error: BaseException | None) -> None:
        self._log.info("Context closed, exiting stream")
        self._observer.ended(error)

    def _send(self, request: bytes) -> None:
        if self._stream is not None:
            self._stream.send(request)

    def _take(self, received: Received) -> None:
        push = received.push
        assert push is not None
        assert self._seen is not None
        if not push.error:
            self._session.updated()
            if not self._seen:
                self._gate.served()
            if push.type_url not in self._seen:
                self._seen.add(push.type_url)
                if self._log.on:
                    self._log.first(push.type_url, self._session.elapsed(self._clock()))
        if received.unmatched:
            self._log.unmatched(push.type_url, received.unmatched)
        self._observer.push(push)
        if self._session.state is session.State.CONNECTED and self._protocol.configured:
            self._observer.configured(self._session.configured(self._clock()))

    def _pause(self) -> None:
        if self._stream is not None and self._timer is None:
            self._stream.pause()
            self._timer = self._timers.call_later(self._read_delay, self._resume)

    def _resume(self) -> None:
        self._timer = None
        if self._stream is not None:
            self._stream.resume()
