"""Keeps a view of a collection equal to the API server's: list, watch, and begin again.

A `Reflector` goes round three phases. It *reads the collection*, as a list in pages or, where the
server can do that, as the beginning of a watch. It then *watches* from the resourceVersion of the
collection on; the server ends each watch after some minutes, and the next one begins where it
ended. When that place is *lost*, because the server has forgotten the version or keeps refusing it,
the collection is read again, and the handler gets it as a whole. Between two attempts there is a
pause that grows with each failure in a row.

A server may announce that it can begin a watch with the collection and then fail at it, as one does
whose etcd is too old. A collection that cannot be read as a watch is therefore listed at once,
whatever the error was, unless a list would not help: nobody listens, the server asks for patience,
or the account may not watch.

Independently of the phase, the view is *stale* from the first failure until the server next
accepts a request: meanwhile changes may be missing in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from pyload.errors import ApiError, ClusterUnreachable, Forbidden, Gone, PyloadError
from pyload.kube.client import ends_initial_events
from pyload.kube.resources import version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource

T = TypeVar("T")

STALL_SECONDS: Final = 120.0
"""Seconds of silence that mean a dead connection; a server sends a bookmark a minute."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_WATCH_SECONDS: Final = (300, 600)
_REFUSALS_BEFORE_RELIST: Final = 3
"""Refused watches in a row before the collection is read again.

A server that was restored from a backup refuses the old resourceVersion for ever.
"""

_TURN: Final = 64
"""Events that are handled in a row before other tasks get their turn."""

_CANNOT_STREAM: Final = frozenset({400, 405, 406, 422})
"""Statuses of servers that never begin a watch with the whole collection: they are asked once."""

log = logging.getLogger("pyload.kube")


