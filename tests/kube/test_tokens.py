"""Service account tokens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import ApiError, NotFound
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from tests.kube.peers import Scripted, answer, status

if TYPE_CHECKING:
    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

START = datetime(2026, 1, 1, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def _token(text: str, *, expires: datetime = START + timedelta(days=7)) -> Response:
    stamp = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return answer(201, {"status": {"token": text, "expirationTimestamp": stamp}})


def _tokens_of(*answers: Response | Exception) -> tuple[Tokens, Scripted, _Clock]:
    transport, clock = Scripted(*answers), _Clock()
    return Tokens(Client(transport, rng=Random(1)), now=clock), transport, clock


async def test_ten_thousand_proxies_cost_one_request() -> None:
    """A big start would spend its rate on tokens."""
    tokens, transport, _ = _tokens_of(_token("t"))
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(tokens.get("mesh", "default"), name=f"get-{number}")
            for number in range(10_000)
        ]

    assert {task.result() for task in tasks} == {"t"}
    (request,) = transport.requests
    assert request.path == "/api/v1/namespaces/mesh/serviceaccounts/default/token"
    assert request.body["spec"] == {
        "audiences": ["istio-ca"],
        "expirationSeconds": 604800,
        "boundObjectRef": None,
    }


async def test_a_worn_token_is_renewed_and_lasts_if_that_fails() -> None:
    """Reconnects after days would be refused, or one failed renewal would end all connections."""
    tokens, transport, clock = _tokens_of(_token("a"), answer(500), _token("b"))

    assert await tokens.get("mesh", "default") == "a"
    clock.now = START + timedelta(days=7) * 0.79
    assert await tokens.get("mesh", "default") == "a"
    clock.now = START + timedelta(days=7) * 0.81
    assert await tokens.get("mesh", "default") == "a"
    assert len(transport.requests) == 2
    assert await tokens.get("mesh", "default") == "b"


async def test_a_token_about_to_die_is_not_given_out() -> None:
    """The connection would be refused just after it was opened."""
    tokens, _, clock = _tokens_of(_token("a"), answer(500))
    await tokens.get("mesh", "default")
    clock.now = START + timedelta(days=7) - timedelta(seconds=59)

    with pytest.raises(ApiError):
        await tokens.get("mesh", "default")


async def test_a_short_lived_token_is_fetched_each_time() -> None:
    """A server that caps tokens below the margin would make the cache serve dead ones."""
    soon = START + timedelta(seconds=30)
    tokens, transport, _ = _tokens_of(_token("a", expires=soon), _token("b", expires=soon))

    assert [await tokens.get("m", "d"), await tokens.get("m", "d")] == ["a", "b"]
    assert len(transport.requests) == 2


async def test_a_missing_account_is_named_to_everyone_who_waits() -> None:
    """Each of the waiting proxies would ask again, one after the other."""
    tokens, transport, _ = _tokens_of(answer(404, status(404, "NotFound", "serviceaccounts")))

    async def failed() -> str:
        with pytest.raises(NotFound) as caught:
            await tokens.get("mesh", "ghost")
        return str(caught.value)

    texts = await asyncio.gather(*(failed() for _ in range(5)))

    assert len(transport.requests) == 1
    assert all("create the service account mesh/ghost first" in text for text in texts)


async def test_when_the_one_who_asks_is_cancelled_another_asks() -> None:
    """One stopped proxy would take all others of its account with it."""
    tokens, transport, _ = _tokens_of(_token("a"))
    transport.delay = 1
    leader = asyncio.create_task(tokens.get("m", "d"), name="leader")
    await asyncio.sleep(0.1)
    others = [asyncio.create_task(tokens.get("m", "d"), name=f"other-{n}") for n in range(3)]
    await asyncio.sleep(0.1)
    leader.cancel()
    others[0].cancel()

    results = await asyncio.gather(leader, *others, return_exceptions=True)

    assert [type(result) for result in results[:2]] == [asyncio.CancelledError] * 2
    assert results[2:] == ["a", "a"]
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    "body", [{}, {"status": {}}, {"status": {"token": "t", "expirationTimestamp": "soon"}}]
)
async def test_an_answer_without_token_is_an_error(body: dict[str, Any]) -> None:
    """The proxy would crash instead of being retried."""
    tokens, _, _ = _tokens_of(answer(201, body))

    with pytest.raises(ApiError, match="the answer holds no token"):
        await tokens.get("mesh", "default")
