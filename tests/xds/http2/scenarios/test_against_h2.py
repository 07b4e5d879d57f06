"""The client's HTTP/2 against hyper-h2 as the server, over bytes cut anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.xds.http2 import frames
from pyload.xds.http2.status import named, of_reset
from pyload.xds.transport import CANCELLED, Status
from tests.xds.http2.frames import RESPONSE, Client, framed

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = (0, 1, 7, 300, 5_000, 16_379, 16_380, 40_000)
WINDOWS = st.sampled_from([1_000, 65_535, 1 << 20])
FRAMES = st.sampled_from([16_384, 16_385, 1 << 20])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("response"),
            st.sampled_from([*SIZES, 700_000]),
            st.sampled_from([None, 0, 1, 255]),
        ),
        st.tuples(st.just("request"), st.sampled_from([*SIZES, 150_000])),
        st.tuples(st.just("settings"), WINDOWS, FRAMES),
        st.tuples(st.just("table"), st.sampled_from([0, 100, 4096, 65_536])),
        st.tuples(st.just("ping")),
        st.tuples(st.just("pause")),
        st.tuples(st.just("resume")),
        st.tuples(st.just("turn"), st.integers(1, 40_000)),
    ),
    max_size=25,
)
ENDS = st.one_of(
    st.tuples(st.just("trailers"), st.integers(0, 16), st.sampled_from(["", "Größe % ü", "a b"])),
    st.tuples(st.just("reset"), st.integers(0, 20)),
    st.tuples(st.just("goaway"), st.sampled_from([0, 1]), st.sampled_from([b"max_age", b""])),
    st.tuples(st.just("lost")),
    st.tuples(st.just("close")),
)


class Pair:
    """A client and a server, and the bytes on their way."""

    def __init__(self, window: int, frame: int) -> None:
        self.client = Client()
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.server = h2.connection.H2Connection(config)
        self.server.initiate_connection()
        self.server.update_settings(
            {SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.MAX_FRAME_SIZE: frame}
        )
        self.requests = b""
        self.events: list[Any] = []
        # Bytes of responses that the client's window has not let out, with their padding.
        self._queue: list[tuple[bytes, int | None]] = []
        self.turn(1 << 20)

    def respond(self, message: bytes, padding: int | None) -> None:
        """Let the server send a message."""
        self._queue.append((framed(message), padding))

    def turn(self, size: int) -> None:
        """Carry everything over, to the client in pieces, until nothing moves."""
        while True:
            self._send()
            to_client = self.server.data_to_send()
            self.client.receive(to_client, size=max(size, len(to_client) // 2000))
            to_server = self.client.written()
            if to_server.startswith(frames.PREFACE):
                self._serve(to_server)
            elif to_server:
                # h2 looks at its frame size once for all that it is given.
                while to_server:
                    end = frames.HEAD_SIZE + int.from_bytes(to_server[:3], "big")
                    self._serve(to_server[:end])
                    to_server = to_server[end:]
            elif not to_client and not self._stuck():
                return

    def _stuck(self) -> bool:
        """Open the server's window: h2 does not after it has made it smaller than what is used."""
        waits = self.client.connection.out.waiting and not self.client.ended
        if waits and self.server.remote_flow_control_window(1) <= 0:
            self.server.increment_flow_control_window(100_000, 1)
            return True
        return False

    def _serve(self, data: bytes) -> None:
        for event in self.server.receive_data(data):
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived):
                assert event.flow_controlled_length <= self.server.max_inbound_frame_size
                self.requests += event.data
                self.server.acknowledge_received_data(event.flow_controlled_length, 1)

    def _send(self) -> None:
        """Send as much of the responses as the client's windows take."""
        while self._queue and self.client.connection.status is None:
            data, padding = self._queue[0]
            extra = 0 if padding is None else padding + 1
            room = min(
                self.server.local_flow_control_window(1), self.server.max_outbound_frame_size
            )
            size = min(len(data), room - extra)
            if size <= 0:
                return
            self.server.send_data(1, data[:size], pad_length=padding)
            if size == len(data):
                self._queue.pop(0)
            else:
                self._queue[0] = data[size:], padding


def body(number: int, size: int) -> bytes:
    """Make a message that is unlike the others."""
    return (b"%d " % number * size)[:size]


