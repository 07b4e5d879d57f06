"""The loop of all controllers of one embedded cluster.

Controllers follow the kinds that concern them in the API server's store, and put a `WorkItem` into
the queue for whatever needs attention. One task takes the items one after the other. What to do is
decided from what the store holds at the time, so an item only names an object; what is decided is
sent to the API server as requests, as any client's: they are admitted, checked and observed like
those of others. An item that fails comes back after a pause that grows.

Nothing is followed closely before there is an object that asks for it, and the task waits for the
first item: a cluster without such objects pays for a few function calls per change.

Controllers outside, such as a real kube-controller-manager, may be run against the server too. They
hold a Lease while they work, and as long as they renew it, those here leave the work to them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import timestamp
from pyload.embedded.apiserver.kinds import LEASE
from pyload.embedded.apiserver.store import Event
from pyload.embedded.controllers.events import EventRecorder
from pyload.embedded.controllers.queue import WorkQueue
from pyload.errors import Conflict, NotFound, PyloadError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.store import Store
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

Key = tuple[str, str]
"""Namespace and name."""

MANAGER: Final = "kube-controller-manager"
"""The Lease of controllers outside, in the namespace ``kube-system``."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_ASIDE: Final = 5.0
"""Seconds between two looks at a Lease that another holds."""

_ODD: Final = (AttributeError, KeyError, TypeError, ValueError)
"""What an object leads to that has a field of a wrong type, or lacks one: few have schemas."""

log = logging.getLogger("pyload.pods")


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An object that needs attention.

    Attributes:
        work: Which handler is to handle it.
        key: Namespace and name.
    """

    work: str
    key: Key


class ControlLoop:
    """Has the items in the queue handled, one after the other.

    Args:
        store: The objects.
        client: Sends the requests.
        rng: Chooses names, delays and reused addresses.
        now: Returns the time in UTC.

    Attributes:
        queue: What needs attention.
        events: Writes the events that `kubectl describe` shows.
    """

    def __init__(
        self, store: Store, client: Client, *, rng: Random, now: Callable[[], datetime]
    ) -> None:
        self.store = store
        self.client = client
        self.rng = rng
        self.now = now
        self.queue: WorkQueue[WorkItem] = WorkQueue()
        self.events = EventRecorder(store, client, rng=rng, now=now)
        self._handlers: dict[str, tuple[Callable[[Key], Awaitable[None]], str]] = {}
        self._failures: dict[WorkItem, int] = {}

    @property
    def timestamp(self) -> str:
        """The time as Kubernetes writes it."""
        return timestamp(self.now())

    def handle(
        self, work: str, handler: Callable[[Key], Awaitable[None]], *, leader: str = MANAGER
    ) -> None:
        """Register the handler of one kind of work.

        Args:
            work: Names the work.
            handler: Does for one object what is to be done.
            leader: Lease of a program outside that may do the same; empty for none.
        """
        self._handlers[work] = handler, leader

    def follow(self, kind: Kind, listener: Callable[[Event], None]) -> None:
        """Call a listener with each object of a kind, and with every further event."""

        def follower(event: Event) -> None:
            try:
                listener(event)
            except _ODD as error:
                # The object is stored by now: whoever wrote it is not to blame for this.
                log.debug("cannot follow %s %s: %r", kind.kind, "/".join(event.entry.key), error)

        for entry in self.store.entries(kind):
            follower(Event("ADDED", entry, None))
        self.store.subscribe(kind, follower)

    def add(self, work: str, key: Key, *, after: float = 0.0) -> None:
        """Put an object into the queue, now or for later."""
        if after:
            self.queue.add_later(WorkItem(work, key), after)
        else:
            self.queue.add(WorkItem(work, key))

    def live(self, kind: Kind, key: Key) -> Obj | None:
        """Return an object, or None if it is gone or going."""
        entry = self.store.get(kind, *key)
        if entry is None or "deletionTimestamp" in entry.obj["metadata"]:
            return None
        return entry.obj

    async def write_status(self, kind: Kind, obj: Obj, status: Obj) -> None:
        """Replace an object's status, unless it is the same.

        Raises:
            PyloadError: The object has changed, or the request failed.
        """
        if obj.get("status") != status:
            metadata = obj["metadata"]
            path = kind.resource().path(metadata.get("namespace"), metadata["name"], "status")
            await self.client.write("PUT", path, {**obj, "status": status})

    async def run(self) -> None:
        """Handle items until cancelled."""
        while True:
            item = await self.queue.get()
            handler, leader = self._handlers[item.work]
            if leader and self._is_led(leader):
                self.queue.add_later(item, _ASIDE)
                continue
            try:
                await handler(item.key)
            except PyloadError as error:
                self._retry(item, error)
            except _ODD as error:
                log.warning("cannot handle %s %s: %r", item.work, "/".join(item.key), error)
            else:
                self._failures.pop(item, None)

    def _is_led(self, leader: str) -> bool:
        """Return whether a program outside holds a Lease, and renews it."""
        entry = self.store.get(LEASE, "kube-system", leader)
        if entry is None:
            return False
        spec = entry.obj.get("spec") or {}
        renewed = spec.get("renewTime")
        if not spec.get("holderIdentity") or not renewed:
            return False
        held = timedelta(seconds=spec.get("leaseDurationSeconds") or 15)
        return datetime.fromisoformat(renewed) + held > self.now()

    def _retry(self, item: WorkItem, error: PyloadError) -> None:
        failed = self._failures[item] = self._failures.get(item, 0) + 1
        # An object that has changed or gone is looked at anew; other errors are for the user.
        passing = failed == 1 or isinstance(error, (Conflict, NotFound))
        level = logging.DEBUG if passing else logging.WARNING
        log.log(level, "cannot handle %s %s: %s", item.work, "/".join(item.key), error)
        self.queue.add_later(item, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failed, 10)))
