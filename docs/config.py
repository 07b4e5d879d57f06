"""Writes the table of application types in ``docs/config.md``; ``--check`` compares instead."""  # noqa: INP001

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyload.config.app_types import APP_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.config.app_types import AppType

TARGET: Final = Path(__file__).with_name("config.md")

_BEGIN: Final = "<!-- Written by docs/config.py from pyload/config/app_types.py; change that. -->\n"
_END: Final = "<!-- End of the table. -->\n"


def main() -> int:
    """Write the file, or compare it."""
    text = page()
    if sys.argv[1:] != ["--check"]:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() == text:
        return 0
    click.echo(f"{TARGET} is stale; run {Path(__file__).name}", err=True)
    return 1


def page() -> str:
    """Return the whole page with a new table."""
    before, _, rest = TARGET.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "\n" + "\n".join(_lines()) + "\n\n" + _END + after


def _lines() -> Iterator[str]:
    yield "| type | dialect | pods and Service | proxy in each pod | else |"
    yield "|---|---|---|---|---|"
    for one in APP_TYPES.values():
        cells = (
            f"`{one.name}`",
            one.dialects[0] if len(one.dialects) == 1 else "both",
            "yes" if one.in_cluster else "",
            "gateway" if one.is_gateway else one.proxy,
            _note(one),
        )
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _note(one: AppType) -> str:
    default = f"the default of the {one.default_of} dialect" if one.default_of else ""
    return "; ".join(text for text in (default, one.note) if text)


if __name__ == "__main__":
    sys.exit(main())
