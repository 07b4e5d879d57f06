"""Removes everything that a writer has written, and waits until it is gone."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, Final

from pyload.concurrency import gather_errors
from pyload.errors import ClusterUnreachable, NotFound, PyloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.mesh.ledger import Entry
    from pyload.mesh.writer import Writer

GONE_SECONDS: Final = 30.0
"""How long cleanup waits for the next namespace to terminate."""

log = logging.getLogger("pyload")


class ErrorLog:
    """Logs the errors of a clean-up; that the API server is away is one error, not many."""

    def __init__(self) -> None:
        self._away = False

    def add(self, errors: Iterable[PyloadError]) -> None:
        """Log further errors."""
        for error in errors:
            away = isinstance(error, ClusterUnreachable)
            if not (away and self._away):
                log.error("cleanup: %s", error)
            self._away |= away


async def remove_all(writer: Writer, *, announce: Callable[[Entry], None] | None = None) -> None:
    """Remove everything in a writer's ledger, in the reverse order of its creation.

    Errors do not stop the remaining steps; they are logged. Nor does a bug, which is raised after
    them. Objects that could not be removed are still in the ledger afterwards.

    Args:
        writer: The writer of the objects.
        announce: Called with each object that is about to be removed.
    """
    await writer.drain()
    entries, errors = list(writer.ledger)[::-1], ErrorLog()

    async def remove(same: list[Entry]) -> None:
        if announce is not None:
            for entry in same:
                announce(entry)
        errors.add(await gather_errors([writer.delete(entry) for entry in same], name="cleanup"))

    kinds = itertools.groupby(entries, key=lambda entry: entry.resource)
    steps = [remove(list(group)) for _, group in kinds]
    steps.append(wait_until_gone(writer, writer.ledger.terminating))
    await gather_errors(steps, name="cleanup", limit=1)


async def wait_until_gone(writer: Writer, entries: Iterable[Entry]) -> None:
    """Wait for deleted objects to be gone, as long as one after another goes.

    Args:
        writer: Its ledger forgets the objects that are gone.
        entries: Namespaces that are terminating.
    """
    now = asyncio.get_running_loop().time
    left = list(entries)
    pause, deadline = 0.05, now() + GONE_SECONDS
    while left and now() < deadline:
        still = [entry for entry in left if await _exists(writer, entry)]
        if len(still) < len(left):
            deadline = now() + GONE_SECONDS
        left = still
        if left:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)


async def _exists(writer: Writer, entry: Entry) -> bool:
    try:
        await writer.client.get(entry.resource.path(entry.namespace or None, entry.name))
    except NotFound:
        writer.ledger.close(entry)
        return False
    except PyloadError:
        return True
    return True
