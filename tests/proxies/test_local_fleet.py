"""Many proxies: starting, stopping, counting, and surviving each other's deaths."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.proxies.fleet import NO_EVENTS, FleetEvents
from pyload.proxies.late import MAX_LATE, Late
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.tasks import cancel
from pyload.xds.requests import field
from pyload.xds.wire import discovery_pb2
from tests.proxies.resolvers import resolver_of
from tests.xds.messages import delta_response
from tests.xds.peer import GONE, MemoryStream, Peer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.xds.transport import Metadata, Sink, Status
    from pyload.xds.types import Push

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


def spec(number: int = 0, node_type: str = "sidecar") -> ProxySpec:
    """Describe a proxy."""
    name = f"app-{number}"
    return ProxySpec(key=name, type=node_type, ip=f"10.0.0.{number}", name=name, namespace="mesh")


def fleet(
    peer: Peer,
    metrics: Metrics | None = None,
    *,
    tokens: Callable[[str, str], Awaitable[str]] | None = None,
    events: FleetEvents = NO_EVENTS,
    with_resources: bool = False,
    ready: Callable[[], Awaitable[object]] | None = None,
) -> LocalFleet:
    """Make a fleet of a peer's proxies."""
    return LocalFleet(
        resolver_of(peer, auth="plaintext-jwt", tokens=tokens),
        delta=True,
        metrics=metrics or Metrics(),
        rng=Random(1),
        events=events,
        with_resources=with_resources,
        ready=ready,
    )


def present(metrics: Metrics) -> dict[tuple[str, str], int]:
    """Return the proxies that are in some state, by type and state."""
    return {key: count for key, count in metrics.snapshot().proxies.items() if count}


class HangingPeer(Peer):
    """A peer whose streams take an hour to close."""

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> MemoryStream:
        """Open a stream that hangs at its end."""
        stream = super().open(method, metadata=metadata, sink=sink)
        end = stream.end
        loop = asyncio.get_running_loop()
        stream.end = lambda status: loop.call_later(3600, end, status)  # type: ignore[method-assign,assignment]
        return stream


async def test_a_fleet_runs_counts_and_stops_its_proxies() -> None:
    """The main job: a report would say that proxies are missing, or connections would leak."""
    peer, metrics = Peer(), Metrics()
    async with fleet(peer, metrics) as proxies:
        for number in range(20):
            proxies.start(spec(number))
        await asyncio.sleep(10)

        counts = proxies.counts
        assert (counts.wanted, counts.connected, counts.configured) == (20, 20, 20)
        assert (counts.connected_now, counts.configured_now) == (20, 20)
        assert (counts.reconnects, counts.failed, counts.withdrawn) == (0, 0, 0)
        assert present(metrics) == {("sidecar", "configured"): 20}
        assert len(proxies) == 20

    assert all(stream.closed for stream in peer.streams)
    assert (counts.wanted, counts.configured, counts.configured_now) == (20, 20, 0)
    assert present(metrics) == {}
    snapshot = metrics.snapshot()
    assert snapshot.pushes == {"cds": 20, "eds": 20, "lds": 20, "rds": 20}
    assert snapshot.disconnects == {"local": 20}
    assert (snapshot.connect.count, snapshot.first_config.count) == (20, 20)


async def test_proxies_claim_the_version_that_the_control_plane_says_it_has() -> None:
    """Istiod writes other filters for older proxies; the first ones cannot know better."""
    sent: list[bytes] = []
    named = field(7, field(1, b'{"Info":{"version":"1.24.2"}}'))

    class Versioned(Peer):
        def open(self, method: str, *, metadata: Metadata, sink: Sink) -> MemoryStream:
            stream = super().open(method, metadata=metadata, sink=sink)
            send, push = stream.send, stream.push
            stream.send = lambda message: (sent.append(message), send(message))[1]  # type: ignore[func-returns-value,method-assign]
            stream.push = lambda message: push(message + named)  # type: ignore[method-assign]
            return stream

    async with fleet(Versioned()) as proxies:
        for number in range(2):
            proxies.start(spec(number))
            await asyncio.sleep(10)

    requests = map(discovery_pb2.DeltaDiscoveryRequest.FromString, sent)
    nodes = [one.node for one in requests if one.HasField("node")]
    assert [one.metadata["ISTIO_VERSION"] for one in nodes] == ["unknown", "1.24.2"]


async def test_a_proxy_counts_from_its_start_on() -> None:
    """The metrics would want fewer proxies than the summary while many wait for their dial."""
    metrics = Metrics()
    async with fleet(Peer(), metrics) as proxies:
        for number in range(2000):
            proxies.start(spec(number))
        states = present(metrics)

    assert states["sidecar", "waiting"] > 0
    assert sum(states.values()) == 2000


async def test_one_proxy_is_stopped_and_its_key_is_free_again() -> None:
    """A pod that is replaced under its name could not be started."""
    peer = Peer()
    async with fleet(peer) as proxies:
        proxies.start(spec())
        await asyncio.sleep(1)
        stopped = await proxies.stop("app-0")
        again = await proxies.stop("app-0")
        assert (stopped, again) == (True, False)
        assert peer.streams[0].closed
        proxies.start(spec())
        await asyncio.sleep(1)

        assert "app-0" in proxies
        assert (proxies.counts.wanted, proxies.counts.configured_now) == (2, 1)


