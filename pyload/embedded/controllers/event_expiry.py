"""The end of events: an hour after they were last written, or when there are too many."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import EVENT

if TYPE_CHECKING:
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key

HOUR: Final = timedelta(hours=1)
MOST: Final = 5000
"""Events that are kept; the oldest go first."""

_WORK: Final = "Old events"
_PAUSE: Final = 60.0


class EventExpiry:
    """Deletes old events, whoever wrote them.

    Args:
        loop: The loop of the controllers.
    """

    def __init__(self, loop: ControlLoop) -> None:
        self._loop = loop
        # When each was last written, the oldest first.
        self._written: dict[Key, datetime] = {}
        loop.handle(_WORK, self._expire, leader="")
        loop.follow(EVENT, self._on_event)

    def _on_event(self, event: Event) -> None:
        key = event.entry.key
        self._written.pop(key, None)
        if event.type == "DELETED":
            return
        if not self._written:
            self._loop.add(_WORK, ("", ""), after=_PAUSE)
        self._written[key] = self._loop.now()
        if len(self._written) > MOST:
            self._loop.add(_WORK, ("", ""))

    async def _expire(self, _: Key) -> None:
        """Delete events as their storage does when their lease ends: no request shows it."""
        now = self._loop.now()
        while self._written:
            key, written = next(iter(self._written.items()))
            if now - written < HOUR and len(self._written) <= MOST:
                self._loop.add(_WORK, ("", ""), after=_PAUSE)
                return
            self._loop.store.delete(EVENT, *key, now=now)
