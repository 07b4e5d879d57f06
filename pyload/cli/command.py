"""The class of every command: it has the global flags, and its help lists its own flags first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pyload.cli.flags.globals import GLOBAL_OPTIONS, GlobalOption
from pyload.cli.flags.group import GroupOption

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_ROOMY: Final = 2
"""Number of groups that fit on a screen beside the command's own flags."""
_NAMED: Final = 3
"""Number of global flags that are named where there is no room for them all."""


class Command(click.Command):
    """A command with the global flags.

    Its function gets its own flags; those of groups reach it through their decorators. Arguments
    of a command that has none are ignored, as by pilot-load.
    """

    def __init__(
        self, name: str | None, *, params: list[click.Parameter], **attributes: Any
    ) -> None:
        if not any(isinstance(one, click.Argument) for one in params):
            params = [
                *params,
                click.Argument(["ignored"], nargs=-1, expose_value=False, metavar=""),
            ]
        super().__init__(
            name,
            params=[*params, *GLOBAL_OPTIONS],
            context_settings=CONTEXT_SETTINGS,
            **attributes,
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command's function with the values of its own parameters."""
        groups = {one.name for one in self.params if isinstance(one, GroupOption)}
        assert self.callback is not None
        return ctx.invoke(
            self.callback,
            **{name: value for name, value in ctx.params.items() if name not in groups},
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own flags, then each group under its title."""
        sections: dict[str, list[click.Option]] = {"Options": []}
        for one in self.get_params(ctx):
            if isinstance(one, click.Option):
                title = one.title if isinstance(one, GroupOption) else "Options"
                sections.setdefault(title, []).append(one)
        crowded = len(sections) - 1 > _ROOMY
        for title, options in sections.items():
            with formatter.section(title):
                if crowded and title == GlobalOption.title:
                    formatter.write_text(_names(options))
                else:
                    records = [one.get_help_record(ctx) for one in options]
                    formatter.write_dl([record for record in records if record is not None])

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the example as it stands."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("\n".join(self.epilog.splitlines()) + "\n")


def _names(options: Iterable[click.Option]) -> str:
    """Return a line about the global flags, for where there is no room for their meanings."""
    names = [one.opts[-1] for one in options if not one.hidden]
    shown, more = ", ".join(names[:_NAMED]), len(names) - _NAMED
    return f"{shown} and {more} more: see `pyload --help`"
