"""Keeps somebody's view of a collection equal to the API server's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import ApiError, ClusterUnreachable, Gone, PyloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_WATCH_SECONDS: Final = (300, 600)
_REFUSALS_BEFORE_RELIST: Final = 3
"""A server that was restored from a backup refuses the old resourceVersion for ever."""

log = logging.getLogger("pyload.kube")


class Handler(Protocol):
    """What a `Reflector` tells about its collection."""

    def replace(self, objects: list[Obj]) -> None:
        """Take the whole collection; whatever is not in it is gone."""
        ...

    def event(self, type_: str, obj: Obj) -> None:
        """Take one change: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        ...


def _as_it_is(obj: Obj) -> Obj:
    return obj


class Reflector:
    """Lists a collection, then watches it, and lists again when the watch has lost its place.

    Args:
        client: The API server.
        resource: Kind of the objects.
        handler: Is told of everything.
        namespace: Restricts the objects.
        label_selector: Restricts the objects.
        field_selector: Restricts the objects.
        rng: Spreads retries and the lengths of watches.
        keep: Cuts each object down before it is kept or handed on.

    Attributes:
        synced: Set once the handler has been given the collection.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        handler: Handler,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        rng: Random | None = None,
        keep: Callable[[Obj], Obj] = _as_it_is,
    ) -> None:
        self.synced = asyncio.Event()
        self._client = client
        self._path = resource.path(namespace)
        self._handler = handler
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._rng = rng or Random()  # noqa: S311 - spreads retries
        self._keep = keep
        self._version = ""
        self._failures = 0

    async def run(self) -> None:
        """Follow the collection until cancelled; trouble that may pass is waited out.

        Raises:
            ApiError: The server refused the first list: the account may not read the collection,
                or its kind is not served.
        """
        while True:
            if await self._list():
                await self._watch_until_lost()
            await self._pause()

    async def _list(self) -> bool:
        """Read the collection; False if that failed."""
        try:
            objects, self._version = await self._client.list(
                self._path,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                keep=self._keep,
            )
        except (ApiError, ClusterUnreachable) as error:
            if not self.synced.is_set() and _will_not_pass(error):
                raise
            self._failed("list", error)
            return False
        self._handler.replace(objects)
        self.synced.set()
        return True

    async def _watch_until_lost(self) -> None:
        """Watch again and again from where the last watch ended, until that place is lost."""
        refusals = 0
        while refusals < _REFUSALS_BEFORE_RELIST:
            started = asyncio.get_running_loop().time()
            version = self._version
            try:
                await self._watch_once()
            except Gone as error:
                self._failed("watch", error)
                return
            except ApiError as error:
                refusals += 1
                self._failed("watch", error)
            except ClusterUnreachable as error:
                self._failed("watch", error)
            else:
                if asyncio.get_running_loop().time() - started >= 1:
                    self._failures = 0
                    continue
                # A server that ends watches at once must not be asked in a tight loop.
                self._failures += 1
            if self._version != version:
                refusals = 0
            await self._pause()

    async def _watch_once(self) -> None:
        events = self._client.watch(
            self._path,
            resource_version=self._version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            timeout_seconds=self._rng.randint(*_WATCH_SECONDS),
        )
        async with contextlib.aclosing(events):
            async for type_, obj in events:
                kept = obj if type_ == "BOOKMARK" else self._keep(obj)
                if type_ != "BOOKMARK":
                    self._handler.event(type_, kept)
                # After the handler: what it has not taken must come again.
                metadata = obj.get("metadata") or {}
                self._version = metadata.get("resourceVersion") or self._version
                self._failures = 0

    def _failed(self, what: str, error: PyloadError) -> None:
        self._failures += 1
        level = logging.DEBUG if self._failures == 1 else logging.WARNING
        log.log(level, "cannot %s %s: %s", what, self._path, error)

    async def _pause(self) -> None:
        doublings = min(max(self._failures - 1, 0), 10)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doublings)
        await asyncio.sleep(longest * self._rng.uniform(0.5, 1))


def _will_not_pass(error: PyloadError) -> bool:
    return (
        isinstance(error, ApiError)
        and 400 <= error.status < 500
        and error.status
        not in (
            408,
            410,
            429,
        )
    )
