"""A control plane in memory that plays a recording, over HTTP/2 that is not ours."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events

from tests.xds.http2.frames import RESPONSE, framed
from tests.xds.recordings import read_request

if TYPE_CHECKING:
    from tests.xds.recordings import RecordedStream, Recording, Request

GONE = (("grpc-status", "14"), ("grpc-message", "no istiod"))
_LINGER = 0.001
"""Seconds from the last recorded message of a stream to its end."""


class Heard:
    """What a proxy has said on one stream.

    Attributes:
        metadata: Its headers.
        requests: Its requests, each with the number of responses that had come before it.
        began: Seconds on the loop's clock at the beginning of the stream.
        introductions: Its encoded requests that carry a node.
    """

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.began = 0.0
        self.requests: list[tuple[int, Request]] = []
        self.introductions: list[bytes] = []


class Playback:
    """Plays the streams of a recording, one after the other, to the proxy that connects.

    Each response is sent as long after the beginning of its stream as it was recorded. A stream
    ends after its last recorded message, as what was recorded did when istiod was gone behind what
    recorded it.

    Attributes:
        heard: What the proxy has said, stream by stream.
        done: Set after the last stream.
    """

    def __init__(self, recording: Recording) -> None:
        self.delta = recording.delta
        self.heard: list[Heard] = []
        self.done = asyncio.Event()
        self._streams = deque(recording.streams)

    def accept(self) -> asyncio.Protocol:
        """Return the protocol of the next connection."""
        self.heard.append(Heard())
        return _Connection(self, self._streams.popleft(), self.heard[-1])

    def ended(self) -> None:
        """Record the end of a stream."""
        if not self._streams:
            self.done.set()


class _Connection(asyncio.Protocol):
    """Serves one stream."""

    def __init__(self, playback: Playback, recorded: RecordedStream, heard: Heard) -> None:
        self._playback = playback
        self._recorded = recorded
        self._heard = heard
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self._received = b""
        self._outgoing = b""
        self._sent = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._http.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self._heard.metadata = {str(name): str(value) for name, value in event.headers}
                self._begin()
            elif isinstance(event, h2.events.DataReceived):
                self._http.acknowledge_received_data(event.flow_controlled_length, 1)
                self._received += event.data
                self._read()
        self._flush()

    def _begin(self) -> None:
        self._http.send_headers(1, RESPONSE)
        loop = asyncio.get_running_loop()
        self._heard.began = loop.time()
        for entry in self._recorded.entries:
            if entry.request is None:
                loop.call_later(entry.at, self._send, entry.message)
        last = max((entry.at for entry in self._recorded.entries), default=0.0)
        loop.call_later(last + _LINGER, self._end)

    def _read(self) -> None:
        while len(self._received) >= 5:
            stop = 5 + int.from_bytes(self._received[1:5])
            if len(self._received) < stop:
                break
            message, self._received = self._received[5:stop], self._received[stop:]
            request = read_request(message, delta=self._playback.delta)
            if request.node:
                self._heard.introductions.append(message)
            self._heard.requests.append((self._sent, request))

    def _send(self, message: bytes) -> None:
        self._sent += 1
        self._outgoing += framed(message)
        self._flush()

    def _flush(self) -> None:
        while self._outgoing and (window := self._http.local_flow_control_window(1)):
            size = min(window, self._http.max_outbound_frame_size, len(self._outgoing))
            piece, self._outgoing = self._outgoing[:size], self._outgoing[size:]
            self._http.send_data(1, piece)
        self._transport.write(self._http.data_to_send())

    def _end(self) -> None:
        if not self._transport.is_closing():
            self._http.send_headers(1, GONE, end_stream=True)
            self._flush()
        self._transport.close()
        self._playback.ended()
