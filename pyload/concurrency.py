"""Runs many small jobs, a limited number at a time.

No job ends another: of a hundred deletions the 99 that can be done are done, whatever is wrong with
one of them. What went wrong is known afterwards, errors as a list and bugs as an exception.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import PyloadError

if TYPE_CHECKING:
    from collections.abc import Coroutine

CONCURRENT: Final = 100
"""Jobs that run at a time, as many as pilot-load's."""


async def gather_errors(
    jobs: list[Coroutine[Any, Any, None]], *, name: str, limit: int = CONCURRENT
) -> list[PyloadError]:
    """Run jobs to their ends even if some of them fail, and return their errors.

    With a limit of 1 they run one after another.

    Args:
        jobs: The jobs; those that have not begun when this is cancelled never run.
        name: Prefix of the names of the tasks.
        limit: Jobs that run at a time.

    Returns:
        The errors that jobs raised.

    Raises:
        Exception: The first bug in a job, once all of them have ended.
    """
    errors: list[PyloadError] = []
    bugs: list[Exception] = []
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            try:
                await job
            except PyloadError as error:
                errors.append(error)
            except Exception as bug:  # noqa: BLE001 - it is raised below
                bugs.append(bug)

    try:
        async with asyncio.TaskGroup() as group:
            for index in range(min(limit, len(jobs))):
                group.create_task(work(), name=f"{name}[{index}]")
    finally:
        for job in waiting:
            job.close()
    if bugs:
        raise bugs[0]
    return errors
