"""Values that expire; tokens and certificates have their own tests of what is fetched."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pyload import refresh
from pyload.errors import PyloadError
from pyload.refresh import Expiring, RefreshingCache
from pyload.tasks import cancel

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

START = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = timedelta(hours=10)


class _Source:
    """Fetches values that are named after their key and a number, in a second each."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.broken = False

    async def __call__(self, key: str) -> Expiring[str]:
        begun = now()
        await asyncio.sleep(1)
        if self.broken:
            raise PyloadError("broken")
        self.fetched.append(key)
        value = f"{key}{len(self.fetched)}"
        return Expiring.of(value, begun=begun, expires=begun + LIFE)


def now() -> datetime:
    """Virtual time of day."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


async def test_one_fetch_for_all_who_ask_at_once_and_none_for_those_who_come_later() -> None:
    """A start of ten thousand proxies would ask ten thousand times."""
    source = _Source()
    kept: RefreshingCache[str, str] = RefreshingCache(source, now=now)
    assert kept.peek("a") is None

    got = await asyncio.gather(*(kept.get("a") for _ in range(1000)), kept.get("b"))

    assert set(got) == {"a1", "b2"}
    assert (kept.peek("a"), kept.peek("b"), len(kept)) == ("a1", "b2", 2)
    assert source.fetched == ["a", "b"]


async def test_a_worn_thing_is_renewed_and_serves_on_while_that_fails_until_it_is_dead() -> None:
    """A run of days would break at the end of the first life, or at the first hiccup near it."""
    source = _Source()
    kept: RefreshingCache[str, str] = RefreshingCache(source, now=now)
    await kept.get("a")
    await asyncio.sleep(7.9 * 3600)
    assert await kept.get("a") == kept.peek("a") == "a1"

    await asyncio.sleep(0.2 * 3600)
    source.broken = True
    assert kept.peek("a") is None
    assert await kept.get("a") == "a1"

    source.broken = False
    assert await kept.get("a") == kept.peek("a") == "a2"

    source.broken = True
    await asyncio.sleep(10 * 3600)
    with pytest.raises(PyloadError, match="broken"):
        await kept.get("a")
    assert len(kept) == 0


async def test_who_waits_for_a_fetch_that_was_cancelled_fetches_itself() -> None:
    """One proxy that is stopped would take all others of its account with it."""
    source = _Source()
    kept: RefreshingCache[str, str] = RefreshingCache(source, now=now)
    leader = asyncio.create_task(kept.get("a"), name="leader")
    await asyncio.sleep(0.5)
    follower = asyncio.create_task(kept.get("a"), name="follower")
    await asyncio.sleep(0)
    await cancel([leader])

    assert await follower == "a1"


async def test_the_oldest_goes_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies that come and go for days, each with its own certificate, would fill the memory."""
    monkeypatch.setattr(refresh, "KEPT", 2)
    kept: RefreshingCache[str, str] = RefreshingCache(_Source(), now=now)
    for key in "abc":
        await kept.get(key)

    assert [kept.peek(key) for key in "abc"] == [None, "b2", "c3"]
