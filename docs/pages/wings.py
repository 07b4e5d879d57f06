"""The picture of the wings in ``docs/architecture.md``, from the code's own imports."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pages.sections import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "pyload"
_BASE = (
    "refresh",
    "key_pair",
    "delay_line",
    "tasks",
    "concurrency",
    "timer_heap",
    "malloc",
    "errors",
    "units",
    "version",
)
_USED, _UNUSED, _CORNER = "■", "·", "┐"


def files() -> dict[str, str]:
    """Return the page's text by its path below docs."""
    return {"architecture.md": replaced("architecture.md", "wings", [*_lines()])}


def _layers() -> Iterator[list[str]]:
    """Yield the wings of each layer, from the top, as the contract in pyproject.toml has them."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    for layer in layers:
        wings = [name.strip() for name in layer.split("|")]
        if not set(wings) <= set(_BASE):
            yield wings
    yield ["base"]


def _lines() -> Iterator[str]:
    layers = [*_layers()]
    wings = [wing for layer in layers for wing in layer]
    imports = _imports()
    width = max(len(wing) for wing in wings)
    yield "```text"
    yield from _boxes(layers)
    yield ""
    for row, wing in enumerate(wings):
        users = (_USED if imports[user, wing] else _UNUSED for user in wings[:row])
        yield f"{wing:>{width}}  {' '.join((*users, _CORNER))}"
    yield "```"


def _boxes(layers: list[list[str]]) -> Iterator[str]:
    rows = [" │ ".join(layer) for layer in layers]
    inner = max(len(row) for row in rows) + 2
    line = "─" * inner
    yield f"┌{line}┐"
    for index, row in enumerate(rows):
        if index:
            yield f"├{line}┤"
        yield f"│{row:^{inner}}│"
    yield f"└{line}┘"


def _imports() -> Counter[tuple[str, str]]:
    """Count the imports between wings: from the first to the second."""
    counted: Counter[tuple[str, str]] = Counter()
    for path in _PACKAGE.rglob("*.py"):
        wing = _wing(path.relative_to(_PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                root, *parts = name.split(".")
                if root == "pyload" and parts and wing and _wing(parts) != wing:
                    counted[wing, _wing(parts)] += 1
    return counted


def _wing(parts: tuple[str, ...] | list[str]) -> str:
    """Return the wing that a module is in; the package's root and its start are in none."""
    if parts[0] in ("__init__", "__main__"):
        return ""
    return "base" if parts[0] in _BASE else parts[0]
