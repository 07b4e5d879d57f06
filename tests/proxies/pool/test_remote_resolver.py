"""How the proxies of a worker learn where to go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import CertificateError, PyloadError
from pyload.proxies.pool.messages import ResolveRequest, ResolveResponse
from pyload.proxies.pool.remote_resolver import KEPT, RemoteResolver
from pyload.proxies.targets import Target
from pyload.xds.credentials import Principal

if TYPE_CHECKING:
    from collections.abc import Coroutine

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Asked:
    """A resolver whose requests a test answers."""

    def __init__(self, *, exclusive: bool = False) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.requests: list[ResolveRequest] = []
        self.resolver = RemoteResolver(
            self.requests.append, exclusive=exclusive, now=lambda: self.now
        )

    async def ask(self, number: int, account: str = "a") -> Target:
        """Resolve a proxy."""
        target = self.resolver(
            Principal("mesh", account, "Kubernetes", f"p{number}", "istiod:15012")
        )
        return target if isinstance(target, Target) else await target

    def answer(self, token: str = "t") -> None:
        """Answer the last request."""
        self.respond(Target("istiod:15012", token=token))

    def respond(self, target: Target | None, *rest: Any) -> None:
        """Answer the last request with this target, or with an error."""
        self.resolver.on_response(ResolveResponse(self.requests[-1].number, target, *rest))


async def begun(coroutine: Coroutine[Any, Any, Target]) -> asyncio.Task[Target]:
    """Start a coroutine and let it run until it waits."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0.001)
    return task


async def test_proxies_of_one_account_ask_once_a_minute() -> None:
    """Ten thousand proxies that start together would ask ten thousand questions."""
    asked = Asked()
    tasks = [await begun(asked.ask(number)) for number in range(5)]
    asked.answer("t1")
    targets = [await task for task in tasks]
    assert {target.token for target in targets} == {"t1"}
    assert await asked.ask(9) is targets[0]
    assert len(asked.requests) == 1

    asked.now += KEPT + timedelta(seconds=1)
    later = await begun(asked.ask(1))
    asked.answer("t2")
    assert (await later).token == "t2"
    assert len(asked.requests) == 2


async def test_proxies_with_targets_of_their_own_ask_each_time() -> None:
    """With --csr-per-pod, one proxy would show the certificate of another."""
    asked = Asked(exclusive=True)
    for number in range(3):
        task = await begun(asked.ask(number))
        asked.answer()
        await task
    assert [request.principal.proxy for request in asked.requests] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("certificate", [True, False])
async def test_a_target_that_there_is_not(certificate: bool) -> None:  # noqa: FBT001 - a parameter
    """The reason of a disconnect would be another than without workers, and the fix be lost."""
    asked = Asked()
    task = await begun(asked.ask(0))
    asked.respond(None, "no; do this", certificate)
    with pytest.raises(PyloadError, match="no; do this") as caught:
        await task
    assert isinstance(caught.value, CertificateError) == certificate


async def test_a_proxy_that_is_stopped_while_it_asks_harms_nobody() -> None:
    """Another proxy that waits for the same answer would wait for ever."""
    asked = Asked()
    first, second = await begun(asked.ask(0)), await begun(asked.ask(1))
    first.cancel()
    await asyncio.sleep(0.001)
    assert len(asked.requests) == 2
    asked.resolver.on_response(ResolveResponse(asked.requests[0].number, Target("late:1")))
    asked.answer()
    assert (await second).token == "t"
    assert first.cancelled()
