"""Write ``docs/cli.md`` from the commands themselves, or with ``--check`` say whether it is stale."""  # noqa: INP001 - a script

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.options import GLOBAL
from pyload.cli.program import ALIASES, COMMANDS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TARGET: Final = Path(__file__).with_name("cli.md")

_HEAD: Final = """\
# Commands and flags

<!-- Written by docs/cli.py from the commands; change those. -->

`pyload COMMAND [flags]`, or `pilot-load` in place of `pyload`. A flag that is marked as a switch takes
no value; a BOOL may be written without one (`--delta`), or with an equals sign (`--delta=false`).
Durations are Go's (`10ms`, `1h30m`). Each flag can be set by the environment too: `--pilot-address` is
`PYLOAD_PILOT_ADDRESS`, and `cluster --config` is `PYLOAD_CLUSTER_CONFIG`.
"""
_GLOBAL: Final = """
## Global flags

They may stand before or after the command's name.
"""


def main() -> int:
    """Write the file, or compare it."""
    text = page()
    if sys.argv[1:] != ["--check"]:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    click.echo(f"{TARGET} is stale; run {Path(__file__).name}", err=True)
    return 1


def page() -> str:
    """Give the whole page."""
    return "\n".join([*_lines()]) + "\n"


def _lines() -> Iterator[str]:
    context = click.Context(ROOT, info_name="pyload")
    yield _HEAD
    for name in sorted(COMMANDS):
        command = ROOT.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        yield f"## {name}"
        yield ""
        yield " ".join((command.help or "").split())
        also = sorted(alias for alias, known in ALIASES.items() if known == name)
        if also:
            yield f"Also: {', '.join(f'`{alias}`' for alias in also)}."
        yield ""
        yield from _table(
            own, [one for one in command.get_params(own) if one.name not in GLOBAL | {"help"}]
        )
        if command.epilog:
            title, _, example = command.epilog.partition("\n")
            yield title
            yield ""
            yield from (f"    {line.strip()}" for line in example.splitlines())
            yield ""
    yield _GLOBAL.strip("\n")
    yield ""
    yield from _table(context, [one for one in ROOT.get_params(context) if one.name != "help"])


def _table(context: click.Context, parameters: Iterable[click.Parameter]) -> Iterator[str]:
    options = [one for one in parameters if isinstance(one, click.Option)]
    if not options:
        return
    yield "| flag | meaning |"
    yield "|---|---|"
    for option in options:
        yield f"| {_names(option)} | {_meaning(context, option)} |"
    yield ""


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(ROOT))}"
    return ", ".join(f"`{flag}`" for flag in option.opts[:-1]) + (
        f"{', ' if len(option.opts) > 1 else ''}`{option.opts[-1]}{value}`"
    ).replace("|", "\\|")


def _meaning(context: click.Context, option: click.Option) -> str:
    text = option.help or _HIDDEN.get(str(option.name), "")
    extra = option.get_help_extra(context).get("default")
    default = _default(option)
    if default and not extra and "[default" not in text:
        text = f"{text} Default: `{default}`."
    # The page must not depend on where it is made.
    text = text.replace("istiod.istio-system.svc:15010", "localhost:15010")
    text = text.replace("  [default: ", " Default: ").replace("]", "." if "[default" in (option.help or "") else "]")
    return f"{text} A switch." if option.is_flag else text


_HIDDEN: Final = {
    "log_target": "`stdout`, `stderr` or a file; may be repeated.",
    "log_as_json": "Log lines as JSON.",
    "log_caller": "Scopes, or `all`, whose lines name the place in the code.",
    "log_stacktrace_level": "Accepted for pilot-load's scripts, without effect.",
    "vklog": "Accepted for pilot-load's scripts, without effect.",
}


def _default(option: click.Option) -> str:
    value = option.default
    if value in (None, "", False, ()) or callable(value) or option.is_flag:
        return ""
    if isinstance(value, (str, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    return ""


if __name__ == "__main__":
    sys.exit(main())
