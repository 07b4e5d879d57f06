"""Responses read once: what is shared among proxies must be what each of them was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds.messages import LARGE, Assembler, Message
from pyload.xds.prefix_cache import PrefixCache
from pyload.xds.resource_set import NO_RESOURCES
from pyload.xds.resources import Decoder, mismatch
from pyload.xds.response_cache import ResponseCache
from pyload.xds.types import ADDRESS, CDS, EDS
from pyload.xds.wire import discovery_pb2
from tests.xds.messages import Kept, cluster, clusters, delta_response, listener, sotw_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.xds.marks import Marks
    from pyload.xds.responses import Response


def received(data: bytes, prefixes: PrefixCache) -> Message:
    """Receive a message from a stream that shares its prefixes."""
    kept = Kept()
    Assembler(kept, prefixes).feed([memoryview(b"\0" + len(data).to_bytes(4, "big") + data)])
    return kept.messages[0]


@pytest.mark.parametrize("count", [1, 400], ids=["small", "large"])
@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
def test_responses_that_differ_in_the_nonce_are_one_object(count: int, *, delta: bool) -> None:
    """Each of ten thousand proxies would parse and keep the same half megabyte."""
    prefixes, cache = PrefixCache(), ResponseCache()
    read = []
    for number in range(3):
        data = (
            delta_response(CDS, clusters(count), nonce=f"nonce-{number}")
            if delta
            else sotw_response(CDS, *clusters(count).values(), nonce=f"nonce-{number}")
        )
        read.append(cache.read(received(data, prefixes), delta=delta))

    assert len({id(response) for response, _ in read}) == 1
    assert [nonce for _, nonce in read] == ["nonce-0", "nonce-1", "nonce-2"]
    assert read[0][0].count == count


@given(
    contents=st.lists(
        st.tuples(
            st.sets(st.sampled_from(["a", "b", "c", "nn"]), max_size=3),
            st.sets(st.sampled_from(["x", "y"]), max_size=2),
            st.sampled_from(["n", "nn", "c", "x1", "v1", "ü"]),
            st.sampled_from([0, LARGE]),
        ),
        max_size=8,
    )
)
def test_what_is_read_is_what_was_sent(
    contents: list[tuple[set[str], set[str], str, int]],
) -> None:
    """A proxy would take another's configuration, because a nonce looks like a name."""
    prefixes, cache = PrefixCache(), ResponseCache(limit=2000)
    for names, removed, nonce, padding in contents:
        resources = {name: cluster(name + "p" * padding) for name in sorted(names)}
        data = delta_response(EDS, resources, removed=sorted(removed), nonce=nonce)
        response, got = cache.read(received(data, prefixes), delta=True)
        assert got == nonce
        assert [one.name for one in response.resources] == sorted(names)
        assert sorted(response.removed) == sorted(removed)
        assert response.size == len(data)


def test_the_place_of_another_nonce_is_no_proof() -> None:
    """A proxy would acknowledge a nonce with the bytes behind it, which nobody has sent."""
    prefixes, cache = PrefixCache(), ResponseCache()
    short, more = "n" * 20, b"\x32\x04\x0a\x02cp"  # a control plane's identifier, behind the nonce
    plain = sotw_response(EDS, cluster("a"), nonce=short)
    longer = sotw_response(EDS, cluster("a"), nonce="n" * (len(short) + len(more)))
    for _ in range(2):
        for data, nonce in (
            (plain, short),
            (longer, "n" * (len(short) + len(more))),
            (plain + more, short),
        ):
            response, got = cache.read(received(data, prefixes), delta=False)
            assert (got, response.size) == (nonce, len(data))


