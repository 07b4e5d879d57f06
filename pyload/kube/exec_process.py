"""Running an exec plug-in so that nothing it does can hold pyload up.

Its standard output and error are read while it runs, so that it never waits for a full pipe; what
is on standard error, such as a code to log in with, is shown as it comes. A child that it leaves
behind may keep both open; the plug-in's own end counts.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import logging
import os
import shutil
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.kube.exec_protocol import INFO, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyload.kube.exec_protocol import ExecConfig

PLUGIN_SECONDS: Final = 300.0
"""How long a plug-in may run, a login at a browser included."""

_QUIET_SECONDS: Final = 5.0
"""After which the log says what is waited for."""

_LEFT_OPEN_SECONDS: Final = 0.5
"""How long the output of a plug-in that has ended is waited for."""

_OUTPUT_BYTES: Final = 1 << 20
_TAIL_BYTES: Final = 2000
_PIECE_BYTES: Final = 1 << 16
_POLL_SECONDS: Final = (0.005, 0.1)

log = logging.getLogger("pyload.kube")


async def run_plugin(
    config: ExecConfig,
    info: str,
    *,
    environ: Mapping[str, str],
    interactive: bool,
    limit: float = PLUGIN_SECONDS,
) -> bytes:
    """Run a plug-in, and return what it has printed on standard output.

    Args:
        config: What to run.
        info: What it is told in `INFO`.
        environ: Environment variables of this process.
        interactive: Whether it gets standard input.
        limit: Seconds after which it is killed.

    Raises:
        UsageError: It is not there, failed, said too much, or did not end in time.
    """
    program = shutil.which(config.command, path=environ.get("PATH"))
    if program is None:
        raise _missing(config)
    try:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - see `_Plugin`; the user names it
            [program, *config.args],
            env={**environ, **config.env, INFO: info},
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as error:
        raise UsageError(f"plug-in {config.command}: {error.strerror or error}") from error
    try:
        return await _Plugin(config, process).output(limit)
    finally:
        if process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)


class _Plugin:
    """A plug-in that runs.

    Not one of the event loop's own subprocesses, which have not ended before all that they have
    started has closed their output.
    """

    def __init__(self, config: ExecConfig, process: subprocess.Popen[bytes]) -> None:
        self._config = config
        self._process = process
        self._printed = bytearray()
        self._tail = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    async def output(self, limit: float) -> bytes:
        with (
            _reading(self._process.stdout, self._keep) as printed,
            _reading(self._process.stderr, self._show) as shown,
        ):
            try:
                async with asyncio.timeout(limit):
                    await self._end()
            except TimeoutError:
                raise self._failed(f"has not ended within {limit:g} s") from None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LEFT_OPEN_SECONDS):
                    await printed.wait()
                    await shown.wait()
        code = self._process.returncode
        if code:
            how = f"failed with exit code {code}" if code > 0 else f"was ended by signal {-code}"
            raise self._failed(how)
        return bytes(self._printed)

    async def _end(self) -> None:
        """Wait until the process has ended."""
        pause, longest = _POLL_SECONDS
        quiet = asyncio.get_running_loop().call_later(
            _QUIET_SECONDS, log.info, "waiting for the plug-in %s", self._config.command
        )
        try:
            while self._process.poll() is None:
                if len(self._printed) > _OUTPUT_BYTES:
                    raise self._failed("prints more than an ExecCredential on standard output")
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
        finally:
            quiet.cancel()

    def _keep(self, data: bytes) -> None:
        if len(self._printed) <= _OUTPUT_BYTES:
            self._printed += data

    def _show(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(self._decoder.decode(data))
            sys.stderr.flush()

    def _failed(self, how: str) -> UsageError:
        lines = printable(self._tail.decode(errors="replace")).split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        said = f": {last}" if last else ""
        return UsageError(f"plug-in {self._config.command} {how}{said}")


@contextlib.contextmanager
def _reading(pipe: IO[bytes] | None, on_data: Callable[[bytes], None]) -> Iterator[asyncio.Event]:
    """Read a pipe whenever there is something in it; the event says that it has ended."""
    assert pipe is not None
    loop, descriptor, ended = asyncio.get_running_loop(), pipe.fileno(), asyncio.Event()

    def read() -> None:
        try:
            data = os.read(descriptor, _PIECE_BYTES)
        except BlockingIOError:
            return
        if data:
            on_data(data)
        else:
            loop.remove_reader(descriptor)
            ended.set()

    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, read)
    try:
        yield ended
    finally:
        loop.remove_reader(descriptor)
        pipe.close()


def _missing(config: ExecConfig) -> UsageError:
    there = os.path.isfile(config.command)  # noqa: PTH113 - a name need not be a path
    return UsageError(
        f"plug-in {config.command} {'may not be executed' if there else 'is not installed'}",
        fix=config.install_hint or "install it, or name its path as command in the kubeconfig",
    )