async def test_the_same_key_twice_is_a_mistake() -> None:
    """Two proxies would claim one identity, and one of them could never be stopped."""
    async with fleet(Peer()) as proxies:
        proxies.start(spec())
        with pytest.raises(UsageError, match="app-0 is running already"):
            proxies.start(spec())

        assert proxies.counts.wanted == 1


async def test_a_proxy_that_dies_is_counted_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One bug would end a run of ten thousand proxies, or pass unnoticed."""

    def fail(number: int, _name: str) -> Status | None:
        if number == 5:
            raise ZeroDivisionError("boom")
        return None

    peer, metrics = Peer(fail), Metrics()
    async with fleet(peer, metrics) as proxies:
        for number in range(3):
            proxies.start(spec(number))
        await asyncio.sleep(10)

        assert (proxies.counts.failed, proxies.counts.configured_now) == (1, 2)
        assert len(proxies) == 2
        assert metrics.snapshot().disconnects == {"failed": 1}
        # It still should run, as in the summary.
        assert present(metrics) == {("sidecar", "configured"): 2, ("sidecar", "failed"): 1}

    (error,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert re.fullmatch(r"proxy app-\d failed: boom", error.getMessage())
    assert error.exc_info is not None
    assert all(stream.closed for stream in peer.streams)


async def test_reconnects_are_counted_by_reason() -> None:
    """A restart of istiod would leave no trace in the report."""
    peer, metrics = Peer(), Metrics()
    async with fleet(peer, metrics) as proxies:
        proxies.start(spec())
        await asyncio.sleep(1)
        peer.streams[0].end(GONE)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert present(metrics) == {("sidecar", "backoff"): 1}
        assert (proxies.counts.connected_now, proxies.counts.configured_now) == (0, 0)
        await asyncio.sleep(2)

        assert proxies.counts.reconnects == 1
        assert (proxies.counts.connected, proxies.counts.configured) == (1, 1)
        assert metrics.snapshot().disconnects == {"unavailable": 1}
        assert metrics.snapshot().first_config.count == 1
        assert metrics.snapshot().connect.count == 2
        assert metrics.snapshot().reconnects == {"sidecar": 1}


async def test_the_first_config_is_measured_from_the_start_with_all_retries() -> None:
    """A server that refuses most dials would look as fast as one that accepts them."""
    peer, metrics = Peer(lambda number, _: GONE if number < 10 else None), Metrics()
    async with fleet(peer, metrics) as proxies:
        proxies.start(spec())
        await asyncio.sleep(600)

        assert metrics.snapshot().first_config.max > 5
        assert proxies.counts.reconnects == 0
        assert metrics.snapshot().disconnects == {"connect": 10}


async def test_a_proxy_stopped_too_early_is_withdrawn_not_failed() -> None:
    """Churn that stops a proxy while it connects would look like a proxy without config."""
    peer, metrics = Peer(), Metrics()
    async with fleet(peer, metrics) as proxies:
        proxies.start(spec(0))
        await proxies.stop("app-0")
        peer.silent = True
        proxies.start(spec(1))
        await asyncio.sleep(1)
        await proxies.stop("app-1")

        assert (proxies.counts.wanted, proxies.counts.withdrawn) == (2, 2)
        assert (proxies.counts.failed, proxies.counts.configured) == (0, 0)
        assert present(metrics) == {}


async def test_stopping_is_concurrent_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """The end of a run with ten thousand proxies would take hours if one by one."""
    proxies = fleet(HangingPeer())
    for number in range(50):
        proxies.start(spec(number))
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    before = loop.time()
    await proxies.stop_all()

    assert loop.time() - before == pytest.approx(10)
    assert "proxy app-0 did not close its stream in 10 s" in caplog.messages
    await asyncio.sleep(3600)


async def test_tokens_are_those_of_the_proxys_account() -> None:
    """Istiod refuses a proxy whose token is another service account's."""
    asked = []

    async def tokens(namespace: str, account: str) -> str:
        asked.append((namespace, account))
        return "t"

    peer = Peer()
    async with fleet(peer, tokens=tokens) as proxies:
        proxies.start(spec())
        await asyncio.sleep(1)

    assert asked == [("mesh", "default")]
    assert peer.streams[0].metadata[0] == ("authorization", "Bearer t")


