"""The class of every command: it has the global flags, and its help lists its own flags first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pyload.cli import surplus
from pyload.cli.flags.globals import GLOBAL_OPTIONS
from pyload.cli.flags.go import GoBool
from pyload.cli.flags.group import GroupOption

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

WHOLE_HELP: Final = "pyload.cli.command.whole_help"
"""Key of a context's `meta` for help with the meaning of every flag."""

_SCREEN: Final = 40
"""Lines that fit on a screen."""
_NAMED: Final = 3
"""Number of flags of a group that are named where there is no room for their meanings."""


class Command(click.Command):
    """A command with the global flags.

    Its function gets its own flags; those of groups reach it through their decorators. A command
    without arguments refuses words that belong to no flag.
    """

    def __init__(
        self, name: str | None, *, params: list[click.Parameter], **attributes: Any
    ) -> None:
        if not any(isinstance(one, click.Argument) for one in params):
            params = [
                *params,
                click.Argument(
                    ["surplus"], nargs=-1, expose_value=False, metavar="", callback=surplus.check
                ),
            ]
        own = [flag for one in params for flag in one.opts]
        super().__init__(
            name,
            params=[*params, *(one.beside(own) for one in GLOBAL_OPTIONS)],
            context_settings=CONTEXT_SETTINGS,
            **attributes,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, and remember them for messages."""
        surplus.remember(ctx, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command's function with the values of its own parameters."""
        groups = {one.name for one in self.params if isinstance(one, GroupOption)}
        assert self.callback is not None
        return ctx.invoke(
            self.callback,
            **{name: value for name, value in ctx.params.items() if name not in groups},
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own flags, then each group under its title.

        Where that is more than fits a screen, only some flags of the last groups are named.
        """
        sections: dict[str, list[click.Option]] = {"Options": []}
        for one in self.get_params(ctx):
            if isinstance(one, click.Option):
                title = one.title if isinstance(one, GroupOption) else "Options"
                sections.setdefault(title, []).append(one)
        foldable = [title for title in reversed(sections) if title != "Options"]
        folded: set[str] = set()
        taken = formatter.getvalue().count("\n") + (self.epilog or "").count("\n") + 3
        while foldable and not ctx.meta.get(WHOLE_HELP):
            scratch = ctx.make_formatter()
            _write(sections, folded, ctx, scratch)
            if scratch.getvalue().count("\n") + taken <= _SCREEN:
                break
            folded.add(foldable.pop(0))
        _write(sections, folded, ctx, formatter)

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the example as it stands."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("\n".join(self.epilog.splitlines()) + "\n")


def help_record(option: click.Option, context: click.Context) -> tuple[str, str] | None:
    """Return the form of a flag and its meaning, or None if it is hidden.

    The form of a boolean says that its value stands after ``=`` only.
    """
    record = option.get_help_record(context)
    if record is None or not isinstance(option.type, GoBool):
        return record
    return record[0].removesuffix(" BOOL") + "[=BOOL]", record[1]


def _write(
    sections: Mapping[str, Iterable[click.Option]],
    folded: Collection[str],
    context: click.Context,
    formatter: click.HelpFormatter,
) -> None:
    for title, options in sections.items():
        if title in folded:
            continue
        with formatter.section(title):
            records = [help_record(one, context) for one in options]
            formatter.write_dl([record for record in records if record is not None])
    if folded:
        with formatter.section(f"More, see `pyload help --all {context.info_name}`"):
            formatter.write_dl(
                [(title, _names(options)) for title, options in sections.items() if title in folded]
            )


def _names(options: Iterable[click.Option]) -> str:
    """Return some flags of a group, for where there is no room for their meanings."""
    names = [one.opts[-1] for one in options if not one.hidden]
    shown, more = ", ".join(names[:_NAMED]), len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