def test_a_nonce_that_also_stands_behind_itself_is_read_right() -> None:
    """The control_plane field follows the nonce, and may repeat it."""
    message = discovery_pb2.DiscoveryResponse(type_url=EDS, nonce="same", version_info="same")
    # An unknown field behind the nonce, as the control plane's identifier is to us.
    data = message.SerializeToString() + b"\x32\x06\x0a\x04same"
    cache = ResponseCache()
    for number in (1, 2):
        other = data.replace(b"\x2a\x04same", b"\x2a\x04sam%d" % number)
        assert cache.read(Message(other), delta=False)[1] == f"sam{number}"


@pytest.mark.parametrize("count", [1, 400], ids=["small", "large"])
@pytest.mark.parametrize(
    "fields",
    ["nonce first", "nonce before the type", "a resource that ends as the message does"],
)
def test_a_response_is_its_own_wherever_its_nonce_stands(fields: str, count: int) -> None:
    """A control plane that writes its fields in another order would mix its proxies up."""
    prefixes, cache = PrefixCache(), ResponseCache()
    version = discovery_pb2.DiscoveryResponse(version_info="v").SerializeToString()
    kind = discovery_pb2.DiscoveryResponse(type_url=CDS).SerializeToString()
    for number in range(4):
        nonce = discovery_pb2.DiscoveryResponse(nonce=f"{number}").SerializeToString()
        names = [f"c{at}" for at in range(count)] + [f"own-{number % 2}"]
        sent = discovery_pb2.DiscoveryResponse(
            resources=[cluster(name) for name in names]
        ).SerializeToString()
        if fields == "nonce first":
            data = nonce + version + sent + kind
        elif fields == "nonce before the type":
            data = version + sent + nonce + kind
        else:
            fake = cluster("own") + b"\x32" + bytes([len(nonce)]) + nonce
            other = discovery_pb2.DiscoveryResponse(resources=[fake]).SerializeToString()
            data = version + kind + nonce + sent + other
        response, got = cache.read(received(data, prefixes), delta=False)
        assert (response.error, got) == ("", f"{number}")
        assert f"own-{number % 2}" in response.resource_set.by_name
        assert response.count == len(names) + (fields.startswith("a resource"))


@pytest.mark.parametrize("delta", [True, False])
@given(data=st.binary(max_size=80))
def test_random_bytes_are_read_or_refused(data: bytes, *, delta: bool) -> None:
    """Garbage must end the stream with the protocol's error."""
    cache = ResponseCache()
    try:
        cache.read(Message(data), delta=delta)
    except RemoteProtocolError:
        return


@pytest.mark.parametrize("large", [True, False])
def test_endpoints_in_another_order_are_the_same_response(*, large: bool) -> None:
    """Istiod sends them in the order of a Go map: each proxy would compute its own state."""
    prefixes, cache = PrefixCache(), ResponseCache()
    names = [f"c{number}" for number in range(400 if large else 4)]
    sent = {name: cluster(name) for name in names}
    turned = {name: cluster(name) for name in reversed(names)}
    other = {name: cluster(name * 2) for name in names}
    first, second, third = (
        cache.read(received(delta_response(EDS, one, nonce="n"), prefixes), delta=True)[0]
        for one in (sent, turned, other)
    )
    assert first is second
    assert first is not third


def test_of_two_resources_with_one_name_the_later_counts_in_any_order() -> None:
    """Proxies would take the state of others, who were sent the same in another order.

    Envoy refuses such a response, ztunnel does not.
    """
    cache = ResponseCache()
    for order in ((0, 1), (1, 0)):
        message = discovery_pb2.DeltaDiscoveryResponse(type_url=ADDRESS, nonce="n")
        for number in order:
            message.resources.add(name="same", version=f"v{number}", resource=cluster(f"{number}"))
        response, _ = cache.read(Message(message.SerializeToString()), delta=True)
        assert response.after(NO_RESOURCES).by_name["same"].version == f"v{order[1]}"


