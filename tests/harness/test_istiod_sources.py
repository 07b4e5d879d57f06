"""Where istiod's metrics are found and read, and what is said where they cannot be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.harness.istiod_sources import (
    READ_SECONDS,
    Auto,
    Embedded,
    Pods,
    Reading,
    Urls,
    check_flag,
    hint,
    source_of,
)
from pyload.kube.client import Client
from tests.kube.peers import Lines, Scripted, answer
from tests.kube.peers import status as a_status
from tests.report.istiod_pages import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

AT_PORT = "http://istiod.istio-system.svc:15014/metrics"
ADDRESS = "istiod.istio-system.svc:15010"


class Web:
    """Pages by URL; nothing listens at others."""

    def __init__(self, pages: Mapping[str, bytes] | None = None) -> None:
        self.pages = dict(pages or {})

    async def get(self, url: str) -> bytes:
        """Read a page."""
        if url not in self.pages:
            raise ConnectionRefusedError
        return self.pages[url]


def pods(*names: str, phase: str = "Running") -> Response:
    """Return a list of pods."""
    items = [{"metadata": {"name": name}, "status": {"phase": phase}} for name in names]
    return answer(200, {"items": items, "metadata": {}})


def lines(text: bytes) -> Lines:
    """Return a page as it comes through the API server."""
    return Lines(200, text.split(b"\n"))


def forbidden() -> Response:
    """Return the refusal of an account that may not see pods."""
    return answer(403, a_status(403, "Forbidden", "pods is forbidden"))


async def test_each_url_is_an_istiod() -> None:
    """Behind a Service only one answers: who has several addresses can name them all."""
    web = Web({"http://a/metrics": page(version="1"), "http://b:1/x": page(version="2")})
    source = Urls(["http://a/metrics", "http://b:1/x", "http://c/metrics"], web.get)
    reading = await source.read()
    assert {place: one.version for place, one in reading.pages.items()} == {
        "http://a/metrics": "1",
        "http://b:1/x": "2",
    }
    assert reading.problems == ("http://c/metrics: connection refused",)


async def test_a_page_of_something_else_is_a_problem() -> None:
    """A wrong port would else show a control plane that does nothing."""
    reading = await Urls(["http://a/"], Web({"http://a/": b"hello"}).get).read()
    assert reading.problems == ("http://a/: not a metrics page of istiod",)


async def test_a_server_that_is_silent_is_given_up() -> None:
    """A reading that never ends would keep a run from its own end."""

    async def hang(_: str) -> bytes:
        await asyncio.sleep(1000)
        return b""

    began = asyncio.get_running_loop().time()
    reading = await Urls(["http://a/", "http://b/"], hang).read()
    assert asyncio.get_running_loop().time() - began == pytest.approx(READ_SECONDS)
    assert reading.problems == ("http://a/: no answer in 3 s", "http://b/: no answer in 3 s")


async def test_pods_are_read_through_the_api_server() -> None:
    """From outside of a cluster that is the only way without a port-forward."""
    server = Scripted(pods("istiod-1", "istiod-2"), lines(page()), lines(page(version="1.29")))
    source = Pods(Client(server), "istio-system")
    reading = await source.read()
    assert source.name == "pods in istio-system"
    assert [(place, one.version) for place, one in reading.pages.items()] == [
        ("istiod-1", "1.28"),
        ("istiod-2", "1.29"),
    ]
    base = "/api/v1/namespaces/istio-system/pods"
    paths = [request.path for request in server.requests]
    assert paths == [base, *(f"{base}/istiod-{one}:15014/proxy/metrics" for one in (1, 2))]
    assert server.requests[0].query["labelSelector"] == "app=istiod"


async def test_pods_that_do_not_run_are_no_istiods() -> None:
    """One that is pending, or was evicted, has nothing to say."""
    reading = await Pods(Client(Scripted(pods("istiod-1", phase="Pending"))), "own").read()
    assert reading == Reading(problems=("no pod with app=istiod runs in own",))


async def test_rights_that_are_missing_are_named() -> None:
    """A user does not know which of a cluster's rights a look at metrics takes."""
    reading = await Pods(Client(Scripted(forbidden())), "istio-system").read()
    assert reading.problems == ("pods in istio-system: forbidden",)
    assert "pods/proxy" in hint(reading.problems)

    refusal = Lines(403, [b'{"kind":"Status","message":"pods/proxy is forbidden"}'])
    reading = await Pods(Client(Scripted(pods("istiod-1"), refusal)), "istio-system").read()
    assert reading.problems == ("istiod-1: forbidden",)


