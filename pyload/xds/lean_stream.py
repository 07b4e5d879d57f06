"""One stream over a socket of its own.

A `LeanStream` is the shell around two engines that do no input or output: `pyload.xds.http2` and,
for TLS, `pyload.xds.tls_engine`. Whatever happens, be it received bytes, a call of the client or a
deadline, goes into an engine first; then `_advance` writes what the engines have to send, and looks
at whether the stream has ended. So there is one place that writes and one that hangs up.

A connection that waits holds no task, no timer and no buffer: sockets are read into the one buffer
of their loop (`pyload.xds.tcp`), a task exists only while the connection is made, and whether the
peer is still there is asked by one sweep for all of them (`pyload.xds.keepalive`). That is what
makes ten thousand connections cheap.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from pyload.errors import RemoteProtocolError
from pyload.xds.http2.connection import Connection
from pyload.xds.http2.status import named
from pyload.xds.keepalive import ANSWER_SECONDS, ENDED
from pyload.xds.tcp import DIAL_SECONDS, NEXT_SECONDS, connect, reason_of, why_lost
from pyload.xds.tls_engine import TlsEngine
from pyload.xds.transport import CANCELLED, NO_SIGN_OF_LIFE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from pyload.timer_heap import Timer
    from pyload.xds.lean import LeanTransport
    from pyload.xds.transport import Sink, Status

CLOSE_SECONDS: Final = 1.0
"""How long a closed connection may take to write what is left."""
QUOTE_SECONDS: Final = 1.0
"""How long an answer that is not gRPC's may take to come, of which the beginning is quoted."""


