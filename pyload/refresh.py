"""Things that wear out, such as tokens and certificates: fetched once however many ask, renewed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pyload.errors import PyloadError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

KEPT: Final = 100_000
"""Things kept at most; the oldest goes first, and costs one more fetch if it is asked for again."""

_MARGIN: Final = timedelta(minutes=1)
_WORN: Final = 0.8
"""Share of its life after which a new one is fetched."""


def utc_now() -> datetime:
    """Give the time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Expiring(Generic[V]):
    """A thing that is good for a time.

    Attributes:
        value: The thing.
        refresh_after: When to fetch a new one.
        expires_at: From when on it is of no use.
    """

    value: V
    refresh_after: datetime
    expires_at: datetime

    @classmethod
    def of(cls, value: V, *, begun: datetime, expires: datetime) -> Expiring[V]:
        """Return a value to refresh after 80 % of its life; it expires a minute before its end."""
        expires_at = expires - _MARGIN
        return cls(
            value,
            refresh_after=min(begun + (expires - begun) * _WORN, expires_at),
            expires_at=expires_at,
        )


class RefreshingCache(Generic[K, V]):
    """Fetches things by key, and keeps them while they live.

    However many ask at once, a key costs one fetch. Where a renewal fails, the old thing serves
    until it expires.

    Args:
        fetch: Gets a new thing.
        now: Gives the time in UTC.
    """

    def __init__(
        self,
        fetch: Callable[[K], Awaitable[Expiring[V]]],
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._kept: dict[K, Expiring[V]] = {}
        self._fetches: dict[K, asyncio.Future[V]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def peek(self, key: K) -> V | None:
        """Return the value of a key, or None if there is none or it is due for a refresh."""
        kept = self._kept.get(key)
        return kept.value if kept is not None and self._now() < kept.refresh_after else None

    async def get(self, key: K) -> V:
        """Give a thing that lives for at least another minute.

        Raises:
            PyloadError: It could not be fetched.
        """
        while True:
            kept = self.peek(key)
            if kept is not None:
                return kept
            fetch = self._fetches.get(key)
            if fetch is None:
                return await self._lead(key)
            await asyncio.wait([fetch])
            # Cancelled means that whoever led was: somebody else has to.
            if not fetch.cancelled():
                return fetch.result()

    async def _lead(self, key: K) -> V:
        """Fetch a thing on behalf of everyone who waits for it."""
        fetch: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._fetches[key] = fetch
        try:
            value = await self._renewed(key)
        except PyloadError as error:
            fetch.set_exception(error)
            # Nobody may be waiting, and then nobody would read it.
            fetch.exception()
            raise
        else:
            fetch.set_result(value)
            return value
        finally:
            del self._fetches[key]
            fetch.cancel()

    async def _renewed(self, key: K) -> V:
        old = self._kept.get(key)
        try:
            new = await self._fetch(key)
        except PyloadError:
            if old is not None and self._now() < old.expires_at:
                return old.value
            self._kept.pop(key, None)
            raise
        # Back to the end of the line of those that go first.
        self._kept.pop(key, None)
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = new
        return new.value
