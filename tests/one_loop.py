"""One event loop for every test that opens real gRPC connections.

grpc.aio has one poller per process, which is bound to the loop that first used it. On a loop per
test, an event that arrives late meets a closed loop: the test after it fails, or hangs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine


class OneLoop:
    """Runs coroutines one after another on a loop that lasts as long as the tests do."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._errors: list[BaseException] = []

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a test.

        Raises:
            BaseException: What the test raised, or a callback that it caused.
        """
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
            self._runner.get_loop().set_exception_handler(self._note)
        self._runner.run(main)
        left = self._runner.run(_settled())
        assert not left, f"tasks left running: {left}"
        if self._errors:
            raise self._errors.pop()

    def close(self) -> None:
        """Close the loop."""
        if self._runner is not None:
            self._runner.close()

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._errors.append(error or AssertionError(context.get("message")))


async def _settled() -> set[asyncio.Task[Any]]:
    """Wait a moment for gRPC's own tasks to end, and return those that are left."""
    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=5)
    return left
