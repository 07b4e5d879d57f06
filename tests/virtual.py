"""An event loop on which time passes only when nothing else is left to do.

A sleep of an hour takes no time, and what happens when is exact. Only for tests whose peers are
in memory: while a real socket is being waited for, time would jump ahead.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class _JumpingSelector(selectors.SelectSelector):
    """Turns the loop's wish to wait into a jump of its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Only a thread can wake the loop now (getaddrinfo, to_thread).
            ready = super().select(5)
            if not ready:
                raise RuntimeError("deadlock: every task waits, and no timer is set")
            return ready
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with its own clock, which starts at 0 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function at once: a thread would take real time, while virtual time jumps."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the awaiting side raises it
            future.set_exception(error)
        return future


VIRTUAL: tuple[str, Mapping[str, Any]] = ("asyncio", {"loop_factory": VirtualTimeLoop})
"""What an ``anyio_backend`` fixture returns to run a module's tests in virtual time."""
