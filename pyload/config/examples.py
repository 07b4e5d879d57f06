"""The example configs that come with pyload: those of ``docs/examples``.

The package holds a copy of that folder, which is put there when it is built. In a checkout the
folder itself is read, so that there are no two of them.

Each example begins with the line by which editors find its schema, and with a comment whose first
sentence says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyload.errors import PyloadError

SCHEMA: Final = "mesh.schema.json"
"""The file in which an example's first line looks for the schema, beside the example."""

_MARK: Final = "# yaml-language-server: $schema="
_PACKAGE: Final = Path(__file__).parents[1]
_FOLDERS: Final = (_PACKAGE / "examples", _PACKAGE.parent / "docs" / "examples")


@dataclass(frozen=True, slots=True)
class Example:
    """One example.

    Attributes:
        name: Its file's path within the folder, without the ending.
        summary: What it is, in one sentence.
        text: The file, with `SCHEMA` in its first line.
    """

    name: str
    summary: str
    text: str


def examples() -> tuple[Example, ...]:
    """Return all examples, by name.

    Raises:
        PyloadError: They did not come with this installation.
    """
    folder = next((one for one in _FOLDERS if one.is_dir()), None)
    if folder is None:
        raise PyloadError("the examples are not in this installation", fix="install pyload anew")
    files = {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.yaml")
    }
    return tuple(read_example(name, files[name].read_text("utf-8")) for name in sorted(files))


def read_example(name: str, text: str) -> Example:
    """Return the example that a file holds."""
    lines = text.splitlines()
    comment = []
    for line in lines[1:] if text.startswith(_MARK) else lines:
        if not line.startswith("# "):
            break
        comment.append(line.removeprefix("# "))
    if text.startswith(_MARK):
        text = f"{_MARK}{SCHEMA}\n{text.partition(chr(10))[2]}"
    return Example(name, " ".join(comment).partition(". ")[0].rstrip(":.") + ".", text)