def apply(pair: Pair, operations: Sequence[tuple[Any, ...]]) -> tuple[list[bytes], bytes]:
    """Do the drawn steps, and return what the client and the server must have received."""
    responses: list[bytes] = []
    requests = b""
    for number, (name, *values) in enumerate(operations):
        if name == "response":
            responses.append(body(number, values[0]))
            pair.respond(responses[-1], values[1])
        elif name == "request":
            message = body(number, values[0])
            requests += framed(message)
            pair.client.connection.send(message)
        elif name == "settings":
            pair.server.update_settings(
                {
                    SettingCodes.INITIAL_WINDOW_SIZE: values[0],
                    SettingCodes.MAX_FRAME_SIZE: values[1],
                }
            )
        elif name == "table":
            pair.server.update_settings({SettingCodes.HEADER_TABLE_SIZE: values[0]})
        elif name == "ping":
            pair.server.ping(b"12345678")
        elif name == "pause":
            pair.client.connection.pause()
        elif name == "resume":
            pair.client.connection.resume()
            pair.client.connection.drain()
        else:
            pair.turn(values[0])
    return responses, requests


def end(pair: Pair, how: tuple[Any, ...], *, begun: bool, big: int) -> Status:
    """End the stream, and return the status that the client must see."""
    name, *values = how
    if name == "trailers":
        code, message = values
        quoted = "".join(f"%{byte:02X}" for byte in message.encode())
        fields = [("grpc-status", str(code)), ("grpc-message", quoted), ("x-big", "a" * big)]
        pair.server.send_headers(1, [*(() if begun else RESPONSE), *fields], end_stream=True)
        expected = Status(code, named_of(code), message)
    elif name == "reset":
        pair.server.reset_stream(1, values[0])
        expected = of_reset(values[0])
    elif name == "goaway":
        last, debug = values
        pair.server.close_connection(0, debug or None, last)
        pair.turn(1 << 20)
        pair.client.connection.lost("closed")
        text = f", received GOAWAY NO_ERROR, debug data: {debug.decode()!r}"
        expected = named("UNAVAILABLE", ("closed" if last else "the stream was refused") + text)
    elif name == "lost":
        pair.client.connection.lost("closed")
        expected = named("UNAVAILABLE", "closed")
    else:
        pair.client.connection.close(CANCELLED)
        expected = CANCELLED
    return expected


def named_of(code: int) -> str:
    """Name a gRPC status."""
    return str(next(one.name for one in grpc.StatusCode if one.value[0] == code))


@settings(max_examples=60)
@given(
    window=WINDOWS,
    frame=FRAMES,
    operations=OPERATIONS,
    informational=st.booleans(),
    how=ENDS,
    big=st.sampled_from([0, 60_000]),
    size=st.integers(1, 40_000),
)
def test_both_sides_agree_on_messages_and_status(
    *,
    window: int,
    frame: int,
    operations: list[tuple[Any, ...]],
    informational: bool,
    how: tuple[Any, ...],
    big: int,
    size: int,
) -> None:
    """A proxy would miss a push, or make one up, when its bytes arrive in unlucky pieces."""
    pair = Pair(window, frame)
    assert pair.client.opened_times == 1
    if informational:
        pair.server.send_headers(1, [(":status", "103"), ("link", "x")])
    begun = any(one[0] == "response" for one in operations)
    if begun:
        pair.server.send_headers(1, RESPONSE)
    responses, requests = apply(pair, operations)
    pair.client.connection.resume()
    pair.client.connection.drain()
    pair.turn(size)
    assert pair.client.messages == responses
    assert pair.requests == requests
    assert not pair.client.ended

    expected = end(pair, how, begun=begun, big=big)
    pair.turn(size)
    assert pair.client.connection.status == expected
    assert pair.client.connection.drained
    ended = [one for one in pair.events if isinstance(one, h2.events.ConnectionTerminated)]
    assert ended == []


@given(data=st.binary(max_size=400), size=st.integers(1, 50), late=st.booleans())
def test_garbage_ends_the_stream_and_nothing_else(data: bytes, size: int, *, late: bool) -> None:
    """A port that speaks something else would crash the process, or hang it."""
    pair = Pair(65_535, 16_384)
    if late:
        pair.server.send_headers(1, RESPONSE)
        pair.turn(1 << 20)
    else:
        pair.client = Client()
    pair.client.receive(data, size=size)
    pair.client.connection.lost("closed")
    assert pair.client.connection.status is not None


@given(
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3),
    size=st.integers(1, 5_000),
)
def test_damaged_bytes_end_the_stream_and_nothing_else(
    flips: list[tuple[int, int]], size: int
) -> None:
    """A broken server is reported with the stream it broke."""
    pair = Pair(65_535, 16_384)
    pair.server.send_headers(1, RESPONSE)
    for number in range(3):
        pair.server.send_data(1, framed(body(number, 500)), pad_length=number)
        pair.server.ping(b"12345678")
    pair.server.send_headers(1, [("grpc-status", "0")], end_stream=True)
    damaged = bytearray(pair.server.data_to_send())
    for at, value in flips:
        damaged[at % len(damaged)] = value
    pair.client.receive(bytes(damaged), size=size)
    pair.client.connection.lost("closed")
    assert pair.client.connection.status is not None
