"""The root command: finds commands by name, and turns errors into exit codes."""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from pyload.cli.flags import fleet, follow
from pyload.cli.flags.globals import GLOBAL, with_global_options
from pyload.cli.flags.go import rewrite
from pyload.errors import ConfigError, Interrupted, PyloadError
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMANDS: Final = {
    "adsc": "Open xDS connections that belong to no pod.",
    "cleanup": "Remove what runs have left in the cluster.",
    "cluster": "Build a mesh, connect its proxies, churn, and clean up.",
    "completion": "Print a completion script for bash, zsh or fish.",
    "impersonate": "Run the proxies of a cluster's pods while they live.",
    "latency": "Measure how long a change takes until proxies have it.",
    "help": "Show the help of a command.",
    "diff": "Say how two dumps differ.",
    "dump": "Write the xDS configuration of a pod as files.",
    "isolated": "Serve a mesh from this process: API server and control plane.",
    "prober": "Measure how long a new route takes until a gateway serves it.",
    "render": "Print the objects that a config makes.",
    "reproduce": "Replay the objects and proxies of a captured cluster.",
    "schema": "Print the JSON Schema of config files, for editors.",
    "startup": "Measure how long pods take to become ready.",
    "validate": "Check configs, without a cluster.",
    "victoriapush": "Send measurements from standard input to VictoriaLogs.",
}
"""Every command with its line in the list; its module is ``pyload.cli.NAME``."""

ALIASES: Final = {
    "in-memory-istiod": "isolated",
    "adsc-impersonate": "impersonate",
    "pod-startup": "startup",
    "reproduce-cluster": "reproduce",
    "xds-latency": "latency",
}
"""Names of commands in other versions of pilot-load."""


_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_SHARED: Final = "Global options"
_GROUPS: Final = (
    ("Proxies", frozenset(fleet.OPTIONS)),
    ("For --cluster-type kwok", frozenset(follow.OPTIONS)),
)
"""Groups of flags in a command's help, after its own."""
_ROOMY: Final = 2
"""So many groups fit on a screen beside the command's own flags."""


class Command(click.Command):
    """A command whose help lists its own flags first."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, context_settings=_CONTEXT, **attributes)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags in groups."""
        rest = [
            parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)
        ]
        groups: list[tuple[str, list[click.Option]]] = []
        for title, options in _GROUPS:
            groups.append((title, [one for one in rest if one in options]))
            rest = [one for one in rest if one not in options]
        groups.append((_SHARED, [one for one in rest if one.name in GLOBAL]))
        rest = [one for one in rest if one.name not in GLOBAL]
        crowded = sum(bool(parameters) for _, parameters in groups) > _ROOMY
        for title, parameters in (("Options", rest), *groups):
            records = [one.get_help_record(ctx) for one in parameters]
            rows = [record for record in records if record is not None]
            if rows:
                with formatter.section(title):
                    if crowded and title == _SHARED:
                        formatter.write_text(_names(parameters))
                    else:
                        formatter.write_dl(rows)

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the example as it stands."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("\n".join(self.epilog.splitlines()) + "\n")


def _names(parameters: Iterable[click.Option]) -> str:
    """Name flags, for where there is no room for more."""
    names = (one.opts[-1] for one in parameters if not one.hidden)
    return f"{', '.join(names)}: see `pyload --help`"


class Program(click.Group):
    """The root command; imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name all commands."""
        return sorted(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Import one command."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"pyload.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the user means, or suggest the nearest name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = difflib.get_close_matches(args[0], [*COMMANDS, *ALIASES], n=1)
            hint = (
                f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(COMMANDS))}"
            )
            raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the other names of commands too, once their first letters are there."""
        found = super().shell_complete(ctx, incomplete)
        others = [name for name in sorted(ALIASES) if incomplete and name.startswith(incomplete)]
        return found + [CompletionItem(name, help=COMMANDS[ALIASES[name]]) for name in others]

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        click.echo(f"pyload {__version__}")
        context.exit()


ROOT: Final = Program(
    name="pyload",
    help="Load-test Istio's control plane with thousands of emulated proxies.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version and exit.",
        )
    ],
    context_settings=_CONTEXT,
    epilog="Try it: pyload cluster --embedded --duration 10s",
    callback=lambda **_: None,
)
with_global_options(ROOT)


def _parameters_of(name: str) -> Iterable[click.Parameter]:
    command = ROOT.get_command(click.Context(ROOT), name)
    return () if command is None else command.params


def program(executable: str, arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        executable: How the program was called; its base name appears in help and errors.
        arguments: What follows it.

    Returns:
        The exit code (design §5.11).
    """
    name = Path(executable).name
    if name == "__main__.py":
        name = "python -m pyload"
    try:
        code = ROOT.main(
            args=rewrite(arguments, ROOT.params, _parameters_of),
            prog_name=name,
            standalone_mode=False,
            auto_envvar_prefix="PYLOAD",
        )
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.ClickException, click.Abort, PyloadError, OSError) as error:
        return _failed(error)
    finally:
        _let_go_of_stdout()
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    """Say on standard error what went wrong, and give the exit code."""
    match error:
        case click.exceptions.NoArgsIsHelpError(ctx=click.Context() as context):
            # As pilot-load does; it is no mistake.
            click.echo(context.get_help())
            return 0
        case click.ClickException():
            error.show()
        case click.Abort():
            return Interrupted.exit_code
        case ConfigError():
            click.echo(str(error), err=True)
        case PyloadError():
            click.echo(f"Error: {error}", err=True)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            where = f" {error.filename}" if error.filename else ""
            click.echo(f"Error: cannot write{where}: {error.strerror}; make room", err=True)
        case BrokenPipeError() | OSError(errno=errno.EIO):
            # Nobody reads any more, or the terminal is gone.
            pass
        case _:
            raise error
    return getattr(error, "exit_code", PyloadError.exit_code)


def _let_go_of_stdout() -> None:
    """Keep the interpreter from complaining when it flushes what nobody can take any more."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
