"""Commands by lines of text, answers by lines of JSON: how the processes of the benchmark talk."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path
    from types import TracebackType


class BenchmarkError(Exception):
    """Raised when a process of the benchmark has not done what it should."""


async def answer(
    hello: dict[str, Any], obey: Callable[[list[str]], Awaitable[dict[str, Any]]]
) -> None:
    """Write a greeting, then answer each command on the standard input until that ends.

    Args:
        hello: The first line.
        obey: Does what the words of a command say.
    """
    # A thread for each line would be CPU of whoever is measured.
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(hello)
    while line := await reader.readline():
        _say(await obey(line.decode().split()))


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def raise_limit() -> None:
    """Allow this process as many files as the system lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Process:
    """A process that answers commands; use as a context manager.

    Args:
        module: Is run with ``python -m``.
        arguments: Of its command line.
        folder: Where it runs, which decides whose `pyload` it is; None for this process's.

    Attributes:
        hello: The first line that it said.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], *, folder: Path | None = None
    ) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            # Its warnings would stand in the table.
            env={**os.environ, "GRPC_VERBOSITY": "ERROR"},
        )
        self.hello = self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdout is not None
        self.end()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def end(self) -> None:
        """Ask the process to end; leaving the context waits for that."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def ask(self, *words: object) -> dict[str, Any]:
        """Send a command, and wait for its answer.

        Raises:
            BenchmarkError: The process has ended.
        """
        self.tell(*words)
        return self._hear()

    def tell(self, *words: object) -> None:
        """Send a command; `hear` its answer later."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for the answer of the oldest command that has none.

        Raises:
            BenchmarkError: The process has ended.
        """
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"{self._module} ended with {self._process.wait(30)}")
        said: dict[str, Any] = json.loads(line)
        return said
