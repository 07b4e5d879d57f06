"""Tasks with owners, and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from pyload.tasks import Supervisor, first_of, handle_signals, in_detached_thread

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


async def test_the_first_to_end_wins_and_the_others_are_cancelled() -> None:
    """The end of a run by its duration must not be held up by its churn."""
    assert await first_of(asyncio.sleep(5), asyncio.sleep(2), name="ends") == 1
    assert asyncio.get_running_loop().time() == pytest.approx(2)

    with pytest.raises(ValueError, match="broken"):
        await first_of(asyncio.sleep(5), fail(), name="ends")


async def test_what_runs_detached_gives_its_result_or_its_error() -> None:
    """As `asyncio.to_thread`, for which the end of a program waits."""
    assert await in_detached_thread(lambda: 7) == 7
    with pytest.raises(ValueError, match="broken"):
        await in_detached_thread(lambda: int("broken"))


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
