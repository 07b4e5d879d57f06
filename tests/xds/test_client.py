"""The client's shell: reconnects, cancellation and log lines, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.errors import ApiError
from pyload.proxies.dial_rate import DialRate
from pyload.proxies.dial_scheduler import DialScheduler
from pyload.timer_heap import TimerHeap
from pyload.xds.client import Channel, Client, bearer
from pyload.xds.delta import Delta
from pyload.xds.node import encode_node
from pyload.xds.session import Session
from pyload.xds.sotw import Sotw
from pyload.xds.transport import Status
from pyload.xds.types import CDS, EDS, LDS, Received, short
from tests.xds.messages import GARBAGE, UNREADABLE, cluster, delta_response, sotw_response
from tests.xds.peer import GONE, MemoryStream, Peer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

NODE = encode_node("sidecar~10.0.0.10~app-1.mesh~mesh.svc.cluster.local", metadata=b"")
NODE_ID = "sidecar~10.0.0.10~app-1.mesh~mesh.svc.cluster.local"


class Recorder:
    """Writes down what a client observes, with the time."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.was_configured = asyncio.Event()
        self.waits: list[float] = []
        self.over = asyncio.Event()
        self.error: BaseException | None = None

    def connecting(self) -> None:
        """A dial begins."""
        self.events.append(("connecting",))

    def connected(self, seconds: float) -> None:
        """The stream is open."""
        self.events.append(("connected", seconds))

    def push(self, received: Received) -> None:
        """A response has come."""
        push = received.push
        self.events.append(("push", short(push.type_url), push.error))

    def configured(self, seconds: float) -> None:
        """Every type has come."""
        self.events.append(("configured", seconds))
        self.was_configured.set()

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        """The stream has ended."""
        self.events.append(("disconnected", reason, detail))
        self.waits.append(retry_in)

    def ended(self, error: BaseException | None) -> None:
        """The proxy is over."""
        assert not self.over.is_set()
        self.error = error
        self.over.set()

    def names(self) -> list[object]:
        """Return the events without their values."""
        return [event[0] for event in self.events]


def client(
    peer: Peer,
    recorder: Recorder,
    *,
    delta: bool = True,
    node_type: str = "sidecar",
    resolve: Callable[[], Channel | Awaitable[Channel]] | None = None,
    read_delay: float = 0.0,
) -> Client:
    """Make a client of a peer, and start it."""
    timers, now = TimerHeap(), asyncio.get_running_loop().time
    made = Client(
        node=lambda: (NODE, b""),
        name=NODE_ID,
        protocol=Delta(node_type=node_type) if delta else Sotw(),
        resolve=resolve or (lambda: Channel(peer)),
        observer=recorder,
        scheduler=DialScheduler(DialRate(None, rng=Random(1)), timers=timers, clock=now),
        session=Session(rng=Random(1)),
        read_delay=read_delay,
    )
    made.start()
    return made


def with_token(peer: Peer, token: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[Channel]]:
    """Return the resolver of a peer that wants a token."""

    async def resolve() -> Channel:
        return Channel(peer, bearer(await token(), "Kubernetes"))

    return resolve


async def stop(one: Client, recorder: Recorder) -> None:
    """Stop a client and see that it leaves no task behind."""
    one.stop()
    one.stop()
    async with asyncio.timeout(1):
        await recorder.over.wait()
    frames = [frame for task in asyncio.all_tasks() for frame in task.get_stack()]
    assert [frame for frame in frames if "pyload/xds" in frame.f_code.co_filename] == []


def check_streams(streams: list[MemoryStream]) -> None:
    """See that every stream was used by the rules, and closed."""
    for stream in streams:
        assert stream.closed
        assert [one.node for one in stream.requests] == [
            number == 0 for number in range(len(stream.requests))
        ]
        assert [one.error for one in stream.requests if one.error] == []