class Handler(Protocol[T]):
    """Receives the collection of a `Reflector` and its changes."""

    def replace(self, objects: list[T]) -> None:
        """Handle the whole collection; objects that are not in it are gone."""
        ...

    def event(self, type_: str, obj: T) -> None:
        """Handle one change: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        ...


def _as_it_is(obj: Obj) -> Any:
    return obj


class Reflector(Generic[T]):
    """Lists a collection, then watches it, and lists again when the watch has lost its place.

    Args:
        client: The API server.
        resource: Kind of the objects.
        handler: Receives the collection and each change.
        namespace: Restricts the objects.
        label_selector: Restricts the objects.
        field_selector: Restricts the objects.
        rng: Spreads retries and the lengths of watches.
        project: Reduces each object to what the handler needs of it.
        streaming: Read the collection as the beginning of a watch, object by object, where the
            server can do that.
        on_stale: Called with True when the view becomes stale, and with False when the server
            answers again; the changes that were missed follow after that.

    Attributes:
        synced: Set once the handler has received the collection.
        stale: Whether changes may be missing in the view, as the server does not answer.
        failure: The last failure since the server has answered as it should; None without one.
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
        project: Callable[[Obj], T] = _as_it_is,
        streaming: bool = False,
        on_stale: Callable[[bool], None] | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self.stale = False
        self.failure: PyloadError | None = None
        self._client = client
        self._path = resource.path(namespace)
        self._handler = handler
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._rng = rng or Random()  # noqa: S311 - spreads retries
        self._project = project
        # Turned off for good when the server turns out not to be able to.
        self._streaming = streaming
        self._on_stale = on_stale
        # The place in the collection's history that the handler has seen.
        self._version = ""
        # Failures in a row; they lengthen the pauses.
        self._failures = 0
        # Whether a watch was ever accepted; until then, a 403 means that it never will be.
        self._has_watched = False

    async def run(self) -> None:
        """Follow the collection until cancelled, through all failures that may pass.

        Raises:
            ApiError: The server refused the first list or the first watch: the account may not
                read the collection, or its kind is not served.
        """
        while True:
            if await self._read_collection():
                await self._watch_until_lost()
            await self._pause()

    async def _read_collection(self) -> bool:
        """Read the collection, as a watch or a list; return False if that failed."""
        try:
            if not self._streaming or not await self._stream():
                await self._list()
        except (ApiError, ClusterUnreachable) as error:
            if not self.synced.is_set() and _is_permanent(error):
                raise
            self._on_failure("list", error)
            return False
        return True

    async def _list(self) -> None:
        objects, version = await self._client.list(
            self._path,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            project=self._project,
        )
        self._replace(objects, version)

    async def _stream(self) -> bool:
        """Read the collection as a watch, and go on watching; return False if a list is needed.

        Raises:
            ApiError: The account may not watch, or the server is too busy, for a list as well.
            ClusterUnreachable: Nobody listens.
        """
        before = self._version
        try:
            complete = await self._watch_once(initial=True)
        except (ApiError, ClusterUnreachable) as error:
            if self._version != before:
                # The watch that followed has failed; it is opened again from its place.
                self._on_failure("watch", error)
                return True
            if not _leads_to_list(error):
                raise
            log.debug("%s is listed, as it cannot be read as a watch: %s", self._path, error)
            self._streaming = not (isinstance(error, ApiError) and error.status in _CANNOT_STREAM)
            return False
        if not complete:
            log.debug("%s is listed, as the server does not say where it ends", self._path)
            self._streaming = False
        return complete

    def _replace(self, objects: list[T], version: str) -> None:
        self._on_answer()
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
                self._on_failure("watch", error)
                return
            except ApiError as error:
                if isinstance(error, Forbidden) and not self._has_watched:
                    raise
                refusals += 1
                self._on_failure("watch", error)
            except ClusterUnreachable as error:
                self._on_failure("watch", error)
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
        """Watch until the server ends it; with `initial`, beginning with the whole collection.

        Returns:
            False if the server does not mark the end of the collection.
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
        handled = 0
        try:
            async with asyncio.timeout(STALL_SECONDS) as patience, contextlib.aclosing(events):
                async for type_, obj in events:
                    patience.reschedule(loop.time() + STALL_SECONDS)
                    if collected is None:
                        self._on_event(type_, obj)
                    elif type_ != "BOOKMARK":
                        self._collect(collected, type_, obj)
                    elif ends_initial_events(obj):
                        self._replace(list(collected.values()), version_of(obj))
                        collected = None
                    else:
                        return False
                    handled += 1
                    if handled % _TURN == 0:
                        await asyncio.sleep(0)
        except TimeoutError:
            if collected is not None:
                return False
            if not self.stale:
                # The server had accepted this watch, so this is not a failure in a row.
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
            collected[key] = self._project(obj)

    def _on_event(self, type_: str, obj: Obj) -> None:
        if type_ != "BOOKMARK":
            self._handler.event(type_, self._project(obj))
        # After the handler: an event that it has failed to handle must come again.
        self._version = version_of(obj) or self._version
        self._failures = 0

    def _opened(self) -> None:
        self._has_watched = True
        self._on_answer()

    def _on_answer(self) -> None:
        self.failure = None
        self._set_stale(stale=False)

    def _on_failure(self, what: str, error: PyloadError) -> None:
        self._failures += 1
        self.failure = error
        # Shown are the 1st, 2nd, 4th, 8th, ..., but not a 1st that leaves a view to go on with.
        has_view = self._failures == 1 and self.synced.is_set()
        is_shown = self._failures.bit_count() == 1 and not has_view
        level = logging.WARNING if is_shown else logging.DEBUG
        log.log(level, "cannot %s %s: %s", what, self._path, error)
        if not isinstance(error, Gone):
            self._set_stale(stale=True)

    def _set_stale(self, *, stale: bool) -> None:
        if self.stale != stale:
            self.stale = stale
            if self._on_stale is not None:
                self._on_stale(stale)

    async def _pause(self) -> None:
        doublings = min(max(self._failures - 1, 0), 10)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doublings)
        await asyncio.sleep(longest * self._rng.uniform(0.5, 1))


def _leads_to_list(error: ApiError | ClusterUnreachable) -> bool:
    """Return whether a collection that cannot be read as a watch for this reason may be listed."""
    if isinstance(error, ApiError):
        return error.status not in (401, 403, 429)
    return not isinstance(error.__cause__, ConnectionRefusedError)


def _is_permanent(error: PyloadError) -> bool:
    passing = (408, 410, 429)
    return isinstance(error, ApiError) and 400 <= error.status < 500 and error.status not in passing
