"""How the proxies of a worker learn where to go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import CertificateError, PyloadError
from pyload.proxies.local_fleet import Route
from pyload.proxies.pool.messages import ResolveRequest, ResolveResponse
from pyload.proxies.pool.remote_resolver import KEPT, RemoteResolver
from pyload.proxies.spec import ProxySpec
from pyload.proxies.targets import Target, TransportCache
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Coroutine

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Asked:
    """Ways whose questions a test answers."""

    def __init__(self, *, own: bool = False) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.questions: list[ResolveRequest] = []
        self.ways = RemoteResolver(
            self.questions.append,
            TransportCache(lambda _address, _tls: Peer()),
            own=own,
            now=lambda: self.now,
        )

    async def ask(self, number: int, account: str = "a") -> Route:
        """Ask for the way of a proxy."""
        spec = ProxySpec(
            key=f"p{number}",
            type="sidecar",
            ip="",
            name="",
            namespace="mesh",
            service_account=account,
            address="istiod:15012",
        )
        route = self.ways(spec)
        return route if isinstance(route, Route) else await route

    def answer(self, **fields: Any) -> None:
        """Answer the last question."""
        path = Target("istiod:15012", token=True, own=fields.pop("own", False))
        self.ways.answer(
            ResolveResponse(self.questions[-1].number, fields.pop("path", path), **fields)
        )


async def begun(coroutine: Coroutine[Any, Any, Route]) -> asyncio.Task[Route]:
    """Start a coroutine and let it run until it waits."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0.001)
    return task


async def test_proxies_of_one_account_ask_once_a_minute() -> None:
    """Ten thousand proxies that start together would ask ten thousand questions."""
    asked = Asked()
    tasks = [await begun(asked.ask(number)) for number in range(5)]
    asked.answer(token="t1")
    routes = [await task for task in tasks]
    assert {route.bearer for route in routes} == {"t1"}
    assert (await asked.ask(9)).transport is routes[0].transport
    assert len(asked.questions) == 1

    asked.now += KEPT + timedelta(seconds=1)
    later = await begun(asked.ask(1))
    asked.answer(token="t2")
    assert (await later).bearer == "t2"
    assert len(asked.questions) == 2


async def test_proxies_of_their_own_ways_ask_each_time() -> None:
    """With --csr-per-pod, one proxy would show the certificate of another."""
    asked = Asked(own=True)
    for number in range(3):
        task = await begun(asked.ask(number))
        asked.answer(own=True)
        await task
    assert [question.key for question in asked.questions] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("certificate", [True, False])
async def test_a_way_that_there_is_not(certificate: bool) -> None:  # noqa: FBT001 - a parameter
    """The reason of a disconnect would be another than without workers, and the fix be lost."""
    asked = Asked()
    task = await begun(asked.ask(0))
    asked.answer(path=None, error="no; do this", certificate=certificate)
    with pytest.raises(PyloadError, match="no; do this") as caught:
        await task
    assert isinstance(caught.value, CertificateError) == certificate


async def test_a_proxy_that_is_stopped_while_it_asks_harms_nobody() -> None:
    """Another proxy that waits for the same answer would wait for ever."""
    asked = Asked()
    first, second = await begun(asked.ask(0)), await begun(asked.ask(1))
    first.cancel()
    await asyncio.sleep(0.001)
    assert len(asked.questions) == 2
    asked.ways.answer(ResolveResponse(asked.questions[0].number, Target("late:1")))
    asked.answer(token="t")
    assert (await second).bearer == "t"
    assert first.cancelled()
