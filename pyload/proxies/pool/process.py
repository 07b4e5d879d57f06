"""The seam between the pool and the operating system: how a worker process is started and ended.

The pool takes a `Spawn` as an argument and never asks the system itself. `spawn` starts real
processes; the tests have one whose processes are in memory, so that a hang or a death happens at an
exact time. Whatever starts the process also connects the pool's end of the pipe to it: in reality
this is a socket pair, one end of which the process inherits.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pyload.proxies.pool.pipe import Pipe

_POLL_SECONDS: Final = 0.005
_ROOT: Final = Path(__file__).parents[3]


class WorkerProcess(Protocol):
    """A process that was started."""

    def kill(self) -> None:
        """End the process at once; nothing happens if it has ended."""

    async def wait(self) -> int:
        """Wait until the process has ended.

        Returns:
            Its exit code, or the negative number of the signal that ended it.
        """
        ...


class Spawn(Protocol):
    """Starts worker processes."""

    async def __call__(self, pipe: Pipe) -> WorkerProcess:
        """Start a process, and connect the pool's end of its pipe.

        Raises:
            OSError: The process cannot be started.
        """
        ...


class SystemProcess:
    """A process of the operating system."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid

    def kill(self) -> None:
        """See `WorkerProcess.kill`."""
        self._popen.kill()

    async def wait(self) -> int:
        """See `WorkerProcess.wait`."""
        # asyncio reports only the end of processes that it has forked; see `spawn`.
        while (code := self._popen.poll()) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return code


async def spawn(pipe: Pipe) -> SystemProcess:
    """Start a process that inherits one end of a socket pair; see `Spawn`.

    The process gets a session of its own: Ctrl-C reaches only the pool, which ends its workers.

    The event loop's own subprocesses would not do: uvloop forks, and runs Python in the child,
    which crashes beside the threads of gRPC.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = SystemProcess(_popen(theirs.fileno()))
    except OSError:
        ours.close()
        raise
    try:
        await asyncio.get_running_loop().create_unix_connection(lambda: pipe, sock=ours)
    except BaseException:
        ours.close()
        process.kill()
        await process.wait()
        raise
    return process


def _popen(descriptor: int) -> subprocess.Popen[bytes]:
    paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
    return subprocess.Popen(  # noqa: S603 - our own program
        [
            sys.executable,
            # No module of the folder that the user happens to be in.
            *("-P", "-m", "pyload.proxies.pool.worker"),
            str(descriptor),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
