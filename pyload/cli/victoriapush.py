"""``pyload victoriapush``."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.logs import set_up
from pyload.tasks import handle_signals, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CHUNK: Final = 1 << 16


@click.command(
    cls=Command,
    epilog="Example:\n  measure | pyload victoriapush -v http://localhost:9428 -s api-latency",
)
@click.option(
    "-v",
    "--victoria-address",
    default="",
    metavar="URL",
    help="Address of VictoriaLogs.  [required]",
)
@click.option(
    "-s", "--stream", default="victoriapush", help="Value of the field stream of all records."
)
@click.option(
    "--sub-stream", default="", metavar="TEXT", help="Value of the field subStream of all records."
)
@pass_settings
def command(settings: Settings, *, victoria_address: str, stream: str, sub_stream: str) -> int:
    """Send measurements, one JSON object a line, from standard input to VictoriaLogs."""
    from pyload.commands.victoriapush.command import (  # noqa: PLC0415 - fast help
        PushOptions,
        http_poster,
        run_push,
    )

    set_up(settings.log)
    options = PushOptions(address=victoria_address, stream=stream, sub_stream=sub_stream)

    async def main() -> None:
        async with handle_signals() as shutdown, http_poster() as post:
            await run_push(
                options,
                _standard_input(),
                post=post,
                complain=lambda sentence: click.echo(sentence, err=True),
                shutdown=shutdown,
            )

    run(main())
    return 0


async def _standard_input() -> AsyncIterator[bytes]:
    """Yield the bytes of standard input, which may be a pipe, a file or a terminal.

    A daemon thread reads them, so that a read of a silent pipe cannot keep the program from ending.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)

    def read() -> None:
        data = b"-"
        while data:
            try:
                data = os.read(sys.stdin.fileno(), _CHUNK)
            except (OSError, ValueError, AttributeError):
                # Closed, or not there at all: the end of the input.
                data = b""
            put = queue.put(data)
            try:
                asyncio.run_coroutine_threadsafe(put, loop).result()
            except RuntimeError:
                # The loop is closed, so that the input has no reader any more.
                put.close()
                return

    threading.Thread(target=read, name="standard-input", daemon=True).start()
    while data := await queue.get():
        yield data