async def test_a_proxy_gets_everything_and_then_waits() -> None:
    """The main job: connect, subscribe, be configured, and stay."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await asyncio.sleep(3600)

    assert recorder.events == [
        ("connecting",),
        ("connected", 0.0),
        ("push", "cds", ""),
        ("push", "eds", ""),
        ("push", "lds", ""),
        ("push", "rds", ""),
        ("configured", 0.0),
    ]
    await stop(one, recorder)
    check_streams(peer.streams)


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
@pytest.mark.parametrize("at", range(14))
async def test_a_proxy_recovers_from_a_drop_at_any_point(at: int, *, delta: bool) -> None:
    """A connection that breaks at the wrong moment would leave a proxy hanging or unclosed."""
    peer = Peer(lambda number, _: GONE if number == at else None)
    recorder = Recorder()
    one = client(peer, recorder, delta=delta)
    await asyncio.sleep(60)
    await stop(one, recorder)

    check_streams(peer.streams)
    broke = peer.operations > at
    assert recorder.names().count("disconnected") == int(broke)
    assert peer.dials == 1 + broke
    assert recorder.names()[-1] == "configured"
    assert all(0 <= wait <= 0.5 for wait in recorder.waits)
    if broke:
        reason = "connect" if at == 0 else "unavailable"
        assert [one[1] for one in recorder.events if one[0] == "disconnected"] == [reason]


@pytest.mark.parametrize("at", range(14))
async def test_stopping_at_any_point_closes_the_stream(at: int) -> None:
    """Stopping a proxy in the middle of something would leak its connection or its task."""
    victim: list[Client] = []

    def fail(number: int, _name: str) -> None:
        if number == at:
            victim[0].stop()

    peer, recorder = Peer(fail), Recorder()
    victim.append(client(peer, recorder))
    await asyncio.sleep(60)

    await stop(victim[0], recorder)
    check_streams(peer.streams)
    assert recorder.error is None


async def test_stopping_during_a_wait_ends_at_once() -> None:
    """Stopping a fleet whose server is away would take as long as the back-off."""
    peer, recorder = Peer(lambda _, name: GONE if name == "open" else None), Recorder()
    one = client(peer, recorder)
    await asyncio.sleep(1000)
    before = asyncio.get_running_loop().time()
    await stop(one, recorder)

    assert asyncio.get_running_loop().time() == before


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
async def test_the_wait_is_short_again_after_a_good_response(*, delta: bool) -> None:
    """Delta proxies would wait longer after each restart of istiod (D7)."""
    failing = True
    peer = Peer(lambda _, name: GONE if failing and name == "open" else None)
    recorder = Recorder()
    one = client(peer, recorder, delta=delta)
    await asyncio.sleep(1000)
    assert max(recorder.waits) > 15
    failing = False
    await recorder.was_configured.wait()
    peer.streams[0].end(Status(code=0, name="OK", message=""))
    await asyncio.sleep(1)

    assert recorder.waits[-1] <= 0.5
    assert ("disconnected", "server_closed", "EOF") in recorder.events
    await stop(one, recorder)


async def test_each_stream_gets_its_own_token() -> None:
    """After an hour all tokens would be stale, and every reconnect be refused."""
    tokens = iter(["one", "two"])

    async def token() -> str:
        return next(tokens)

    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder, resolve=with_token(peer, token))
    await recorder.was_configured.wait()
    peer.streams[0].end(GONE)
    await asyncio.sleep(1)

    assert [stream.metadata for stream in peer.streams] == [
        (("authorization", f"Bearer {one}"), ("clusterid", "Kubernetes")) for one in ("one", "two")
    ]
    await stop(one, recorder)


async def test_without_a_token_nothing_is_sent() -> None:
    """A plaintext control plane would see headers that pilot-load does not send."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()

    assert peer.streams[0].metadata == ()
    await stop(one, recorder)


async def test_a_token_that_cannot_be_had_is_waited_for() -> None:
    """One hiccup of the API server would end a proxy for good."""
    answers: list[str | Exception] = [
        ApiError(status=500, reason="", message="boom", verb="POST", path="/token"),
        "good",
    ]

    async def token() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder, resolve=with_token(peer, token))
    await recorder.was_configured.wait()

    assert recorder.events[1] == ("disconnected", "token", "POST /token: HTTP 500: boom")
    await stop(one, recorder)


