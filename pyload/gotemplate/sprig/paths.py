"""File paths with slashes; the ``os`` functions are the same on the systems that pyload runs on."""

from __future__ import annotations

from typing import Final

from pyload.gotemplate.functions import Function


def clean(path: str) -> str:
    """The shortest path that means the same: no doubled slashes, no ``.``, few ``..``."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part != "..":
            parts.append(part)
        elif parts and parts[-1] != "..":
            parts.pop()
        elif not rooted:
            parts.append(part)
    joined = "/".join(parts)
    return f"/{joined}" if rooted else joined or "."


def _base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _dir(path: str) -> str:
    before, slash, _ = path.rpartition("/")
    return clean(before + slash)


def _ext(path: str) -> str:
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return dot + extension if dot else ""


def _is_abs(path: str) -> bool:
    return path.startswith("/")


FUNCTIONS: Final = (
    Function("base", _base, ("string",)),
    Function("dir", _dir, ("string",)),
    Function("clean", clean, ("string",)),
    Function("ext", _ext, ("string",)),
    Function("isAbs", _is_abs, ("string",)),
    Function("osBase", _base, ("string",)),
    Function("osDir", _dir, ("string",)),
    Function("osClean", clean, ("string",)),
    Function("osExt", _ext, ("string",)),
    Function("osIsAbs", _is_abs, ("string",)),
)