class Pushes(FleetEvents):
    """Notes whose pushes it hears of."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        """Note the proxy and the names of its push."""
        self.seen.append((spec.key, push.names))


@pytest.mark.parametrize("with_resources", [True, False])
async def test_events_have_every_push_with_its_proxy(with_resources: bool) -> None:  # noqa: FBT001
    """A program that measures convergence could not tell whose push it saw."""
    peer, events = Peer(), Pushes()
    async with fleet(peer, events=events, with_resources=with_resources) as one:
        one.start(spec(7, "router"))
        await asyncio.sleep(1)

    expected = [("app-7", (name,)) for name in ("a", "a", "l", "80")]
    assert events.seen == (expected if with_resources else [])


async def test_a_refused_push_is_not_a_configuration() -> None:
    """A proxy whose clusters cannot be read would count as configured."""
    peer = Peer()
    peer.silent = True
    async with fleet(peer) as proxies:
        proxies.start(spec())
        await asyncio.sleep(1)
        peer.streams[0].push(delta_response("x", nonce="n"))
        await asyncio.sleep(1)

        assert proxies.counts.configured == 0


async def test_a_proxy_that_is_stopped_in_the_turn_of_its_dial_ends_without_a_warning() -> None:
    """Python would write of coroutines that were never awaited over the live view."""

    async def token(_namespace: str, _account: str) -> str:
        await asyncio.sleep(60)
        raise AssertionError

    peer = Peer()
    resolver = resolver_of(peer, auth="plaintext-jwt", tokens=token)
    async with LocalFleet(resolver, delta=True, metrics=Metrics(), rng=Random(1)) as proxies:
        proxies.start(spec())
        assert await proxies.stop(spec().key)
        gc.collect()
        assert (peer.dials, len(proxies), proxies.counts.withdrawn) == (0, 0, 1)


async def test_proxies_that_are_not_configured_are_named_with_what_they_lack() -> None:
    """A start-up that takes too long would not say whom, or what, it has waited for."""
    peer = Peer()
    async with fleet(peer) as proxies:
        proxies.start(spec(0))
        assert proxies.late() == [Late("mesh/app-0", "no stream")]
        await asyncio.sleep(1)
        assert proxies.late() == []

        peer.silent = True
        for number in range(1, 20):
            proxies.start(spec(number))
        await asyncio.sleep(1)
        assert proxies.late() == [Late(f"mesh/app-{n}", "no cds") for n in range(1, MAX_LATE + 1)]


async def test_proxies_that_have_just_started_are_told_from_those_that_are_late() -> None:
    """Churn starts a proxy in the last second of a run, which must not fail for it."""
    peer = Peer()
    async with fleet(peer) as proxies:
        proxies.start(spec(0))
        await asyncio.sleep(10)
        peer.silent = True
        proxies.start(spec(1))
        await asyncio.sleep(4.9)
        await proxies.refresh()
        counts = proxies.counts
        assert (counts.starting, counts.starting_connected) == (0, 1)

        await asyncio.sleep(0.2)
        await proxies.refresh()
        assert (counts.starting, counts.starting_connected) == (0, 0)
        assert (counts.connected_now, counts.configured_now) == (2, 1)


async def test_proxies_that_are_starting_are_counted_while_the_fleet_runs() -> None:
    """Metrics would show each proxy that churn starts as failed, until the end of the run."""
    peer = Peer()
    peer.silent = True
    async with fleet(peer) as proxies:
        proxies.start(spec(0))
        counts = proxies.counts
        assert (counts.starting, counts.starting_connected) == (1, 0)

        running = asyncio.create_task(proxies.run())
        await asyncio.sleep(1.5)
        assert (counts.starting, counts.starting_connected) == (0, 1)
        await asyncio.sleep(5)
        assert (counts.starting, counts.starting_connected) == (0, 0)
        await cancel([running])


async def test_proxies_connect_once_the_control_plane_is_ready() -> None:
    """The embedded one takes a second to start, which its proxies would count as their wait."""
    peer, metrics, ready = Peer(), Metrics(), asyncio.Event()
    async with fleet(peer, metrics, ready=ready.wait) as proxies:
        proxies.start(spec(0))
        running = asyncio.create_task(proxies.run())
        await asyncio.sleep(3)
        assert present(metrics) == {("sidecar", "waiting"): 1}

        ready.set()
        await asyncio.sleep(0.1)

        assert proxies.counts.connected_now == 1
        assert metrics.connect.percentile(100) < 1
        assert metrics.first_config.count == 1
        assert metrics.first_config.percentile(100) < 1
        await cancel([running])


async def test_where_first_configs_take_long_proxies_may_take_as_long() -> None:
    """Istiod under load takes a minute for everyone, which is slow but no fault of the last."""
    peer, metrics = Peer(), Metrics()
    metrics.first_config.record(60.0)
    peer.silent = True
    async with fleet(peer, metrics) as proxies:
        proxies.start(spec(1))
        await asyncio.sleep(50)
        await proxies.refresh()
        assert proxies.counts.starting_connected == 1
        await asyncio.sleep(11)
        await proxies.refresh()
        assert proxies.counts.starting_connected == 0


async def test_a_proxy_that_was_configured_once_is_never_starting() -> None:
    """A control plane that dies at the end of a run would leave nothing but young proxies."""
    peer = Peer()
    async with fleet(peer) as proxies:
        proxies.start(spec(0))
        await asyncio.sleep(1)
        peer.silent = True
        for stream in peer.streams:
            stream.end(GONE)
        await asyncio.sleep(0.1)
        await proxies.refresh()
        counts = proxies.counts
        assert (counts.configured_now, counts.starting, counts.starting_connected) == (0, 0, 0)
