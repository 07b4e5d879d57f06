"""Keeps somebody's view of a collection equal to the API server's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from pyload.errors import ApiError, ClusterUnreachable, Forbidden, Gone, PyloadError
from pyload.kube.client import ends_initial_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource

T = TypeVar("T")

STALL_SECONDS: Final = 120.0
"""A server sends a bookmark a minute; after twice that, the connection is taken for dead."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_WATCH_SECONDS: Final = (300, 600)
_REFUSALS_BEFORE_RELIST: Final = 3
"""A server that was restored from a backup refuses the old resourceVersion for ever."""

_TURN: Final = 64
"""Events that are taken in a row before others get their turn."""

_CANNOT_STREAM: Final = frozenset({400, 405, 406, 422})
"""What servers answer that do not know how to begin a watch with the whole collection."""

log = logging.getLogger("pyload.kube")


class Handler(Protocol[T]):
    """What a `Reflector` tells about its collection."""

    def replace(self, objects: list[T]) -> None:
        """Take the whole collection; whatever is not in it is gone."""
        ...

    def event(self, type_: str, obj: T) -> None:
        """Take one change: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        ...


def _as_it_is(obj: Obj) -> Any:
    return obj


class Reflector(Generic[T]):
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
        streaming: Get the list as the beginning of a watch, object by object, where the server
            can do that.
        on_stale: Called with True when the server stops answering, so that the view may be behind,
            and with False when it answers again; what was missed follows after that.

    Attributes:
        synced: Set once the handler has been given the collection.
        stale_since: When the server was last heard of, on the loop's clock, while it does not
            answer; None while it does.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        handler: Handler[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        rng: Random | None = None,
        keep: Callable[[Obj], T] = _as_it_is,
        streaming: bool = False,
        on_stale: Callable[[bool], None] | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self.stale_since: float | None = None
        self._client = client
        self._path = resource.path(namespace)
        self._handler = handler
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._rng = rng or Random()  # noqa: S311 - spreads retries
        self._keep = keep
        self._streaming = streaming
        self._on_stale = on_stale
        self._version = ""
        self._failures = 0
        self._heard: float | None = None
        self._has_watched = False

    async def run(self) -> None:
        """Follow the collection until cancelled; trouble that may pass is waited out.

        Raises:
            ApiError: The server refused the first list or the first watch: the account may not
                read the collection, or its kind is not served.
        """
        while True:
            if await self._begin():
                await self._watch_until_lost()
            await self._pause()

    async def _begin(self) -> bool:
        """Read the collection; False if that failed."""
        try:
            if not self._streaming or not await self._stream():
                await self._list()
        except (ApiError, ClusterUnreachable) as error:
            if not self.synced.is_set() and _will_not_pass(error):
                raise
            self._failed("list", error)
            return False
        return True

    async def _list(self) -> None:
        objects, version = await self._client.list(
            self._path,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            keep=self._keep,
        )
        self._replace(objects, version)

    async def _stream(self) -> bool:
        """Read the collection as a watch, and go on watching; False if the server cannot do that.

        Raises:
            ApiError: The server refused for another reason, before the collection was complete.
            ClusterUnreachable: There was no answer, or it broke off before that.
        """
        before = self._version
        try:
            complete = await self._watch_once(initial=True)
        except (ApiError, ClusterUnreachable) as error:
            if self._version != before:
                # The watch that followed has failed; it is opened again from its place.
                self._failed("watch", error)
                return True
            if not isinstance(error, ApiError) or error.status not in _CANNOT_STREAM:
                raise
            complete = False
        if not complete:
            log.debug("%s cannot be listed as a watch", self._path)
            self._streaming = False
        return complete

    def _replace(self, objects: list[T], version: str) -> None:
        self._hear()
        self._handler.replace(objects)
        self._version = version
        self.synced.set()

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
                if isinstance(error, Forbidden) and not self._has_watched:
                    raise
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

    async def _watch_once(self, *, initial: bool = False) -> bool:
        """Watch until the server ends it; with `initial`, from the whole collection on.

        Returns:
            False if the server does not tell where the collection ends.
        """
        collected: dict[str, T] | None = {} if initial else None
        events = self._client.watch(
            self._path,
            resource_version="" if initial else self._version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            timeout_seconds=self._rng.randint(*_WATCH_SECONDS),
            initial_events=initial,
            opened=self._opened,
        )
        loop = asyncio.get_running_loop()
        taken = 0
        try:
            async with asyncio.timeout(STALL_SECONDS) as patience, contextlib.aclosing(events):
                async for type_, obj in events:
                    self._heard = now = loop.time()
                    patience.reschedule(now + STALL_SECONDS)
                    if collected is None:
                        self._take(type_, obj)
                    elif type_ != "BOOKMARK":
                        self._collect(collected, type_, obj)
                    elif ends_initial_events(obj):
                        self._replace(list(collected.values()), _version(obj))
                        collected = None
                    else:
                        return False
                    taken += 1
                    if taken % _TURN == 0:
                        await asyncio.sleep(0)
        except TimeoutError:
            if collected is not None:
                return False
            if self.stale_since is None:
                # The server has taken this watch, so there is no trouble that would add up.
                self._failures = 0
            raise ClusterUnreachable(
                f"neither a change nor a bookmark for {STALL_SECONDS:g} s"
            ) from None
        if collected is not None:
            raise ClusterUnreachable("the watch ended within the collection")
        return True

    def _collect(self, collected: dict[str, T], type_: str, obj: Obj) -> None:
        metadata = obj.get("metadata") or {}
        key = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        if type_ == "DELETED":
            collected.pop(key, None)
        else:
            collected[key] = self._keep(obj)

    def _take(self, type_: str, obj: Obj) -> None:
        if type_ != "BOOKMARK":
            self._handler.event(type_, self._keep(obj))
        # After the handler: what it has not taken must come again.
        self._version = _version(obj) or self._version
        self._failures = 0

    def _opened(self) -> None:
        self._has_watched = True
        self._hear()

    def _hear(self) -> None:
        self._heard = asyncio.get_running_loop().time()
        if self.stale_since is not None:
            self.stale_since = None
            if self._on_stale is not None:
                self._on_stale(False)

    def _failed(self, what: str, error: PyloadError) -> None:
        self._failures += 1
        level = logging.DEBUG if self._failures == 1 else logging.WARNING
        log.log(level, "cannot %s %s: %s", what, self._path, error)
        if self.stale_since is None and not isinstance(error, Gone):
            now = asyncio.get_running_loop().time()
            self.stale_since = now if self._heard is None else self._heard
            if self._on_stale is not None:
                self._on_stale(True)

    async def _pause(self) -> None:
        doublings = min(max(self._failures - 1, 0), 10)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doublings)
        await asyncio.sleep(longest * self._rng.uniform(0.5, 1))


def _version(obj: Obj) -> str:
    return str((obj.get("metadata") or {}).get("resourceVersion") or "")


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