def test_a_resource_without_a_body_is_an_error_wherever_it_stands() -> None:
    """A proxy would act on a response that was never sent."""
    message = discovery_pb2.DiscoveryResponse(type_url=CDS, nonce="n", resources=[b""])
    response, _ = ResponseCache().read(Message(message.SerializeToString()), delta=False)
    assert response.error == mismatch("", CDS)


def test_kinds_of_proxies_are_told_apart_wherever_they_differ() -> None:
    """A mesh has as many as it has services, and each has a few resources of its own."""
    prefixes, cache = PrefixCache(), ResponseCache()
    read: dict[int, Response] = {}
    for number in range(20):
        for view in range(50):
            mine = {"mine": cluster(f"view-{view}")}
            sent = clusters(200) | mine if view % 2 else mine | clusters(200)
            data = sotw_response(CDS, *sent.values(), nonce=f"n-{number:03}")
            response, _ = cache.read(received(data, prefixes), delta=False)
            assert read.setdefault(view, response) is response
            assert f"view-{view}" in response.resource_set.by_name
    assert len({id(one) for one in read.values()}) == 50


def many(make: Callable[[int], bytes], count: int) -> ResponseCache:
    """Read many different small responses with a small limit."""
    cache = ResponseCache(limit=1000)
    cache.decoder = Decoder(limit=1000)
    for number in range(count):
        cache.read(Message(make(number)), delta=True)
    return cache


def test_what_is_remembered_is_bounded() -> None:
    """A mesh that churns for days must not fill the memory."""
    cache = many(lambda n: delta_response(CDS, {f"c{n}": cluster(f"c{n}")}), 300)
    assert cache.size <= 1000
    assert cache.decoder.size <= 1000


def test_what_is_used_stays_remembered() -> None:
    """The configuration of every proxy would be forgotten for the churn of a few."""
    decoder = Decoder(limit=1000)
    kept = cluster("kept")
    resource = decoder.decode(CDS, kept)
    for number in range(300):
        decoder.decode(CDS, cluster(f"c{number}"))
        assert decoder.decode(CDS, kept) is resource


@pytest.mark.parametrize("delta", [False, True])
def test_marks_are_those_of_what_a_response_brings(*, delta: bool) -> None:
    """A probe would arrive by the response that removes it, or by one that was refused."""
    name = "outbound|80||pyload-probe-abc-7.example.com"
    good = {name: cluster(name)}
    broken = {name: listener(name)}

    def marks(resources: dict[str, bytes], *, removed: Iterable[str] = ()) -> Marks:
        data = (
            delta_response(CDS, resources, removed=removed)
            if delta
            else sotw_response(CDS, *resources.values())
        )
        return ResponseCache().read(Message(data), delta=delta)[0].marks

    assert marks(good) == {"abc": (7,)}
    assert marks(broken) == {}
    assert marks({}, removed=[name]) == {}


def test_marks_of_workloads_are_found() -> None:
    """No probe would ever reach a ztunnel."""
    names = ("default/pyload-probe-abc-7.example.com", "Kubernetes/x/default/pyload-probe-abc-8/10")
    data = delta_response(ADDRESS, dict.fromkeys(names, b"\n\x01\xff"))
    cache = ResponseCache()
    assert cache.read(Message(data), delta=True)[0].marks == {"abc": (7, 8)}


def test_marks_are_found_again_with_the_response_that_has_them() -> None:
    """A probe would arrive at the first proxy alone, or at those that get the response before."""
    prefixes, cache = PrefixCache(), ResponseCache()
    many = {f"c{number}": cluster(f"c{number}") for number in range(200)}
    name = "outbound|80||pyload-probe-abc-7.example.com"
    for clusters_sent, expected in ((many, {}), ({**many, name: cluster(name)}, {"abc": (7,)})):
        for nonce in ("n1", "n2", "n3"):
            data = sotw_response(CDS, *clusters_sent.values(), nonce=nonce, version="v" * 64)
            assert cache.read(received(data, prefixes), delta=False)[0].marks == expected