async def test_the_port_beside_the_control_planes_is_tried_first() -> None:
    """Without an API server, as for adsc, that is all there is."""
    source = Auto(ADDRESS, None, Web({AT_PORT: page()}).get)
    assert list((await source.read()).pages) == [AT_PORT]
    assert source.name == AT_PORT


async def test_pods_are_read_where_the_port_is_not_reachable() -> None:
    """A port-forward of 15010 alone has no 15014."""
    server = Scripted(pods("istiod-1"), lines(page()), pods("istiod-2"), lines(page()))
    source = Auto("localhost:15010", Client(server), Web().get)
    assert list((await source.read()).pages) == ["istiod-1"]
    assert source.name == "pods in istio-system"
    # From then on nothing else is tried, but the pods may be others.
    assert list((await source.read()).pages) == ["istiod-2"]


async def test_all_pods_are_read_if_the_port_is_that_of_one_of_them() -> None:
    """A Service shows one of two istiods: half of the proxies would be missing."""
    one, two = page(started=1000.0), page(started=1001.0)
    server = Scripted(pods("istiod-1", "istiod-2"), lines(one), lines(two))
    source = Auto(ADDRESS, Client(server), Web({AT_PORT: two}).get)
    assert list((await source.read()).pages) == ["istiod-1", "istiod-2"]


async def test_pods_of_another_control_plane_are_not_read() -> None:
    """A kubeconfig may lead to a cluster whose istiod is not the one under load."""
    server = Scripted(pods("istiod-1"), lines(page(started=1000.0)))
    source = Auto(ADDRESS, Client(server), Web({AT_PORT: page(started=2000.0)}).get)
    assert list((await source.read()).pages) == [AT_PORT]


async def test_istiod_is_looked_for_in_the_namespace_of_its_address() -> None:
    """A control plane may be anywhere; its address says where."""
    server = Scripted(pods("istiod-1"), lines(page()))
    source = Auto("istiod-canary.mesh.svc.cluster.local:15012", Client(server), Web().get)
    await source.read()
    assert source.name == "pods in mesh"


async def test_where_nothing_is_found_all_that_was_tried_is_told() -> None:
    """One line has to do for a user who wants the figures."""
    source = Auto("localhost:15010", Client(Scripted(forbidden())), Web().get)
    reading = await source.read()
    assert reading == Reading(
        problems=(
            "http://localhost:15014/metrics: connection refused",
            "pods in istio-system: forbidden",
        )
    )


@pytest.mark.parametrize(
    ("flag", "expected"),
    [("", type(None)), ("none", type(None)), ("auto", Auto), ("localhost:15014", Urls)],
)
def test_the_flag_names_the_source(flag: str, expected: type) -> None:
    """A library's run reads nothing that it was not asked to."""
    assert isinstance(source_of(flag, ADDRESS, None), expected)


def test_the_control_plane_of_this_process_needs_no_port() -> None:
    """Its metrics are at hand; a URL that the user gave counts more."""
    assert isinstance(source_of("auto", ADDRESS, None, page), Embedded)
    assert isinstance(source_of("http://a", ADDRESS, None, page), Urls)


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("localhost:15014", "http://localhost:15014/metrics"),
        ("https://a/metrics?x=1", "https://a/metrics?x=1"),
        ("a:1, http://[::1]:2/stats", "http://a:1/metrics, http://[::1]:2/stats"),
    ],
)
def test_urls_are_completed(flag: str, name: str) -> None:
    """An address is what people know of istiod's port."""
    source = source_of(flag, ADDRESS, None)
    assert source is not None
    assert source.name == name


@pytest.mark.parametrize("flag", ["http://", "ftp://a", "a:x", "localhost:99999", "http://[::1"])
def test_what_is_no_url_is_refused_at_once(flag: str) -> None:
    """Else the run would go on for an hour without these figures."""
    with pytest.raises(UsageError, match="--istiod-metrics"):
        check_flag(flag)