async def test_a_peer_that_breaks_the_protocol_is_left() -> None:
    """A garbled stream would be trusted further, or kill the proxy."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()
    peer.streams[0].push(b"\xff")
    await asyncio.sleep(1)

    assert ("disconnected", "protocol", "the message is no delta discovery response") in (
        recorder.events
    )
    assert peer.streams[0].closed
    assert recorder.names()[-1] == "configured"
    await stop(one, recorder)


@pytest.mark.parametrize("at", range(1, 10))
async def test_nothing_is_refused_before_a_response(at: int) -> None:
    """Istiod may crash on a refusal of a type that it has not sent on that stream."""
    peer = Peer(lambda number, _: GONE if number == at else None)
    recorder = Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()
    for stream in peer.streams:
        stream.push(delta_response(CDS, {"x": GARBAGE}, nonce="bad"))
    await asyncio.sleep(5)
    await stop(one, recorder)

    for stream in peer.streams[:-1]:
        assert [one for one in stream.requests if one.error] == []
    refused = [one for one in peer.streams[-1].requests if one.error]
    assert [(one.type, one.nonce) for one in refused] == [("cds", "bad")]


async def test_a_refused_response_is_observed_and_not_counted_as_an_update() -> None:
    """A server that sends nothing but broken responses would be redialled without pause."""
    peer, recorder = Peer(), Recorder()
    peer.silent = True
    one = client(peer, recorder)
    for _ in range(20):
        await asyncio.sleep(60)
        peer.streams[-1].push(delta_response(CDS, {"x": GARBAGE}))
        await asyncio.sleep(1)
        peer.streams[-1].end(GONE)
    await asyncio.sleep(60)

    assert ("push", "cds", UNREADABLE) in recorder.events
    assert max(recorder.waits[-8:]) >= 15
    await stop(one, recorder)


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
async def test_a_waiting_proxy_holds_no_message(*, delta: bool) -> None:
    """Ten thousand proxies would each hold their last push, half a megabyte each."""
    peer, recorder = Peer(), Recorder()
    peer.silent = True
    one = client(peer, recorder, delta=delta)
    await asyncio.sleep(1)
    bodies = {f"c{number}": cluster(f"c{number}") for number in range(50)}
    messages = (
        [delta_response(CDS, bodies), delta_response(EDS, bodies, nonce="n2")]
        if delta
        else [sotw_response(CDS, *bodies.values()), sotw_response(EDS, *bodies.values())]
    )
    before = [sys.getrefcount(message) for message in messages]
    for message in messages:
        peer.streams[0].push(message)
    await asyncio.sleep(1)
    del message
    gc.collect()

    assert recorder.names().count("push") == 2
    assert [sys.getrefcount(message) for message in messages] == before
    await stop(one, recorder)


async def test_a_proxy_that_reads_late_closes_its_window_after_each_message() -> None:
    """`--slow-fraction` would load the control plane like any other proxy."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder, read_delay=2.0)
    await recorder.was_configured.wait()

    assert asyncio.get_running_loop().time() == 6.0
    before = peer.streams[0].paused
    await asyncio.sleep(3)
    assert (before, peer.streams[0].paused) == (True, False)
    await stop(one, recorder)
    check_streams(peer.streams)


async def test_a_connection_closed_for_its_age_is_opened_again_at_once() -> None:
    """Every half hour each proxy would be without its control plane for a while."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()
    peer.streams[0].end(Status(14, "UNAVAILABLE", "received goaway, debug data: max_age"))
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)

    assert len(peer.streams) == 2
    assert recorder.waits == [0.0]
    await stop(one, recorder)


async def test_a_bug_in_the_way_ends_the_proxy_with_it() -> None:
    """A proxy would silently never connect."""
    recorder = Recorder()

    async def resolve() -> Channel:
        raise ZeroDivisionError

    one = client(Peer(), recorder, resolve=resolve)
    await asyncio.sleep(1)
    assert isinstance(recorder.error, ZeroDivisionError)
    one.stop()


async def test_stopping_while_the_channel_is_unknown_ends_at_once() -> None:
    """A fleet whose tokens hang could not be stopped."""
    recorder, peer = Recorder(), Peer()

    async def resolve() -> Channel:
        await asyncio.sleep(3600)
        return Channel(peer)

    one = client(peer, recorder, resolve=resolve)
    await stop(one, recorder)
    two = Recorder()
    other = client(peer, two, resolve=resolve)
    await asyncio.sleep(1)
    await stop(other, two)
    assert peer.dials == 0


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object]]:
    """Return the logged lines with their labels."""
    return [(record.getMessage(), getattr(record, "labels", None)) for record in caplog.records]


async def test_sotw_logs_what_scripts_search_for(caplog: pytest.LogCaptureFixture) -> None:
    """A script that greps pilot-load's output would find nothing."""
    caplog.set_level(logging.INFO, "pyload.adsc")
    peer = Peer(lambda number, _: GONE if number == 0 else None)
    recorder = Recorder()
    one = client(peer, recorder, delta=False)
    await recorder.was_configured.wait()
    peer.streams[0].end(GONE)
    await asyncio.sleep(0.1)
    await stop(one, recorder)

    workload = {"workload": "app-1"}
    broken = "rpc error: code = Unavailable desc = connection reset"
    first, second = recorder.waits
    assert lines(caplog) == [
        ("Connecting: 10.0.0.10", workload),
        (f"Error in ADS connection: stream: {broken}", workload),
        (f"Starting retry 1 after {first * 1000:.6f}ms", workload),
        ("Connecting: 10.0.0.10", workload),
        ("Connected: 10.0.0.10 in 0s", workload),
        ("Got Initial Update: 10.0.0.10 for cds in 0s", workload),
        ("Got Initial Update: 10.0.0.10 for eds in 0s", workload),
        ("Got Initial Update: 10.0.0.10 for lds in 0s", workload),
        ("Got Initial Update: 10.0.0.10 for rds in 0s", workload),
        (f"Connection closed for {NODE_ID}: {broken}", None),
        ("Closing: 10.0.0.10", workload),
        (f"Disconnected: 10.0.0.10, retrying in {second * 1000:.6f}ms", workload),
        ("Context closed, exiting stream", workload),
    ]


