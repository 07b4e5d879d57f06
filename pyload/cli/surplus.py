"""Words of the command line that belong to no flag.

Go's flags have a trap that pilot-load's users know: a boolean's value stands after ``=`` only, so
that ``--delta false`` means ``--delta`` and a word that is not looked at. pilot-load ignores such
words. Here they are errors, which guess what was meant; only a program called as pilot-load warns.
"""

from __future__ import annotations

import difflib
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.called_as import is_pilot_load
from pyload.cli.flags.go import FALSE, TRUE, GoBool
from pyload.cli.notices import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILES: Final = ("--config", "--file", "--spec")
"""Flags that a file without a flag is meant for; a command has one of them, or none."""
_DURATION: Final = re.compile(r"\d+(\.\d+)?(ms|s|m|h)")
_TYPED: Final = "pyload.cli.surplus"


def remember(context: click.Context, typed: Sequence[str]) -> None:
    """Keep what the user typed for a command, where `check` finds it."""
    context.meta[_TYPED] = tuple(typed)


def check(context: click.Context, _: click.Parameter, words: Sequence[str]) -> None:
    """Refuse surplus words, or warn of them where the program is called as pilot-load.

    Raises:
        click.UsageError: There is one.
    """
    if context.resilient_parsing:
        return
    for place, word in enumerate(words):
        flag = _flag_before(word, context, earlier=words[:place].count(word))
        text = f"{word!r} belongs to no flag; {_guess(word, flag, context)}"
        if not is_pilot_load(context):
            raise click.UsageError(text, context)
        warn(f"{text} (pilot-load ignores it, and so does this run)")


def is_boolean(word: str) -> bool:
    """Return whether a word is a boolean in one of Go's spellings."""
    return word in TRUE | FALSE


def _guess(word: str, before: click.Option | None, context: click.Context) -> str:
    """Return what the user may have meant by a word that stands behind a flag without a value."""
    if before is not None and is_boolean(word):
        name = before.opts[-1]
        return f"write {name}={word}" if isinstance(before.type, GoBool) else f"{name} has no value"
    if meant := _meant(word, _options(context)):
        return f"did you mean {meant}?"
    root = context.find_root()
    if isinstance(root.command, click.Group) and root.command.get_command(root, word) is not None:
        return "it is a command, and one command runs at a time"
    return f"`{context.command_path} --help` lists the flags"


def _meant(word: str, options: Sequence[click.Option]) -> str:
    """Return the flag that a word is the name or the value of, if it looks like one's."""
    names = {name.removeprefix("--"): name for one in options for name in one.opts if "--" in name}
    if word.partition("=")[0] in names:
        return f"--{word}"
    if re.search(r"\.(ya?ml|json)$", word) or Path(word).is_file():
        for one in options:
            if one.opts[-1] in _FILES:
                return f"{one.opts[0]} {word}"
    if "duration" in names and _DURATION.fullmatch(word):
        return f"--duration {word}"
    return "".join(names[near] for near in difflib.get_close_matches(word, names, 1, cutoff=0.75))


def _flag_before(word: str, context: click.Context, *, earlier: int) -> click.Option | None:
    """Return the flag without a value that stands right before a word.

    Args:
        word: The word.
        context: Of the command.
        earlier: How many words like it were surplus before.
    """
    typed: Sequence[str] = context.meta.get(_TYPED, ())
    flags = [
        one
        for before, here in pairwise(typed)
        for one in _options(context)
        if here == word and _is_without_value(one) and _names(before) & {*one.opts}
    ]
    return flags[earlier] if earlier < len(flags) else None


def _is_without_value(option: click.Option) -> bool:
    return option.is_flag or isinstance(option.type, GoBool)


def _names(typed: str) -> set[str]:
    """Return the forms of a boolean's name that an argument may be, such as ``-strue``."""
    return {typed.partition("=")[0], typed.removesuffix("true")}


def _options(context: click.Context) -> list[click.Option]:
    return [one for one in context.command.get_params(context) if isinstance(one, click.Option)]
