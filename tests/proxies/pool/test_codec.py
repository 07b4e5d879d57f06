"""Messages between pool and workers arrive as they were sent."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.key_pair import KeyPair
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.counts import FleetCounts
from pyload.proxies.identity import NodeOptions
from pyload.proxies.late import Late
from pyload.proxies.pool import codec
from pyload.proxies.pool.codec import MAX_FRAME, Decoder, decode, encode
from pyload.proxies.pool.messages import (
    Arrivals,
    End,
    LogRecord,
    LogRecords,
    Message,
    Ready,
    Refresh,
    Report,
    ResolveRequest,
    ResolveResponse,
    Setup,
    Start,
    StartProxy,
    StatusUpdate,
    Stop,
    Stopped,
)
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target
from pyload.report.histogram import Histogram
from pyload.report.metrics import Metrics, Snapshot
from pyload.report.pacing import Pacing
from pyload.report.spreads import PushCounts
from pyload.xds.credentials import Principal
from pyload.xds.tls import TlsConfig
from pyload.xds.types import NDS, PCDS

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(0, 1 << 40)
SECONDS = st.floats(0, 1e6)
PEM = st.text(st.characters(codec="ascii"), max_size=20).map(str.encode)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 50), 1 << 50) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=4)
MOMENTS = st.dictionaries(NUMBERS, NUMBERS, max_size=3)
TUPLES = st.lists(NUMBERS, max_size=5).map(tuple)
COUNTS = st.builds(FleetCounts, *[NUMBERS] * 8)
SPECS = st.builds(
    ProxySpec,
    key=TEXTS,
    type=st.sampled_from(["sidecar", "router", "waypoint", "ztunnel"]),
    ip=TEXTS,
    name=TEXTS,
    namespace=TEXTS,
    service_account=TEXTS,
    labels=st.none() | LABELS,
    metadata=st.dictionaries(TEXTS, VALUES, max_size=4),
    cluster_id=TEXTS,
    domain=TEXTS,
    metadata_is_final=st.booleans(),
    address=TEXTS,
    own=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    workload=TEXTS,
    locality=TEXTS,
)
NODES = st.builds(
    NodeOptions,
    full=st.booleans(),
    istio_version=TEXTS,
    assumed_version=TEXTS,
    metadata=LABELS,
)
TARGETS = st.builds(
    Target,
    TEXTS,
    st.none() | st.builds(TlsConfig, PEM, TEXTS, st.none() | st.builds(KeyPair, PEM, PEM)),
    token=TEXTS,
    exclusive=st.booleans(),
)


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    """Draw distributions."""
    histogram = Histogram()
    for seconds in draw(st.lists(SECONDS, max_size=5)):
        histogram.record(seconds)
    return histogram


SNAPSHOTS = st.builds(
    Snapshot,
    proxies=st.dictionaries(st.tuples(TEXTS, TEXTS), NUMBERS, max_size=3),
    pushes=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    push_bytes=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    acknowledged=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    refused=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    disconnects=st.dictionaries(TEXTS, NUMBERS, max_size=3),
    objects=st.dictionaries(st.tuples(TEXTS, TEXTS), NUMBERS, max_size=3),
    churn=st.dictionaries(st.tuples(TEXTS, TEXTS), NUMBERS, max_size=3),
    first_config=histograms(),
    connect=histograms(),
    loop_lag=histograms(),
    worker_cpu=st.dictionaries(TEXTS, SECONDS, max_size=2),
    caches=st.dictionaries(TEXTS, st.integers(0, 1 << 40), max_size=2),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Setup,
        st.booleans(),
        st.builds(
            ProxyBehavior,
            agent_types=st.sampled_from([(), (NDS,), (NDS, PCDS)]),
            connect_rate=st.none() | st.floats(1, 1e6),
            slow_fraction=st.floats(0, 1),
            dialling=NUMBERS,
        ),
        TEXTS,
        st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3).map(tuple), max_size=3),
        st.booleans(),
        st.dictionaries(TEXTS, NUMBERS, max_size=3),
        TEXTS,
        NODES,
    ),
    st.lists(st.builds(StartProxy, NUMBERS, st.booleans(), SPECS), max_size=4).map(
        lambda starts: Start(tuple(starts))
    ),
    st.builds(Stop, TUPLES),
    st.builds(ResolveResponse, NUMBERS, st.none() | TARGETS, TEXTS, st.booleans()),
    st.builds(Refresh, NUMBERS),
    st.just(End()),
    st.just(Ready()),
    st.builds(Stopped, TUPLES),
    st.builds(ResolveRequest, NUMBERS, st.builds(Principal, *[TEXTS] * 5)),
    st.builds(
        StatusUpdate,
        TUPLES,
        TUPLES,
        COUNTS,
        st.lists(st.builds(Arrivals, TUPLES, TUPLES, TUPLES), max_size=3).map(tuple),
    ),
    st.builds(
        Report,
        NUMBERS,
        COUNTS,
        SNAPSHOTS,
        st.builds(Pacing, NUMBERS, st.none() | SECONDS),
        SECONDS,
        NUMBERS,
        st.lists(st.builds(Late, TEXTS, TEXTS), max_size=3).map(tuple),
        st.lists(st.builds(PushCounts, TEXTS, TEXTS, MOMENTS, NUMBERS), max_size=3).map(tuple),
    ),
    st.builds(
        lambda lines, lost: LogRecords(tuple(lines), lost),
        st.lists(
            st.builds(
                LogRecord, TEXTS, NUMBERS, SECONDS, TEXTS, NUMBERS, TEXTS, st.none() | LABELS
            ),
            max_size=3,
        ),
        NUMBERS,
    ),
)


@given(st.lists(MESSAGES, max_size=4), st.data())
def test_messages_arrive_whole_however_the_bytes_are_cut(
    messages: list[Message], data: st.DataObject
) -> None:
    """A proxy would start under another identity, or the figures of a run would be wrong."""
    stream = b"".join(map(encode, messages))
    decoder, actual = Decoder(), list[Message]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        actual += decoder.feed(stream[:size])
        stream = stream[size:]
    assert actual == messages


def test_proxies_with_equal_labels_share_them_in_the_worker() -> None:
    """A hundred thousand proxies would hold as many copies of their deployment's labels."""
    frozen = MappingProxyType({"app": "a", "version": "v1"})
    starts = Start(
        tuple(
            StartProxy(
                number,
                restarted=False,
                spec=ProxySpec(
                    key=str(number), type="sidecar", ip="", name="", namespace="n", labels=frozen
                ),
            )
            for number in range(2)
        )
    )
    (message,) = Decoder().feed(encode(starts))
    assert isinstance(message, Start)
    first, second = (one.spec for one in message.proxies)
    assert first.labels == dict(frozen)
    assert first.labels is second.labels
    assert first.metadata is second.metadata


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'["StatusUpdate"]', b'["Stop", 1, 2]', b'["Nothing", 1]', b"[1]", b"\xff"],
)
def test_bytes_that_are_no_message_are_refused(body: bytes) -> None:
    """A fault would show as an error somewhere else, or not at all."""
    with pytest.raises(RemoteProtocolError, match="cannot be read"):
        decode(body)