async def test_delta_logs_what_scripts_search_for(caplog: pytest.LogCaptureFixture) -> None:
    """A script that greps pilot-load's output would find nothing."""
    caplog.set_level(logging.INFO, "pyload.adsc")
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()
    peer.streams[0].push(delta_response(EDS, {"z": b""}, nonce="e2"))
    await asyncio.sleep(0.1)
    peer.streams[0].end(Status(code=0, name="OK", message=""))
    await asyncio.sleep(0.1)
    await stop(one, recorder)

    workload, node = {"workload": "app-1"}, {"node": NODE_ID}
    assert lines(caplog)[1:3] == [
        ("Connected: 10.0.0.10 in 0s", workload),
        ("sending initial watches", None),
    ]
    assert lines(caplog)[7:9] == [
        ("Ignoring unmatched resource endpoint.v3.ClusterLoadAssignment/z", node),
        ("Connection closed: EOF", node),
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("CANCELLED", "Canceled"), ("RESOURCE_EXHAUSTED", "ResourceExhausted")],
)
async def test_statuses_are_written_as_go_does(
    name: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A script that counts refused connections looks for Go's names."""
    caplog.set_level(logging.INFO, "pyload.adsc")
    recorder = Recorder()
    peer = Peer(lambda number, _: Status(8, name, "x") if number == 0 else None)
    one = client(peer, recorder)
    await asyncio.sleep(0.1)
    await stop(one, recorder)

    assert f"Error in ADS connection: stream: rpc error: code = {shown} desc = x" in caplog.messages


async def test_silenced_logs_cost_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A fleet with `--log_output_level adsc:none` would still format every line."""
    caplog.set_level(logging.ERROR, "pyload.adsc")
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()
    await stop(one, recorder)

    assert caplog.messages == []


@pytest.mark.parametrize("delta", [True, False])
async def test_routes_of_a_listener_that_is_gone_are_given_up_after_45_seconds(
    *, delta: bool
) -> None:
    """Istiod would push routes for ever, or fewer than to an Envoy, which drains first."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder, delta=delta)
    await recorder.was_configured.wait()
    (stream,) = peer.streams
    if delta:
        stream.push(delta_response(LDS, removed=["l"], nonce="l9"))
    else:
        stream.push(sotw_response(LDS, nonce="l9"))
    await asyncio.sleep(44.9)
    before = [request.type for request in stream.requests]
    await asyncio.sleep(1.2)

    (given_up,) = stream.requests[len(before) :]
    assert before[-1] == "lds"
    assert given_up.type == "rds"
    assert given_up.unsubscribe == (("80",) if delta else ())
    assert given_up.subscribe == ()
    await stop(one, recorder)


async def test_routes_that_are_given_up_between_two_streams_are_not_asked_for_again() -> None:
    """A proxy that is dialling just then would send on a closed stream, or keep them for ever."""
    peer, recorder = Peer(), Recorder()
    one = client(peer, recorder)
    await recorder.was_configured.wait()
    first = peer.streams[0]
    first.push(delta_response(LDS, removed=["l"], nonce="l9"))
    await asyncio.sleep(1)
    peer.silent = True
    first.end(GONE)
    await asyncio.sleep(30)
    kept = [request.type for request in peer.streams[-1].requests]
    peer.streams[-1].end(GONE)
    await asyncio.sleep(0)
    one.drained()
    await asyncio.sleep(60)
    left = [request.type for request in peer.streams[-1].requests]

    assert kept == ["cds", "eds", "lds", "rds"]
    assert left == ["cds", "eds", "lds"]
    await stop(one, recorder)
