"""Parts of a page that are written by a program, between marks in what people write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCS = Path(__file__).parents[1]


def replaced(page: str, section: str, lines: Iterable[str], *, text: str = "") -> str:
    """Return a page with a new section.

    Args:
        page: Path below ``docs``.
        section: Its name, which stands in the marks around it.
        lines: The section's lines.
        text: The page, where other sections of it are new too; by default that of the file.

    Raises:
        ValueError: The page has no marks of that name.
    """
    begin, end = f"<!-- {section}: written by docs/write.py -->\n", f"<!-- /{section} -->\n"
    text = text or (DOCS / page).read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no section {section}")
    return "\n".join([before + begin, *lines, "", end + after])
