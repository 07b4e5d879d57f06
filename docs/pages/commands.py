"""``docs/cli.md``: every command and flag, from the commands themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from pyload.cli.flags.globals import GLOBAL
from pyload.cli.log_levels import SCOPES
from pyload.cli.program import ALIASES, COMMANDS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD: Final = """\
# Commands and flags

<!-- Written by docs/write.py from the commands; change those. -->

`pyload COMMAND [flags]`, or `pilot-load` in place of `pyload`. A flag that is marked as a switch
takes no value; a BOOL may be written without one (`--delta`), or with an equals sign
(`--delta=false`). Durations are Go's (`10ms`, `1h30m`). Each flag can be set by the environment
too: `--pilot-address` is `PYLOAD_PILOT_ADDRESS`, and `cluster --config` is `PYLOAD_CLUSTER_CONFIG`;
what is typed wins. A word that belongs to no flag is an error, and an environment variable that
belongs to none is a warning.
"""
_GLOBAL: Final = """
## Global flags

They may stand before or after the command's name.
"""

_SCOPES: Final = """\
## Scopes of log lines

`--log_output_level` takes levels by scope: `warn,adsc:info` shows warnings of everything and the
lines of proxies, `adsc:none` hides those. A level alone is for all scopes that are not named.
"""


def files() -> dict[str, str]:
    """Return the page's text by its path below docs."""
    return {"cli.md": "\n".join([*_lines()]) + "\n"}


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
        yield from _table(own, [one for one in command.get_params(own) if one.name not in GLOBAL])
        if command.epilog:
            title, _, example = command.epilog.partition(":")
            yield f"{title}:"
            yield ""
            yield from (f"    {line.strip()}" for line in example.strip().splitlines())
            yield ""
    yield _GLOBAL.strip("\n")
    yield ""
    yield from _table(context, ROOT.get_params(context))
    yield _SCOPES
    yield "| scope | lines about |"
    yield "|---|---|"
    yield from (f"| `{scope}` | {about} |" for scope, about in SCOPES.items())


def _table(context: click.Context, parameters: Iterable[click.Parameter]) -> Iterator[str]:
    options = [
        one for one in parameters if isinstance(one, click.Option) and "--help" not in one.opts
    ]
    if not options:
        return
    yield "| flag | meaning |"
    yield "|---|---|"
    for option in options:
        yield f"| {_names(option)} | {_meaning(context, option)} |"
    yield ""


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(ROOT))}"
    *others, last = option.opts
    return ", ".join(f"`{flag}`" for flag in (*others, last + value)).replace("|", "\\|")


def _meaning(context: click.Context, option: click.Option) -> str:
    text, bracket, default = (option.help or _HIDDEN[str(option.name)]).partition("  [default: ")
    if bracket:
        default = default.removesuffix("]")
    elif option.show_default or option.param_type_name != "option":
        default = str(option.get_help_extra(context).get("default", ""))
    else:
        default = _default(option)
    # The page must not depend on where it is made.
    default = default.replace("istiod.istio-system.svc:15010", "localhost:15010")
    parts = [text, f"Default: {default}." if default else "", "A switch." if option.is_flag else ""]
    return " ".join(part for part in parts if part).replace("|", "\\|")


_HIDDEN: Final = {
    "log_target": "`stdout`, `stderr` or a file; may be repeated.",
    "log_caller": "Scopes, or `all`, whose lines name the place in the code.",
    "log_stacktrace_level": "Accepted for pilot-load's scripts, without effect.",
    "vklog": "Accepted for pilot-load's scripts, without effect.",
    **dict.fromkeys(
        ("inject", "concurrency", "namespace", "cooldown", "spec"),
        "Accepted for pilot-load's scripts, without effect.",
    ),
}
"""Hidden flags, which have no help of their own."""


def _default(option: click.Option) -> str:
    value = option.default
    if option.is_flag or not isinstance(value, (str, int, float, tuple)):
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
