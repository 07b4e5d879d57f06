"""Event loops, signals, and tasks that have an owner and a name."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
    from types import TracebackType

log = logging.getLogger("pyload")

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

_DETACHED = "pyload-detached"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new uvloop event loop, and return its result.

    Signals are the coroutine's own business: see `handle_signals`.
    """
    import uvloop  # noqa: PLC0415 - keeps `--help` fast

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def clock() -> Callable[[], float]:
    """Return the running loop's clock, in seconds, at its full resolution.

    uvloop's own ``time()`` stands still while callbacks run, and counts whole milliseconds.
    """
    loop = asyncio.get_running_loop()
    if type(loop).__module__.startswith("uvloop"):
        return time.monotonic
    return loop.time


class Shutdown:
    """The user's wish that the run end.

    Attributes:
        requested: Set by the first signal: finish, clean up, report.
        forced: Set by the second: stop cleaning up, and report the objects that are left.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()

    def signal(self) -> None:
        """Handle one signal."""
        if self.requested.is_set():
            self.forced.set()
        self.requested.set()


@contextlib.asynccontextmanager
async def handle_signals() -> AsyncIterator[Shutdown]:
    """Turn SIGINT, SIGTERM and SIGHUP into a `Shutdown`; SIGHUP only if nohup does not ignore it.

    After the second signal the default handlers are back, so a third ends the process at once.
    """
    loop = asyncio.get_running_loop()
    shutdown = Shutdown()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]

    def on_signal() -> None:
        shutdown.signal()
        if shutdown.forced.is_set():
            for number in before:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)

    for number in before:
        loop.add_signal_handler(number, on_signal)
    try:
        yield shutdown
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


class Supervisor:
    """Owns tasks that should live as long as a run does, such as a kubelet.

    Use as an async context manager: leaving it cancels the tasks and waits for their end. The first
    failure of a task breaks the work that runs under `guard`.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._raised = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.remove_done_callback(self._on_end)
        await cancel(self._tasks)
        if self._failure.done() and not self._raised:
            log.error("a background task has failed", exc_info=self._failure.exception())

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Start a task."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_end)
        return task

    async def guard(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> T:
        """Run a coroutine to its end, unless a background task fails first.

        Raises:
            Exception: The coroutine's own, or that of a background task.
        """
        task = asyncio.create_task(coroutine, name=name)
        try:
            ends: set[asyncio.Future[Any]] = {task, self._failure}
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel([task])
        if task in done:
            return task.result()
        self._raised = True
        return self._failure.result()

    def _on_end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._failure.done():
            log.error("%s failed as well: %r", task.get_name(), error)
        else:
            self._failure.set_exception(error)


class _Detached(Executor):
    """Runs each call in a thread of its own, for which no event loop waits."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - for the caller that awaits it
                future.set_exception(error)
            else:
                future.set_result(result)

        # No daemon: ending one within an import of C++ code aborts the interpreter.
        threading.Thread(target=work, name=_DETACHED).start()
        return future


async def in_detached_thread(work: Callable[[], T]) -> T:
    """Run work in a thread that takes seconds and may be given up at any point, such as imports.

    A cancelled task and the loop's end wait for it no longer, unlike for `asyncio.to_thread`'s. The
    interpreter does; see `exit_program`.
    """
    return await asyncio.get_running_loop().run_in_executor(_Detached(), work)


def exit_program(code: int) -> NoReturn:
    """End the program as `sys.exit` does, without waiting for the threads of `in_detached_thread`.

    Call it only once all output has been written.
    """
    if any(thread.name == _DETACHED for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def first_error(group: BaseExceptionGroup[E]) -> E:
    """Return the first error of a task group; the others are mostly its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return cast("E", error)


async def first_of(*coroutines: Coroutine[Any, Any, Any], name: str) -> int:
    """Run coroutines until the first of them ends, and cancel the rest.

    Several may end in the same turn of the loop. A failure among them goes before the others'
    returns, and the first failure before further ones.

    Returns:
        The index of the coroutine that ended first.

    Raises:
        Exception: Raised by a coroutine that ended first.
    """
    tasks = [
        asyncio.create_task(coroutine, name=f"{name}[{index}]")
        for index, coroutine in enumerate(coroutines)
    ]
    done: set[asyncio.Task[Any]] = set()
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(tasks)
        # asyncio reports each error that is never read, also where another one is raised.
        failed = [task for task in tasks if not task.cancelled() and task.exception()]
    first = next(task for task in (*failed, *tasks) if task in done)
    first.result()
    return tasks.index(first)


async def uncancelled(work: Coroutine[Any, Any, T], *, name: str) -> T:
    """Run to its end what breaks if it is cancelled; a cancellation of the caller comes after it.

    Raises:
        Exception: The work's own.
    """
    task = asyncio.create_task(work, name=name)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is None:
        return task.result()
    if not task.cancelled():
        task.exception()
    raise cancellation


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended; errors that they raise then are dropped.

    For the end of a task's owner, which has read the errors that it cares for.
    """
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
    for task in running:
        if not task.cancelled():
            task.exception()
