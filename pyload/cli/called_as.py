"""The name that the program was called by: as pilot-load, it bears with that tool's scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import click

PILOT_LOAD: Final = "pilot-load"


def is_pilot_load(context: click.Context) -> bool:
    """Return whether the user called the program pilot-load."""
    return Path(context.find_root().info_name or "").stem == PILOT_LOAD
