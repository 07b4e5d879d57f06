"""The judge of the proxies, judged: each kind of fault is found, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.scenarios import differences
from tests.xds.recordings import Entry, RecordedStream, Request

CLUSTERS, ENDPOINTS, LISTENERS = "Cluster", "ClusterLoadAssignment", "Listener"

ASK = Request(CLUSTERS, node=True)
ACK = Request(CLUSTERS, nonce="1")
ASK_ENDPOINTS = Request(ENDPOINTS, subscribe=("a", "b"))
ASK_LISTENERS = Request(LISTENERS)
ACK_ENDPOINTS = Request(ENDPOINTS, nonce="2")
REAL = [(0, ASK), (1, ACK), (1, ASK_ENDPOINTS), (2, ASK_LISTENERS), (2, ACK_ENDPOINTS)]


def stream() -> RecordedStream:
    """Return the beginning of a real proxy's stream: clusters, and the endpoints of two."""
    return RecordedStream(
        {},
        [
            Entry(0.0, CLUSTERS, ASK),
            Entry(0.1, CLUSTERS, nonce="1", names=frozenset("ab")),
            Entry(0.2, CLUSTERS, ACK),
            Entry(0.3, ENDPOINTS, ASK_ENDPOINTS),
            Entry(0.4, ENDPOINTS, nonce="2", names=frozenset("ab")),
            Entry(0.5, LISTENERS, ASK_LISTENERS),
            Entry(0.6, ENDPOINTS, ACK_ENDPOINTS),
        ],
    )


def changed(number: int, after: int | None = None, **fields: object) -> list[tuple[int, Request]]:
    """Return the requests of the real proxy but for one, and the place of that one."""
    requests = list(REAL)
    place, request = requests[number]
    requests[number] = (place if after is None else after, replace(request, **fields))  # type: ignore[arg-type]
    return requests


def moved(number: int, to: int) -> list[tuple[int, Request]]:
    """Return the requests of the real proxy, one of them elsewhere among those of its place."""
    requests = list(REAL)
    requests.insert(to, requests.pop(number))
    return requests


def test_a_proxy_that_does_as_the_real_one_does_not_differ() -> None:
    """Every difference would be one of the judge."""
    assert differences.of_requests(stream(), REAL, delta=True) == set()


@pytest.mark.parametrize(
    ("requests", "difference"),
    [
        (REAL[:-1], "acknowledges endpoints less often"),
        ([*REAL, (2, ACK_ENDPOINTS)], "asks for endpoints more often"),
        (changed(0, node=False), "asks for clusters without the node"),
        (changed(3, node=True), "asks for listeners with the node"),
        (changed(2, subscribe=("a",)), "asks for endpoints with other names"),
        (changed(1, error="no"), "refuses clusters, unlike the real one"),
        (changed(3, held=(("l", ""),)), "asks for listeners, holding other resources"),
        (
            changed(3, after=1),
            "asks for listeners before the endpoints that it asked for have come",
        ),
        (changed(2, after=2), "asks for endpoints only after more endpoints have come"),
        (moved(1, 2), "asks for endpoints earlier among its requests"),
        (moved(4, 3), "acknowledges endpoints earlier among its requests"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_found(requests: list[tuple[int, Request]], difference: str) -> None:
    """A proxy that is unlike Envoy in this way would pass for one."""
    assert differences.of_requests(stream(), requests, delta=True) == {difference}


def test_a_real_proxy_that_was_cut_off_would_have_said_more() -> None:
    """A proxy that repeats all its subscriptions at once would differ where Envoy had no time."""
    cut = RecordedStream({}, stream().entries[:1])

    assert differences.of_requests(cut, [(0, ASK), (0, ASK_LISTENERS)], delta=True) == set()


def test_a_request_that_once_went_ahead_does_not_wait() -> None:
    """A real proxy was only slower than the answer to its request; pyload need not be."""
    slow = stream()
    slow.entries += [
        Entry(1.0, CLUSTERS, nonce="3", names=frozenset("c")),
        Entry(1.1, ENDPOINTS, Request(ENDPOINTS, subscribe=("c",))),
        Entry(1.2, LISTENERS, Request(LISTENERS, subscribe=("l",))),
    ]
    requests = [*changed(3, after=1), *((3, entry.request) for entry in slow.entries[-2:])]

    assert differences.of_requests(slow, requests, delta=True) == set()  # type: ignore[arg-type]


def test_nodes_and_headers_are_compared_field_by_field() -> None:
    """Istiod decides by them what it sends, and keeps the node for as long as the stream lives."""
    real = {"id": "a", "metadata": {"A": "1", "PROXY_CONFIG": {"concurrency": 2}}, "extensions": []}
    own = {"id": "a", "metadata": {"A": "2", "PROXY_CONFIG": {}}, "user_agent_name": "envoy"}

    assert set(differences.of_nodes(real, own)) == {
        "has another `metadata.A` in its node",
        "has no `extensions` in its node",
        "has no `metadata.PROXY_CONFIG.concurrency` in its node",
        "has `user_agent_name` in its node",
    }
    assert set(
        differences.of_metadata(
            {"authorization": "Bearer x...", "user-agent": "grpc-go"},
            {":path": "/", "te": "trailers", "authorization": "Bearer t", "clusterid": "k"},
        )
    ) == {"has no header `user-agent`", "has a header `clusterid`"}
