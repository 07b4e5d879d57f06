"""The process of a worker: its start, and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

CLOSE_SECONDS: Final = 5.0
"""How long a process may live on after it has closed its socket."""

_POLL_SECONDS: Final = 0.005
_ROOT: Final = Path(__file__).parents[3]

log = logging.getLogger("pyload")


def spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a process that holds one end of a socket pair.

    It gets a session of its own, so that Ctrl-C reaches only this process, which tells it.

    Not with the event loop's own means: uvloop forks, and runs Python in the child, which crashes
    beside the threads of gRPC. This one does neither.

    Raises:
        OSError: It cannot be started.
    """
    paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
    return subprocess.Popen(  # noqa: S603 - our own program
        [
            sys.executable,
            # No module of the folder that the user happens to be in.
            *("-P", "-m", "pyload.proxies.pool.worker"),
            str(theirs.fileno()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(theirs.fileno(),),
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


async def reap(process: subprocess.Popen[bytes], *, number: int) -> int:
    """Make sure that a process has ended; its socket is closed, so it ought to.

    Args:
        process: The process.
        number: Of its worker, for the log.

    Returns:
        Its exit code, or the negative number of the signal that ended it.
    """
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            # No event tells of the end: asyncio's children are forked, see `spawn`.
            while process.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        log.warning("worker %d did not end, and is killed", number)
    finally:
        process.kill()
        code = process.wait()
    return code


def cause(code: int) -> str:
    """Say what a process with such an exit code has died of."""
    return f"signal {-code}" if code < 0 else f"an error (exit code {code})"
