"""Tasks with owners, and signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from pyload.errors import PyloadError
from pyload.tasks import Supervisor, first_of, handle_signals, in_detached_thread, uncancelled

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def fail() -> None:
    """Break."""
    raise ValueError("broken")


async def test_a_failing_background_task_breaks_what_runs_under_guard() -> None:
    """A dead kubelet must end the run, not leave it waiting for pods for ever."""
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.set()

    async with Supervisor() as background:
        background.spawn(fail(), name="kubelet")
        with pytest.raises(ValueError, match="broken"):
            await background.guard(wait(), name="work")

    assert cancelled.is_set()


async def test_a_background_task_that_starts_later_breaks_the_guarded_work_too() -> None:
    """`isolated` starts its control plane within a run, which hung for ever when that failed."""
    async with Supervisor() as background:

        async def work() -> None:
            background.spawn(fail(), name="control-plane")
            await asyncio.sleep(3600)

        with pytest.raises(ValueError, match="broken"):
            await background.guard(work(), name="work")

    assert asyncio.get_running_loop().time() < 1


async def test_guarded_work_goes_on_when_a_background_task_returns() -> None:
    """The launch of a control plane is done when it runs; the mesh on it is not."""
    async with Supervisor() as background:
        background.spawn(asyncio.sleep(1), name="launch")
        assert await background.guard(asyncio.sleep(2, "done"), name="work") == "done"


async def test_a_failure_that_breaks_no_work_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A kubelet that dies during the clean-up explains why pods are left."""
    async with Supervisor() as background:
        assert await background.guard(asyncio.sleep(1, "done"), name="work") == "done"
        background.spawn(fail(), name="kubelet")
        await asyncio.sleep(1)

    assert caplog.messages == ["a background task has failed"]
    assert "ValueError: broken" in caplog.text


async def test_leaving_the_supervisor_ends_its_tasks() -> None:
    """A task that outlives its run would keep writing to the user's cluster."""
    async with Supervisor() as background:
        task = background.spawn(asyncio.sleep(3600), name="leases")
        assert await background.guard(asyncio.sleep(1, "done"), name="work") == "done"

    assert task.cancelled()


async def test_cancelling_a_guarded_run_cancels_its_work() -> None:
    """Otherwise a run that is given up would go on creating objects."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with Supervisor() as background:
        run = asyncio.create_task(background.guard(work(), name="work"), name="run")
        await asyncio.sleep(1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    assert ended.is_set()


async def test_what_must_not_be_cancelled_is_finished_before_its_caller() -> None:
    """A server of gRPC that is cancelled while it starts never stops."""
    going, steps = asyncio.Event(), []

    async def work() -> str:
        await going.wait()
        steps.append("work")
        return "done"

    async def caller() -> None:
        try:
            await uncancelled(work(), name="work")
        finally:
            steps.append("caller")

    task = asyncio.create_task(caller())
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    going.set()
    await asyncio.wait([task])

    assert task.cancelled()
    assert steps == ["work", "caller"]
    assert await uncancelled(work(), name="work") == "done"


async def test_an_error_of_what_must_not_be_cancelled_is_the_callers() -> None:
    """A port that cannot be served must fail the run that wants it."""

    async def work() -> None:
        raise PyloadError("no port")

    with pytest.raises(PyloadError, match="no port"):
        await uncancelled(work(), name="work")


async def test_the_first_to_end_wins_and_the_others_are_cancelled() -> None:
    """The end of a run by its duration must not be held up by its churn."""
    assert await first_of(asyncio.sleep(5), asyncio.sleep(2), name="ends") == 1
    assert asyncio.get_running_loop().time() == pytest.approx(2)

    with pytest.raises(ValueError, match="broken"):
        await first_of(asyncio.sleep(5), fail(), name="ends")


async def test_a_failure_is_raised_though_another_returned_in_the_same_turn() -> None:
    """Proxies that fail just as the user stops the run would leave a run that says it was fine."""
    end = asyncio.Event()

    async def fail_at_the_end() -> None:
        await end.wait()
        await fail()

    asyncio.get_running_loop().call_later(1, end.set)
    with pytest.raises(ValueError, match="broken"):
        await first_of(end.wait(), fail_at_the_end(), name="ends")


async def test_of_two_failures_in_the_same_turn_the_first_is_raised_and_none_is_left() -> None:
    """Nobody could tell what an error has to do with that asyncio reports after the run."""
    unread: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unread.append(context))

    async def fail_too() -> None:
        raise KeyError("second")

    with pytest.raises(ValueError, match="broken"):
        await first_of(asyncio.sleep(5), fail(), fail_too(), name="ends")
    gc.collect()

    assert unread == []


async def test_cancelling_while_one_fails_leaves_no_error_unread() -> None:
    """A run that is given up just as a part of it fails ends in silence, as any such run."""
    unread: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unread.append(context))
    run = asyncio.create_task(first_of(fail(), asyncio.sleep(5), name="ends"), name="run")
    await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait([run])
    assert run.cancelled()
    del run
    gc.collect()

    assert unread == []


async def test_what_runs_detached_gives_its_result_or_its_error() -> None:
    """As `asyncio.to_thread`, for which the end of a program waits."""
    assert await in_detached_thread(lambda: 7) == 7
    with pytest.raises(ValueError, match="broken"):
        await in_detached_thread(lambda: int("broken"))


@pytest.mark.process
def test_the_end_of_a_program_does_not_wait_for_what_is_detached() -> None:
    """ctrl-C while the control plane's types are imported took as long as the import."""
    lines = (
        "import asyncio, time",
        "from pyload.tasks import exit_program, in_detached_thread, run",
        "async def main():",
        "    try:",
        "        async with asyncio.timeout(0.1):",
        "            await in_detached_thread(lambda: time.sleep(60))",
        "    except TimeoutError:",
        "        return 7",
        "exit_program(run(main()))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("ignored", [False, True])
async def test_a_terminal_that_is_closed_asks_too_unless_under_nohup(*, ignored: bool) -> None:
    """The end of an ssh session left all objects in the cluster; nohup is meant to outlive it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        async with handle_signals() as shutdown:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.01)
            assert shutdown.requested.is_set() is not ignored
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_two_signals_ask_and_then_force() -> None:
    """The first ctrl-C cleans up; the second must not be swallowed; handlers come back after."""
    before = signal.getsignal(signal.SIGTERM)
    async with handle_signals() as shutdown:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        assert (shutdown.requested.is_set(), shutdown.forced.is_set()) == (True, False)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        assert shutdown.forced.is_set()

    assert signal.getsignal(signal.SIGTERM) is before