def test_a_frame_without_end_is_refused() -> None:
    """Noise on the pipe would be collected until memory is full."""
    with pytest.raises(RemoteProtocolError, match="claims to have"):
        list(Decoder().feed((MAX_FRAME + 1).to_bytes(4, "big")))


def test_every_figure_of_a_snapshot_is_sent() -> None:
    """A counter that is added later would be missing in runs with workers."""
    metrics = Metrics()
    metrics.cells_of("sidecar")["cds"].push(5)
    metrics.proxy("sidecar", None, "connected")
    snapshot = metrics.snapshot()
    report = Report(0, FleetCounts(), snapshot, Pacing(), 0.0, 0)
    (actual,) = Decoder().feed(encode(report))
    assert actual == report


@pytest.mark.parametrize("value", [object(), {1, 2}])
def test_metadata_that_is_no_json_is_refused(value: Any) -> None:
    """It would arrive as something else, or not at all, and nobody would know why."""
    spec = ProxySpec(key="a", type="sidecar", ip="", name="", namespace="", metadata={"x": value})
    with pytest.raises(TypeError):
        encode(Start((StartProxy(1, restarted=False, spec=spec),)))


def test_a_target_arrives_with_all_that_is_shown_there() -> None:
    """A worker's proxies would be refused, or show nothing where mTLS is wanted."""
    tls = TlsConfig(b"roots", "istiod", KeyPair(b"key", b"chain"))
    response = ResolveResponse(3, Target("istiod:15012", tls, token="secret"))
    assert list(Decoder().feed(encode(response))) == [response]


def test_a_message_that_is_too_long_is_refused_where_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other end would be blamed for it, in another process."""
    monkeypatch.setattr(codec, "MAX_FRAME", 10)
    with pytest.raises(RemoteProtocolError, match="too long for a worker"):
        encode(Stop((1, 2, 3)))
