"""How a run is shown while it goes on: as a panel on a terminal, elsewhere by a line now and then.

A terminal gets a panel unless the user wants lines there: by `-q`, `--log_as_json` or
`--log_target`, by a terminal that cannot move its cursor, or by the name `pilot-load`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import click

from pyload.cli.called_as import is_pilot_load
from pyload.cli.flags.globals import settings_of
from pyload.cli.logs import is_terminal, set_up, status_writer
from pyload.errors import UsageError
from pyload.report.frame import Servers
from pyload.tasks import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pyload.cli.logs import LogOptions
    from pyload.cli.panel.panel import Panel
    from pyload.harness.live_run import LiveRun, View
    from pyload.tasks import Shutdown

READER_SECONDS: Final = 1.0
"""How often it is looked whether standard output is still read."""

STATUS_SECONDS: Final = 10.0
"""How often a line says how far the run is, where there is no panel."""


_FOLLOWERS: Final = ("impersonate", "adsc-impersonate")
"""Commands whose proxies dial what their pods name."""


class RunView:
    """Shows one run.

    Args:
        context: The command; None for one that has lines instead of a panel.
    """

    def __init__(self, context: click.Context | None = None) -> None:
        self._context = context
        self._show: View | None = None

    async def show(self, run: LiveRun) -> None:
        """Show a run until cancelled."""
        if self._show is not None:
            await self._show(run)

    @contextlib.asynccontextmanager
    async def opened(self, log: LogOptions, shutdown: Shutdown) -> AsyncIterator[None]:
        """Send log lines to where they belong, and have a panel where it is wanted.

        Args:
            log: Where log lines go.
            shutdown: Ends the run.

        Raises:
            UsageError: The lines cannot go there.
        """
        loop = asyncio.get_running_loop()

        def unread() -> None:
            # As SIGPIPE ends a Go program, but with its cleanup.
            loop.call_soon_threadsafe(shutdown.requested.set)

        panel = self._panel(log, shutdown)
        async with contextlib.AsyncExitStack() as stack:
            if panel is None:
                set_up(log, unread=unread)
                self._show = partial(show_status, status_writer(log))
            else:
                set_up(log, unread=unread, on_terminal=panel.lines)
                self._show = panel.show
                await stack.enter_async_context(panel.opened())
            if "stdout" in log.target and sys.stdout is not None:
                watch = asyncio.create_task(watch_reader(sys.stdout, unread), name="reader")
                stack.push_async_callback(cancel, [watch])
            yield

    def _panel(self, log: LogOptions, shutdown: Shutdown) -> Panel | None:
        """Return the panel; None where lines are wanted, or the terminal cannot be had."""
        if self._context is None or not wants_panel(self._context, log, os.environ):
            return None
        from pyload.cli.panel.lines import Lines  # noqa: PLC0415 - only for a panel
        from pyload.cli.panel.panel import Panel  # noqa: PLC0415 - rich is slow to import
        from pyload.cli.panel.terminal import Terminal  # noqa: PLC0415 - only for a panel

        has_keys = sys.stdin is not None and sys.stdin.isatty()
        try:
            terminal = Terminal(sys.stderr.fileno(), sys.stdin.fileno() if has_keys else None)
        except OSError:
            return None
        lines = Lines(partial(click.echo, err=True), shows_all=_is_set(self._context, "verbose"))
        servers = servers_of(self._context)
        command = self._context.info_name or ""
        return Panel(sys.stderr, terminal, lines, shutdown, command=command, servers=servers)


async def watch_reader(stream: TextIO, unread: Callable[[], object]) -> None:
    """Call `unread` once nobody can read a stream any more; a run that logs nothing would go on."""
    poller = select.poll()
    with contextlib.suppress(OSError, ValueError):
        # Without events to wait for, only the end of the other side is one.
        poller.register(stream.fileno(), 0)
        while not poller.poll(0):  # noqa: ASYNC110 - the kernel sets no event of ours
            await asyncio.sleep(READER_SECONDS)
        unread()


async def show_status(write: Callable[[str], object], run: LiveRun) -> NoReturn:
    """Write a line about a run now and then, until cancelled."""
    while True:
        await asyncio.sleep(STATUS_SECONDS)
        write(str(run.status()))


def wants_panel(context: click.Context, log: LogOptions, environ: Mapping[str, str]) -> bool:
    """Return whether a command is to be shown as a panel."""
    if not is_terminal("stderr") or environ.get("TERM", "dumb") == "dumb" or environ.get("CI"):
        return False
    if _is_set(context, "quiet") or log.as_json or is_pilot_load(context):
        return False
    chosen = log.target if "log_target" in settings_of(context).given else ()
    return not any(is_terminal(target) for target in chosen)


def _is_set(context: click.Context, name: str) -> bool:
    """Return whether a switch of all commands is set, before the command's name or after it."""
    return any(one.params.get(name) for one in (context, context.find_root()))


def servers_of(context: click.Context) -> Servers:
    """Return which servers a command is for, as a person knows them."""
    if context.params.get("embedded"):
        return Servers("", "embedded servers")
    settings = settings_of(context)
    try:
        from pyload.harness.servers import target_text  # noqa: PLC0415 - fast help

        api_server = target_text(settings.connection)
    except UsageError:
        # The command says so itself, if it needs one.
        api_server = ""
    follows = context.info_name in _FOLLOWERS or context.params.get("cluster_type") == "kwok"
    connection = settings.pod_connection if follows else settings.connection
    return Servers(api_server, connection.pilot_address)
