"""What to do when a process may open no more files.

The servers of a process with the limit reached turn connections away without an error in Python:
uvloop closes what it cannot take, and gRPC leaves it waiting. So `warn_when_exhausted` looks from
time to time whether a file can be opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

RAISE: Final = "raise the limit of open files (`ulimit -n`)"
LOOK_SECONDS: Final = 1.0

log = logging.getLogger("pyload")


def is_exhaustion(error: object) -> bool:
    """Return whether an error says that no more files can be opened."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


async def warn_when_exhausted() -> None:
    """Wait until this process may open no more files, and warn of it, once."""
    while _can_open():  # noqa: ASYNC110 - nothing happens when the last file is opened
        await asyncio.sleep(LOOK_SECONDS)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    log.warning(
        "this process has %d files open and may open no more, so its servers turn connections "
        "away; %s",
        files,
        RAISE,
    )


class SpareDescriptor:
    """A descriptor that is held back for a file that has to be written in any case."""

    def __init__(self) -> None:
        self._held: int | None = None
        self._hold()

    @contextlib.contextmanager
    def free(self) -> Iterator[None]:
        """Let one more file be opened while the context lasts."""
        self.close()
        try:
            yield
        finally:
            self._hold()

    def close(self) -> None:
        """Hold none back any longer."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _hold(self) -> None:
        with contextlib.suppress(OSError):
            self._held = os.open(os.devnull, os.O_RDONLY)


def _can_open() -> bool:
    try:
        # The command line sees to it that standard error is open.
        os.close(os.dup(2))
    except OSError as error:
        return not is_exhaustion(error)
    return True
