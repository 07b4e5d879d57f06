"""Many small jobs, some of which fail."""

from __future__ import annotations

import asyncio

import pytest

from pyload.concurrency import gather_errors
from pyload.errors import PyloadError

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Jobs:
    """Jobs that last as long as their number says.

    Attributes:
        done: Numbers of the jobs that came to their end.
        most: Jobs that ran at the same time, at most.
    """

    def __init__(self) -> None:
        self.done: list[int] = []
        self.most = 0
        self._running = 0

    async def job(self, number: int, error: Exception | None = None) -> None:
        """Wait, and then fail if there is an error."""
        self._running += 1
        self.most = max(self.most, self._running)
        try:
            await asyncio.sleep(number)
            if error is not None:
                raise error
            self.done.append(number)
        finally:
            self._running -= 1


async def test_a_bug_in_one_job_keeps_no_other_from_its_end() -> None:
    """Objects that could have been removed stayed in the cluster because of a bug with another."""
    jobs, refused = Jobs(), PyloadError("forbidden")
    work = [
        jobs.job(1, KeyError("a bug")),
        jobs.job(2, refused),
        jobs.job(3),
        jobs.job(4, ZeroDivisionError("another bug")),
        jobs.job(5),
    ]
    with pytest.raises(KeyError, match="a bug"):
        await gather_errors(work, name="cleanup", limit=2)

    assert sorted(jobs.done) == [3, 5]


async def test_errors_are_returned_in_the_order_in_which_they_came() -> None:
    """The first one is what a start fails with; a later one is mostly its consequence."""
    jobs = Jobs()
    first, second = PyloadError("first"), PyloadError("second")
    errors = await gather_errors(
        [jobs.job(3, second), jobs.job(1, first), jobs.job(2)], name="start"
    )

    assert errors == [first, second]
    assert jobs.done == [2]


@pytest.mark.parametrize(("limit", "seconds"), [(1, 12), (3, 4), (100, 1)])
async def test_no_more_than_the_limit_run_at_a_time(limit: int, seconds: int) -> None:
    """A mesh of 10,000 pods would open as many connections to the API server."""
    jobs, now = Jobs(), asyncio.get_running_loop().time
    began = now()
    await gather_errors([jobs.job(1) for _ in range(12)], name="start", limit=limit)

    assert jobs.most == min(limit, 12)
    assert now() - began == pytest.approx(seconds)


async def test_jobs_that_have_not_begun_when_it_is_cancelled_never_run() -> None:
    """A second ctrl-C must end a clean-up, and Python warn of nothing that was never awaited."""
    jobs = Jobs()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await gather_errors([jobs.job(1) for _ in range(9)], name="cleanup", limit=2)

    assert jobs.done == [1, 1, 1, 1]
