"""One proxy: keeps a stream to the control plane open and answers what comes in.

A client goes round one circle for as long as its proxy lives: it waits for its turn at the
scheduler, resolves its channel, dials, answers what the control plane sends, and, when the stream
ends, waits before it goes round again. Each step is a callback of the one before, so that a proxy
that waits for the control plane holds no task and no timer: ten thousand of them would cost more
than the protocol.

The client only dials, sends, waits and logs. `pyload.xds.sotw` and `pyload.xds.delta` decide what
to send, and `pyload.xds.session` when to connect again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import CertificateError, PyloadError, RemoteProtocolError, StreamError
from pyload.xds import session as sessions
from pyload.xds.log import Log, Seconds, in_go
from pyload.xds.session import State
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.timer_heap import Timer, TimerHeap
    from pyload.xds.messages import Message
    from pyload.xds.session import Session
    from pyload.xds.subscriptions import Subscriptions
    from pyload.xds.transport import Metadata, Stream, Transport
    from pyload.xds.types import Received, TypeUrl

_BROKEN: Final = 13


class Observer(Protocol):
    """Hears of the events of one proxy, as they happen; no method may block."""

    def connecting(self) -> None:
        """Handle the beginning of a dial."""

    def connected(self, seconds: float) -> None:
        """Handle an open stream, `seconds` after its dial began."""

    def push(self, received: Received) -> None:
        """Handle a response; its answer is sent afterwards."""

    def configured(self, seconds: float) -> None:
        """Handle the last missing type of a stream, `seconds` after its dial began."""

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        """Handle a failed dial or the end of a stream; the proxy waits `retry_in` seconds."""

    def ended(self, error: BaseException | None) -> None:
        """Handle the end of the proxy, its connection closed; `error` if one killed it."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How a control plane is reached in one dial.

    Attributes:
        transport: Opens the stream.
        metadata: Headers of the stream, such as a token.
        secure: Whether the stream goes over TLS; only there does the control plane send secrets.
    """

    transport: Transport
    metadata: Metadata = ()
    secure: bool = False


def bearer(token: str, cluster_id: str) -> Metadata:
    """Return the headers that carry a token, as Istio's agent sends them."""
    return (("authorization", f"Bearer {token}"), ("clusterid", cluster_id))


class Scheduler(Protocol):
    """Decides when proxies may dial; see `pyload.proxies.dial_scheduler`.

    Attributes:
        timers: Holds the waits of its clients.
        clock: Returns the time in seconds.
    """

    timers: TimerHeap
    clock: Callable[[], float]

    def enqueue(self, client: Client) -> None:
        """Call the client's `dial` when it is its turn, which may be now."""

    def withdraw(self, client: Client) -> None:
        """Forget a client that waits."""

    def dial_ended(self) -> None:
        """Record that a dial has succeeded, failed or been given up."""

    def stream_refused(self) -> None:
        """Record that the control plane refused a stream for the rate of new ones."""

    def stream_served(self) -> None:
        """Record the first response of a stream."""

    def drain(self, client: Client) -> None:
        """Call the client's `drained` when listeners have drained that begin to do so now."""


