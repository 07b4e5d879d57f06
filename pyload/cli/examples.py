"""``pyload examples``, and what ``pyload init`` shares with it."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.command import Command
from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.config.examples import Example

force_option: Final = click.option(
    "--force", is_flag=True, help="Write over files that are there already."
)


@click.command(
    cls=Command,
    epilog=(
        "Examples:\n"
        "  pyload examples ambient\n"
        "  pyload examples --write meshes\n"
        "  pyload examples thousand | pyload cluster --embedded -c - --duration 1m"
    ),
)
@click.option(
    "--write", "folder", metavar="DIR", help="Write all of them, and their schema, into a folder."
)
@force_option
@click.argument("name", default="", metavar="[NAME]")
def command(*, name: str, folder: str | None, force: bool) -> None:
    """List the examples, print one of them, or write all into a folder."""
    from pyload.config.examples import SCHEMA, examples  # noqa: PLC0415 - fast help
    from pyload.config.jsonschema import json_schema  # noqa: PLC0415

    if name and folder is not None:
        raise UsageError("NAME and --write do not go together", fix="give one")
    if name:
        click.echo(find(name).text, nl=False)
        return
    if folder is None:
        formatter = click.HelpFormatter(width=80)
        formatter.write_dl([(one.name, one.summary) for one in examples()])
        click.echo(formatter.getvalue(), nl=False)
        return
    files = {f"{one.name}.yaml": one.text for one in examples()}
    files[SCHEMA] = json.dumps(json_schema(), indent=2) + "\n"
    if not force:
        # Before the first is written.
        for path in files:
            _refuse_existing(Path(folder, path))
    for path, text in files.items():
        save(Path(folder, path), text, force=force)
    click.echo(f"{len(files)} files written to {folder}", err=True)


def find(name: str, *, also: Iterable[str] = ()) -> Example:
    """Return the example of a name.

    Args:
        name: The name, which may be that of its file.
        also: Other words that the user may have meant.

    Raises:
        UsageError: There is none.
    """
    from pyload.config.examples import examples  # noqa: PLC0415 - fast help

    known = {one.name: one for one in examples()}
    found = known.get(name.removesuffix(".yaml"))
    if found is None:
        near = get_close_matches(name, [*known, *also], n=1)
        words = ", ".join(also)
        hint = f"use one of {words}, or of `pyload examples`" if words else "see `pyload examples`"
        raise UsageError(
            f"there is no example {name}", fix=f"did you mean {near[0]}?" if near else hint
        )
    return found


def save(file: str | Path, text: str, *, force: bool) -> None:
    """Write a file, whose folder is created.

    Raises:
        UsageError: It is there already, and `force` is not given, or it cannot be written.
    """
    path = Path(file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        _refuse_existing(path)
        raise
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or path}: {error.strerror}", fix="name another file"
        ) from error


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UsageError(f"{path} is there already", fix="name another file, or give --force")