class LeanStream(asyncio.BufferedProtocol):
    """One stream with its own connection; see `pyload.xds.transport.Stream`.

    It is the protocol of its socket too.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_inside",
        "_lost",
        "_owner",
        "_sink",
        "_socket",
        "_task",
        "_tls",
        "passes",
    )

    def __init__(self, owner: LeanTransport, block: bytes, sink: Sink) -> None:
        self._owner = owner
        self._sink: Sink | None = sink
        self._connection = Connection(block, sink=sink)
        self._socket: asyncio.Transport | None = None
        self._tls: TlsEngine | None = None
        # Connects the socket.
        self._task: asyncio.Task[None] | None = None
        # Until the stream is open, of the dial; once it is closed, of writing what is left.
        self._deadline: Timer | None = None
        # Whether received bytes are being handled: what they cause is written after that.
        self._inside = False
        # Whether there is no connection any more, or never was one.
        self._lost = False
        self.passes = 0
        """How often the keepalive has passed by since the last byte."""

    # For the client.

    def send(self, message: bytes) -> None:
        """Send one message as soon as the peer takes it; dropped once the stream has ended."""
        self._connection.send(message)
        if not self._inside:
            self._advance()

    def close(self, status: Status = CANCELLED) -> None:
        """End the stream and its connection; `Sink.closed` follows with this status."""
        self._connection.close(status)
        if not self._inside:
            self._advance()

    def pause(self) -> None:
        """Read no further: the peer's window is not renewed, and no message comes."""
        self._connection.pause()

    def resume(self) -> None:
        """Read on after `pause`."""
        self._connection.resume()
        asyncio.get_running_loop().call_soon(self._drain)

    # The dial.

    def dial(self) -> None:
        """Start to connect; for the transport."""
        self._deadline = self._owner.shared.timers.call_later(DIAL_SECONDS, self._too_late)
        self._task = asyncio.create_task(self._dial(), name=f"dial {self._owner.target}")
        self._task.add_done_callback(self._dialled)

    async def _dial(self) -> None:
        owner = self._owner
        addresses = await owner.shared.resolve(owner.address)
        if len(addresses) > 1 and self._deadline is not None:
            # Each has its own time.
            self._deadline.cancel()
            seconds = DIAL_SECONDS + NEXT_SECONDS * (len(addresses) - 1)
            self._deadline = owner.shared.timers.call_later(seconds, self._too_late)
        await connect(lambda: self, addresses, owner.address[1], source=owner.source())

    def _dialled(self, task: asyncio.Task[None]) -> None:
        """Handle the end of the dial; `connection_made` has been called if it succeeded."""
        self._task = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OSError):
            text = f"no connection to {self._owner.target}: {reason_of(error)}"
            self._connection.close(named("UNAVAILABLE", text))
        elif error is not None:
            self._crashed(error)
        if task.cancelled() and self._socket is not None:
            # uvloop has closed it, and never calls `connection_lost` then.
            self._socket.abort()
            self._socket = None
        if self._socket is None:
            self._connection.close(CANCELLED)
            self._end()

    def _too_late(self) -> None:
        self._deadline = None
        if self._socket is not None and not self._connection.opened:
            # The next dial may try another address of the name first.
            self._owner.shared.note_silent(self._socket.get_extra_info("peername")[0])
        why = f"no connection to {self._owner.target} in {DIAL_SECONDS:g} s"
        self._connection.timed_out(why)
        self._advance()

    # The socket's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshakes."""
        self._socket = cast("asyncio.Transport", transport)
        tls = self._owner.tls
        if tls is not None:
            self._handle(self._begin_tls, tls)
        else:
            self._advance()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's name
        """Return the buffer that all connections of the loop share."""
        return self._owner.shared.received

    def buffer_updated(self, nbytes: int) -> None:
        """Handle received bytes, all of them at once."""
        self.passes = 0
        receive = self._connection.receive if self._tls is None else self._decrypt
        self._handle(receive, self._owner.shared.received[:nbytes])

    def eof_received(self) -> bool:
        """Have the connection closed, as the peer has closed its side."""
        return False

    def pause_writing(self) -> None:
        """Write no more for now."""
        self._connection.out.blocked = True

    def resume_writing(self) -> None:
        """Write on."""
        self._connection.out.blocked = False
        if not self._inside:
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        self._connection.lost(why_lost(exc))
        self._socket = None
        self._end()

    # The keepalive.

    def ask(self) -> None:
        """Send a PING, unless the socket takes nothing, which is no sign of life either."""
        if not self._connection.out.blocked:
            self._connection.ping()
            self._advance()

    def give_up(self) -> None:
        """End the stream of a peer that does not answer."""
        why = f"{NO_SIGN_OF_LIFE}the server has answered no PING in {ANSWER_SECONDS:g} s"
        self.passes = ENDED
        self._connection.lost(why)
        if self._socket is not None:
            # Nobody takes what may still be in its buffer.
            self._socket.abort()

    # What follows from either.

    def _begin_tls(self, context: ssl.SSLContext) -> None:
        self._tls = TlsEngine(context, self._owner.server_hostname)
        self._tls.begin()

    def _decrypt(self, data: memoryview) -> None:
        assert self._tls is not None
        self._tls.receive(data, self._owner.shared.plain, self._connection.receive)
        if self._tls.ended:
            self._connection.lost("the server closed the connection")

    def _drain(self) -> None:
        if self._sink is not None:
            self._handle(self._connection.drain)
            self._finish()

    def _handle(self, call: Callable[..., None], *args: Any) -> None:
        """Make a call that may call the sink, and then do what it caused."""
        self._inside = True
        try:
            call(*args)
        except RemoteProtocolError as error:
            self._tls_failed(error)
        except Exception as error:  # noqa: BLE001 - a fault of one sink; the other streams go on
            self._crashed(error)
        finally:
            self._inside = False
        self._advance()

    def _advance(self) -> None:
        """Write what the engines have to send, and act on the state of the stream."""
        self._flush()
        connection = self._connection
        if connection.status is not None:
            self._hang_up()
        elif self._deadline is None:
            if connection.quote is not None:
                timers = self._owner.shared.timers
                self._deadline = timers.call_later(QUOTE_SECONDS, self._too_late)
        elif connection.opened and connection.quote is None:
            self._cancel_deadline()
            self._owner.shared.keepalive.add(self)

    def _flush(self) -> None:
        out, sock, tls = self._connection.out, self._socket, self._tls
        if sock is None:
            return
        if tls is None:
            while data := out.take():
                sock.write(data)
            return
        if data := tls.outgoing():
            sock.write(data)
        try:
            while tls.ready and (data := out.take()):
                tls.encrypt(data, sock.write)
        except RemoteProtocolError as error:
            self._tls_failed(error)

    def _hang_up(self) -> None:
        """Close the connection, or give up the dial, after the stream has ended."""
        sock = self._socket
        if sock is None:
            if self._task is not None:
                self._task.cancel()
            elif not self._lost:
                asyncio.get_running_loop().call_soon(self._end)
        elif not sock.is_closing():
            self._cancel_deadline()
            if self._tls is not None:
                self._tls.end(sock.write)
            sock.close()
            # A peer that reads nothing would keep the rest here for ever.
            timers = self._owner.shared.timers
            self._deadline = timers.call_later(CLOSE_SECONDS, sock.abort)

    def _cancel_deadline(self) -> None:
        """Cancel the deadline, as what it limits is over."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        """Record that there is no connection any more."""
        self._lost = True
        self.passes = ENDED
        self._cancel_deadline()
        self._finish()

    def _finish(self) -> None:
        """Report the end to the sink, once it has had all messages."""
        sink, status = self._sink, self._connection.status
        if self._lost and sink is not None and status is not None and self._connection.drained:
            self._sink = None
            self._owner.forget(self)
            sink.closed(status)

    def _tls_failed(self, error: RemoteProtocolError) -> None:
        """End the stream after a failure of TLS."""
        text = f"no connection to {self._owner.target}: {error}"
        if self._connection.opened:
            text = f"the connection broke: {error}"
        self._connection.close(named("UNAVAILABLE", text))

    def _crashed(self, error: BaseException) -> None:
        """End the stream for a fault of its sink, or of this module."""
        loop = asyncio.get_running_loop()
        loop.call_exception_handler(
            {"message": "an xDS stream failed", "exception": error, "protocol": self}
        )
        self._connection.close(named("INTERNAL", str(error)))
