"""The table of application types in ``docs/config.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.sections import replaced
from pyload.config.app_types import APP_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.config.app_types import AppType


def files() -> dict[str, str]:
    """Return the page's text by its path below docs."""
    return {"config.md": replaced("config.md", "types", [*_lines()])}


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
