"""How long a run waits for its proxies before its duration begins.

By default all proxies that are wanted have to be configured: a run that counted its duration from
an earlier moment might end before it has measured anything. Proxies that misbehave on purpose are
waited for like others. One that refuses responses (``--nack-fraction``) accepts the first of each
type and is configured by these, and one that reads slowly (``--slow-fraction``) is only later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self, cast, get_args

from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.proxies.counts import FleetCounts

WaitedState = Literal["connected", "configured"]

STARTUP_TIMEOUT: Final = "5m"
"""How long a start-up may take, unless the user says so."""


@dataclass(frozen=True, slots=True)
class StartCondition:
    """How many proxies have to be connected or configured.

    Attributes:
        state: Which of the two.
        count: Number of proxies; None for all that are wanted.
        strict: Whether pods count that have no proxy yet, because they wait for an IP, say, and at
            least one proxy has to be there. A run that was not told to wait begins without them.
    """

    state: WaitedState
    count: int | None = None
    strict: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``connected=N``, ``connected=all``, ``configured=N`` or ``configured=all``.

        Raises:
            UsageError: The text is none of these.
        """
        state, _, number = text.partition("=")
        known = state in get_args(WaitedState) and number.isascii()
        if not known or not (number == "all" or number.isdecimal()):
            fix = "write configured=all, configured=N, connected=all or connected=N, or none"
            raise UsageError(f"cannot wait for {text!r}", fix=fix)
        return cls(cast("WaitedState", state), None if number == "all" else int(number))

    def __str__(self) -> str:
        return f"{self.state}={'all' if self.count is None else self.count}"

    def reached(self, counts: FleetCounts) -> int:
        """Return how many proxies are in the state."""
        return counts.connected_now if self.state == "connected" else counts.configured_now

    def holds(self, counts: FleetCounts, *, wanted: int, complete: bool) -> bool:
        """Return whether enough proxies are in the state.

        Args:
            counts: The proxies by state.
            wanted: Proxies that were started, and should run.
            complete: Whether no further proxy has to be started.
        """
        reached = self.reached(counts)
        if self.count is not None:
            return reached >= self.count
        return complete and reached >= max(wanted, int(self.strict))


@dataclass(frozen=True, slots=True)
class StartOptions:
    """When the start-up of a run is over.

    Attributes:
        wait: How many proxies have to be there; None to wait for none.
        timeout: Seconds that the start-up may take; None for any time.
    """

    wait: StartCondition | None = StartCondition("configured", strict=False)
    timeout: float | None = 300.0


NO_WAIT: Final = StartOptions(None, None)

PATIENT: Final = StartOptions(timeout=None)
"""For a run that is nothing without its proxies, however long they take."""
