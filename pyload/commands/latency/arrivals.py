"""The arrivals of one change at many proxies."""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.commands.latency.changes import Expectation
    from pyload.xds.types import Push

_REMEMBERED: Final = 8
"""Responses whose verdict is remembered."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The moments at which a change arrived, in seconds on the loop's clock."""

    first: float
    median: float
    last: float


class Arrivals:
    """Waits until all proxies have seen that an object is there, or gone.

    Args:
        expectation: How a proxy's config shows the object.
        present: Whether the object is to be there, or gone.
        keys: Keys of the proxies.
        delta: Whether the proxies use delta xDS.

    Attributes:
        waiting: Proxies that have not seen the change yet.
        done: Set when all have.
    """

    def __init__(
        self, expectation: Expectation, *, present: bool, keys: Iterable[str], delta: bool
    ) -> None:
        self.waiting = set(keys)
        self.done = asyncio.Event()
        self._expectation = expectation
        self._present = present
        self._delta = delta
        self._times: list[float] = []
        # Proxies share what they receive, so that a response need not be read for each of them.
        self._known: deque[tuple[Push, bool]] = deque(maxlen=_REMEMBERED)

    def on_push(self, key: str, push: Push, now: float) -> None:
        """Handle a response, with its resources, that a proxy has received."""
        if push.type_url != self._expectation.type_url or key not in self.waiting:
            return
        if self._shows(push):
            self.waiting.discard(key)
            self._times.append(now)
            if not self.waiting:
                self.done.set()

    def spread(self) -> Spread:
        """Return the spread; to be called once all proxies have seen the change."""
        times = sorted(self._times)
        return Spread(times[0], statistics.median(times), times[-1])

    def _shows(self, push: Push) -> bool:
        for known, verdict in self._known:
            if (
                known.names is push.names
                and known.bodies is push.bodies
                and known.removed_names is push.removed_names
                and known.error == push.error
            ):
                return verdict
        verdict = self._expectation.read(push, delta=self._delta) is self._present
        self._known.append((push, verdict))
        return verdict
