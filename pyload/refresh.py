"""A cache of values that expire, such as tokens and certificates, and are refreshed in time.

A value is used until 80 % of its life; the next caller after that fetches a new one, and if this
fails the old one serves until it expires. All who ask for a key meanwhile wait for the same fetch.
There is no task that refreshes in advance: values that nobody asks for any more would be fetched
for ever.
"""

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
"""Values kept at most; the oldest goes first, and costs one more fetch if it is asked for again."""

_MARGIN: Final = timedelta(minutes=1)
_REFRESH_AFTER: Final = 0.8
"""Share of a value's life after which a new one is fetched."""


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Expiring(Generic[V]):
    """A value that is good for a time.

    Attributes:
        value: The value itself.
        refresh_after: When to fetch a new one.
        expires_at: When this one can no longer be used.
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
            refresh_after=min(begun + (expires - begun) * _REFRESH_AFTER, expires_at),
            expires_at=expires_at,
        )


class RefreshingCache(Generic[K, V]):
    """Fetches values by key, and keeps them until they expire.

    Args:
        fetch: Fetches a new value.
        now: Returns the time in UTC.
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
        """Return a value that is good for at least another minute.

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
            # Cancelled means that the caller that fetched was: another one has to.
            if not fetch.cancelled():
                return fetch.result()

    async def _lead(self, key: K) -> V:
        """Fetch a value for all callers that wait for it."""
        fetch: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._fetches[key] = fetch
        try:
            value = await self._renewed(key)
        except PyloadError as error:
            fetch.set_exception(error)
            # Marks the error as seen: there may be no other caller that waits.
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
        # Taken out and put in again, so that the dict has the oldest values first.
        self._kept.pop(key, None)
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = new
        return new.value
