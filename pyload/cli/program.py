"""The root command, which finds commands by name and turns errors into exit codes."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

from pyload.cli import notices
from pyload.cli.command import CONTEXT_SETTINGS, WHOLE_HELP, help_record
from pyload.cli.flags.globals import GLOBAL_OPTIONS, GlobalOption, LogOption, RareOption
from pyload.cli.flags.go import rewrite
from pyload.cli.surplus import is_boolean
from pyload.cli.variables import PREFIX, unknown_variables
from pyload.errors import ConfigError, Interrupted, PyloadError
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COMMANDS: Final = {
    "adsc": "Open xDS connections that belong to no pod.",
    "cleanup": "Remove what runs have left in the cluster.",
    "cluster": "Build a mesh, connect its proxies, churn, and clean up.",
    "completion": "Print a completion script for bash, zsh or fish.",
    "examples": "List, print or write the example configs.",
    "impersonate": "Run the proxies of a cluster's pods while they live.",
    "latency": "Measure how long a change takes until proxies have it.",
    "help": "Show the help of a command.",
    "diff": "Compare two dumps.",
    "doctor": "Find what would keep a run from working, and its fix.",
    "dump": "Write the xDS configuration of a pod as files.",
    "init": "Write a config to start from.",
    "isolated": "Serve a mesh from this process: API server and control plane.",
    "prober": "Measure how long a new route takes until a gateway serves it.",
    "render": "Print the objects that a config makes.",
    "report": "Show a result again, or compare several.",
    "reproduce": "Replay the objects and proxies of a captured cluster.",
    "schema": "Print the JSON Schema of config files, for editors.",
    "startup": "Measure how long pods take to become ready.",
    "validate": "Check configs, without a cluster.",
    "victoriapush": "Send measurements from standard input to VictoriaLogs.",
}
"""Every command with its line in the list; its module is ``pyload.cli.NAME``."""

_OTHERS: Final = "Other options"

ALIASES: Final = {
    "in-memory-istiod": "isolated",
    "adsc-impersonate": "impersonate",
    "pod-startup": "startup",
    "reproduce-cluster": "reproduce",
    "xds-latency": "latency",
}
"""Names of commands in other versions of pilot-load."""


class Program(click.Group):
    """The root command; imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command of a name or alias, importing its module; None if it is unknown."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"pyload.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of a name, or suggest the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib  # noqa: PLC0415 - for a typo only

            if is_boolean(args[0]):
                hint = f"write the value of a boolean after `=`, as in --delta={args[0]}"
                raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx) from None
            near = difflib.get_close_matches(args[0], [*COMMANDS, *ALIASES], n=1)
            hint = (
                f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(COMMANDS))}"
            )
            raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete aliases too, once their first letters are there."""
        found = super().shell_complete(ctx, incomplete)
        others = [name for name in sorted(ALIASES) if incomplete and name.startswith(incomplete)]
        return found + [CompletionItem(name, help=COMMANDS[ALIASES[name]]) for name in others]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, without importing them, and the flags by topic.

        For a page that fits a screen, some flags are only named.
        """
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))
        whole = ctx.meta.get(WHOLE_HELP)
        sections: dict[str, list[tuple[str, str]]] = {}
        named = []
        for one in self.get_params(ctx):
            assert isinstance(one, click.Option)
            record = help_record(one, ctx)
            if record is None:
                continue
            topic = one.topic if isinstance(one, GlobalOption) else _OTHERS
            if whole or not (isinstance(one, LogOption | RareOption) or topic == _OTHERS):
                sections.setdefault(topic, []).append(record)
            else:
                named.append(one.opts[0])
        if _OTHERS in sections:
            sections[_OTHERS] = sections.pop(_OTHERS)
        for topic, records in sections.items():
            with formatter.section(topic):
                formatter.write_dl(records)
        if named:
            with formatter.section(f"{_OTHERS} (see `pyload help --all`)"):
                formatter.write_text(", ".join(named))


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
            allow_from_autoenv=False,
            callback=_version,
            help="Show the version and exit.",
        ),
        *GLOBAL_OPTIONS,
    ],
    context_settings=CONTEXT_SETTINGS,
    epilog="Try it: pyload cluster --embedded --duration 10s",
    callback=lambda **_: None,
)


def _parameters_of(name: str) -> Iterable[click.Parameter]:
    command = ROOT.get_command(click.Context(ROOT), name)
    return () if command is None else command.params


def program(executable: str, arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        executable: How the program was called; its base name appears in help and errors.
        arguments: What follows it.

    Returns:
        The exit code.
    """
    name = Path(executable).name
    if name == "__main__.py":
        name = "python -m pyload"
    notices.forget()
    if not any(variable.endswith("_COMPLETE") for variable in os.environ):
        _warn_of_variables()
    try:
        code = ROOT.main(
            args=rewrite(arguments, ROOT.params, _parameters_of),
            prog_name=name,
            standalone_mode=False,
            auto_envvar_prefix=PREFIX,
            # What the user typed, for the result.
            obj=(*name.split(), *arguments),
        )
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.ClickException, click.Abort, PyloadError, OSError) as error:
        return _failed(error)
    finally:
        _let_go_of_stdout()
    return code if isinstance(code, int) else 0


def _warn_of_variables() -> None:
    """Warn of misspelt variables, which have no effect; a shell's completion cannot show that."""
    names = (*COMMANDS, *ALIASES)
    for sentence in unknown_variables(os.environ, ROOT.params, names, _parameters_of):
        notices.warn(sentence)


def _failed(error: Exception) -> int:
    """Report an error on standard error, and return the exit code."""
    code: int = getattr(error, "exit_code", PyloadError.exit_code)
    match error:
        case click.exceptions.NoArgsIsHelpError(ctx=click.Context() as context):
            # As in pilot-load, where this is no mistake.
            click.echo(context.get_help())
            return 0
        case click.ClickException():
            notices.fail(error.format_message(), exit_code=code, plain=_with_usage(error))
        case click.Abort():
            return Interrupted.exit_code
        case ConfigError():
            notices.fail(str(error), exit_code=code, plain=str(error))
        case PyloadError():
            notices.fail(str(error), exit_code=code)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            where = f" {error.filename}" if error.filename else ""
            notices.fail(f"cannot write{where}: {error.strerror}; make room", exit_code=code)
        case BrokenPipeError() | OSError(errno=errno.EIO):
            # The reader or the terminal is gone.
            pass
        case _:
            raise error
    return code


def _with_usage(error: click.ClickException) -> str:
    """Return what click shows of an error: with the command's usage, where flags are wrong."""
    text = io.StringIO()
    error.show(text)
    return text.getvalue().removesuffix("\n")


def _let_go_of_stdout() -> None:
    """Keep the interpreter from complaining when it flushes to a reader that is gone."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
