"""The file of a run's result, which is written whole or not at all.

A result takes the place of an earlier one in a single step: it is written to a file of its own
beside it, which is then renamed. Readers never see half a result, and a full disk leaves the
earlier one as it was. A device, a pipe or a symbolic link is written to instead, because a rename
would replace it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

import orjson

from pyload.errors import PyloadError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj
    from pyload.report.result import Result

log = logging.getLogger("pyload")


def check_writable(path: Path | None, *, flag: str = "--out") -> None:
    """Check before a run that one of its files can be written.

    Args:
        path: The file; None for none.
        flag: The flag that named it, for the message.

    Raises:
        UsageError: The file cannot be written.
    """
    problem = None if path is None else _problem(path)
    if problem:
        raise UsageError(f"cannot write {path}: {problem}", fix=f"give {flag} another file")


async def write_result(path: Path | None, result: Result) -> PyloadError | None:
    """Write a result as JSON, whole or not at all; without a path do nothing.

    Returns:
        The error if the file cannot be written; it is not raised, so that the run still cleans up.
    """
    return None if path is None else await write_document(path, result.to_json())


async def write_document(path: Path, document: Obj) -> PyloadError | None:
    """Write JSON, whole or not at all, and return the error if that fails."""
    try:
        await asyncio.to_thread(write_whole, path, json_bytes(document))
    except OSError as error:
        trouble = PyloadError(
            f"cannot write {path}: {error.strerror}", fix="give --out another file"
        )
        log.error("%s", trouble)
        return trouble
    return None


def json_bytes(document: Obj) -> bytes:
    """Return JSON as it stands in a file: a key a line, and each column of the history too."""
    if "history" in document:
        document = {**document, "history": _on_one_line(document["history"])}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _on_one_line(value: Any) -> Any:
    """Return a value whose lists orjson does not indent."""
    if isinstance(value, dict):
        return {key: _on_one_line(each) for key, each in value.items()}
    return orjson.Fragment(orjson.dumps(value)) if isinstance(value, list) else value


def _problem(path: Path) -> str:
    try:
        if path.is_dir():
            return "is a directory"
        if not path.parent.is_dir():
            return "its folder does not exist"
        if path.exists() and not os.access(path, os.W_OK):
            return "permission denied"
        if _is_plain(path):
            part = _part(path)
            part.touch()
            part.unlink()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def write_whole(path: Path, text: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: The file cannot be written; an earlier one is as it was.
    """
    if not _is_plain(path):
        path.write_bytes(text)
        return
    part = _part(path)
    try:
        part.write_bytes(text)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _is_plain(path: Path) -> bool:
    """Return whether a new file may replace the path; a device, a pipe or a link is to stay."""
    return not path.is_symlink() and (path.is_file() or not path.exists())


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
