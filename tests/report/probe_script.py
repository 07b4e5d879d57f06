"""Probes and their arrivals, one after the other, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.report.convergence_tracker import ConvergenceTracker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.report.convergence import Convergence

TIMEOUT = 60.0


@dataclass(frozen=True)
class Pod:
    """A proxy."""

    key: str
    labels: Mapping[str, str] | None = None
    namespace: str = "mesh"
    type: str = "sidecar"

    @property
    def name(self) -> str:
        """Name of its pod."""
        return f"pod-{self.key}"


class Script:
    """A tracker, and the time."""

    def __init__(self, *keys: str, timeout: float = TIMEOUT) -> None:
        self.tracker = ConvergenceTracker(timeout=timeout)
        self.now = 100.0
        self.start(*keys)

    def start(self, *keys: str, app: str = "web") -> None:
        """Configure proxies."""
        for key in keys:
            self.tracker.on_configured(Pod(key, {"app": app}))

    def write(self) -> int:
        """Write a probe."""
        number = self.tracker.begin(due=self.now, now=self.now)
        self.tracker.written(number, self.now)
        return number

    def arrive(self, number: int, *keys: str, after: float = 0.1) -> None:
        """Let a probe reach proxies."""
        for key in keys:
            self.tracker.on_marks(key, (number,), self.now + after)

    def figures(self) -> Convergence:
        """Return the figures as of now."""
        found = self.tracker.figures(self.now)
        assert_adds_up(found)
        return found


def assert_adds_up(found: Convergence) -> None:
    """Fail unless every proxy that should get a probe is in one of the counts."""
    parts = (found.count, found.never, found.out_of_scope, found.withdrawn, found.in_flight)
    assert found.expected == sum(parts), found