class Client:
    """Runs one proxy, from `start` until `stop`.

    Args:
        node: Encodes the node in two parts, of which others share the second, see
            `pyload.xds.node`; called for each stream.
        name: The proxy's node id, for the log.
        protocol: The proxy's side of the protocol.
        resolve: Returns the channel of the next dial, at once or as an awaitable. A `PyloadError`
            of the awaitable is a failed dial.
        observer: Hears of the proxy's events.
        scheduler: Decides when to dial, and keeps the time.
        session: When it dials, and how long it waits before.
        read_delay: Seconds for which the proxy stops reading after each message.
    """

    __slots__ = (
        "_broken",
        "_log",
        "_node",
        "_observer",
        "_protocol",
        "_read_delay",
        "_resolve",
        "_scheduler",
        "_seen",
        "_session",
        "_stream",
        "_task",
        "_timer",
    )

    def __init__(
        self,
        *,
        node: Callable[[], tuple[bytes, bytes]],
        name: str,
        protocol: Subscriptions,
        resolve: Callable[[], Channel | Awaitable[Channel]],
        observer: Observer,
        scheduler: Scheduler,
        session: Session,
        read_delay: float = 0.0,
    ) -> None:
        self._node = node
        self._protocol = protocol
        self._resolve = resolve
        self._observer = observer
        self._scheduler = scheduler
        self._session = session
        self._log = Log(name, delta=protocol.delta)
        self._read_delay = read_delay
        self._stream: Stream | None = None
        # Resolves the channel.
        self._task: asyncio.Future[Channel] | None = None
        # Of the wait before the next dial, and in an open stream of a slow reader's pause.
        self._timer: Timer | None = None
        # Types received on the open stream; None without one.
        self._seen: set[TypeUrl] | None = None
        # The error for which this side is closing the stream.
        self._broken: BaseException | None = None

    @property
    def lack(self) -> str:
        """What the open stream has to bring before the proxy is configured; empty for nothing."""
        return self._protocol.lack

    def start(self) -> None:
        """Start to connect; the proxy connects again whenever its stream ends, until `stop`."""
        self._scheduler.enqueue(self)

    def stop(self) -> None:
        """End the proxy; `Observer.ended` is called once its connection is closed."""
        if self._session.state is State.CLOSED:
            return
        connecting = self._session.state is State.CONNECTING
        self._session.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if connecting:
            self._scheduler.dial_ended()
        if self._stream is not None:
            self._stream.close()
        elif self._task is not None:
            # A turn later: a task that never began would drop coroutines that it was to await.
            asyncio.get_running_loop().call_soon(self._task.cancel)
        else:
            self._scheduler.withdraw(self)
            self._finish(None)

    def dial(self) -> None:
        """Connect; called by the scheduler."""
        self._timer = None
        self._session.dial(self._scheduler.clock())
        self._log.info("Connecting: %s", self._log.ip)
        self._observer.connecting()
        channel = self._resolve()
        if isinstance(channel, Channel):
            self._open(channel)
        else:
            self._task = asyncio.ensure_future(channel)
            self._task.add_done_callback(self._resolved)

    def _resolved(self, task: asyncio.Future[Channel]) -> None:
        """Open a stream on the channel, unless there is none or the proxy was stopped."""
        self._task = None
        error = None if task.cancelled() else task.exception()
        if self._session.state is State.CLOSED:
            self._finish(None)
        elif isinstance(error, PyloadError):
            certificate = isinstance(error, CertificateError)
            self._failed(sessions.CERTIFICATE if certificate else sessions.TOKEN, str(error))
        elif error is not None:
            self._session.close()
            self._scheduler.dial_ended()
            self._finish(error)
        else:
            self._open(task.result())

    def _open(self, channel: Channel) -> None:
        self._protocol.secrets = channel.secure
        method = DELTA_METHOD if self._protocol.delta else SOTW_METHOD
        self._stream = channel.transport.open(method, metadata=channel.metadata, sink=self)

    # The stream's sink.

    def opened(self) -> None:
        """Begin the protocol on an open stream."""
        if self._session.state is State.CLOSED:
            return
        self._scheduler.dial_ended()
        seconds = self._session.opened(self._scheduler.clock())
        self._log.info("Connected: %s in %s", self._log.ip, Seconds(seconds))
        self._observer.connected(seconds)
        if self._protocol.delta:
            self._log.plain("sending initial watches")
        self._seen = set()
        try:
            for request in self._protocol.start(*self._node()):
                self._send(request)
        except Exception as error:  # noqa: BLE001 - a bug of ours ends this proxy, not its loop
            self._break(error)

    def message(self, message: Message) -> None:
        """Handle a message of the control plane, and answer it."""
        if self._session.state is State.CLOSED or self._broken is not None:
            return
        try:
            received = self._protocol.receive(message)
            self._record(received)
            if self._stream is not None:
                for request in received.send:
                    self._stream.send(request)
            if received.draining:
                self._scheduler.drain(self)
        except Exception as error:  # noqa: BLE001 - `closed` tells the peer's faults from our own
            self._break(error)
            return
        if self._read_delay:
            self._pause()

    def drained(self) -> None:
        """End the oldest drain of listeners; called by the scheduler."""
        # Without a stream nothing is sent: the next one asks for the names that are left anyway.
        self._send_all(self._protocol.drained())

    def stop_waiting(self) -> None:
        """Ask for what waits for endpoints, as an Envoy would never do."""
        self._send_all(self._protocol.stop_waiting())

    def closed(self, status: Status) -> None:
        """Handle the end of the stream, or a failed dial."""
        self._stream = None
        self._seen = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        broken, self._broken = self._broken, None
        if broken is not None and not isinstance(broken, RemoteProtocolError):
            self._session.close()
            self._finish(broken)
        elif self._session.state is State.CLOSED:
            self._log.info("Closing: %s", self._log.ip)
            self._finish(None)
        elif self._session.state is State.CONNECTING:
            error = StreamError(code=status.code, name=status.name, message=status.message)
            self._failed(sessions.reason_failed(error), f"stream: {in_go(error)}")
        else:
            self._ended(status, broken)

    def _ended(self, status: Status, broken: RemoteProtocolError | None) -> None:
        if broken is not None:
            reason, detail = sessions.PROTOCOL, str(broken)
        else:
            error = StreamError(code=status.code, name=status.name, message=status.message)
            reason, detail = sessions.reason_ended(error), in_go(error)
        self._log.ended(detail)
        self._log.info("Closing: %s", self._log.ip)
        if reason == sessions.RATE_LIMITED:
            # istiod's limiter refuses streams that were open for a moment.
            self._scheduler.stream_refused()
        wait = self._session.ended(reason, refused=not status.broken)
        self._observer.disconnected(reason, detail, wait)
        self._log.info("Disconnected: %s, retrying in %s", self._log.ip, Seconds(wait))
        self._timer = self._scheduler.timers.call_later(wait, self._wait_for_turn)

    def _failed(self, reason: str, detail: str) -> None:
        self._scheduler.dial_ended()
        if reason == sessions.RATE_LIMITED:
            self._scheduler.stream_refused()
        wait = self._session.failed()
        self._log.info("Error in ADS connection: %s", detail)
        self._observer.disconnected(reason, detail, wait)
        self._timer = self._scheduler.timers.call_later(wait, self._retry)

    def _retry(self) -> None:
        if self._log.on:
            wait = self._session.waited
            self._log.info("Starting retry %d after %s", self._session.failures, Seconds(wait))
        self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        self._timer = None
        self._scheduler.enqueue(self)

    def _break(self, error: BaseException) -> None:
        """Close a stream whose messages cannot be handled."""
        self._broken = error
        if self._stream is not None:
            self._stream.close(Status(_BROKEN, "INTERNAL", str(error)))

    def _finish(self, error: BaseException | None) -> None:
        self._log.info("Context closed, exiting stream")
        self._observer.ended(error)

    def _send_all(self, requests: list[bytes]) -> None:
        """Send requests that answer nothing, if there is a stream."""
        if self._seen is not None and self._broken is None:
            for request in requests:
                self._send(request)

    def _send(self, request: bytes) -> None:
        if self._stream is not None:
            self._stream.send(request)

    def _record(self, received: Received) -> None:
        assert self._seen is not None
        type_url = received.response.type_url
        if type_url not in self._seen and not received.error:
            self._session.updated()
            if not self._seen:
                self._scheduler.stream_served()
            self._seen.add(type_url)
            if self._log.on:
                self._log.first(type_url, self._session.elapsed(self._scheduler.clock()))
        if received.unmatched:
            self._log.unmatched(type_url, received.unmatched)
        self._observer.push(received)
        if self._session.state is State.CONNECTED and self._protocol.configured:
            self._observer.configured(self._session.configured(self._scheduler.clock()))

    def _pause(self) -> None:
        if self._stream is not None and self._timer is None:
            self._stream.pause()
            self._timer = self._scheduler.timers.call_later(self._read_delay, self._resume)

    def _resume(self) -> None:
        self._timer = None
        if self._stream is not None:
            self._stream.resume()
