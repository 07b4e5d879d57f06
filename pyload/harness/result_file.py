"""The file of a run's result, which is written whole or not at all.

A result takes the place of an earlier one in a single step: it is written to a file of its own
beside it, which is then renamed. Readers never see half a result, and a full disk leaves the
earlier one as it was. A device or a pipe is written to instead, because a rename would replace it;
of a symbolic link the file that it leads to is replaced.
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.descriptors import RAISE, SpareDescriptor, is_exhaustion
from pyload.errors import PyloadError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pyload.kube.resources import Obj
    from pyload.report.result import Result

SAVE_SECONDS: Final = 10.0
"""How often the result of a run that goes on is written."""

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


def check_folder(path: Path, *, flag: str) -> None:
    """Check before a run that files can be written into a folder, which need not exist yet.

    Args:
        path: The folder.
        flag: The flag that named it, for the message.

    Raises:
        UsageError: They cannot.
    """
    problem = ""
    if path.is_dir():
        problem = "" if os.access(path, os.W_OK) else "permission denied"
    elif path.exists():
        problem = "is not a folder"
    elif not path.parent.is_dir():
        problem = "its folder does not exist"
    elif not os.access(path.parent, os.W_OK):
        problem = "permission denied"
    if problem:
        raise UsageError(f"cannot write into {path}: {problem}", fix=f"give {flag} another folder")


class ResultFile:
    """The file of a run's result, which is written while the run goes on, too.

    A run that is killed leaves what it had measured `SAVE_SECONDS` before, or later. All writes are
    done one after another in a thread of their own, in which the JSON is made as well, so that a
    slow disk delays nothing but the next write.

    Args:
        path: The file; None for none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="result")
        # Proxies may have taken all others.
        self._descriptor = SpareDescriptor()

    async def keep(self, figures: Callable[[], Awaitable[Result]]) -> None:
        """Write the result again and again, until cancelled.

        A file that is not plain, such as a pipe, gets only the results of the end: what is written
        there cannot be replaced.

        Args:
            figures: Returns the figures as they are.
        """
        if self._path is None or not _is_plain(_target(self._path)):
            return
        failed = False
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            error = await self._write(self._path, await figures())
            if error is not None and not failed:
                log.warning("%s", error)
            failed = error is not None

    async def write(self, result: Result, *, is_last: bool = True) -> PyloadError | None:
        """Write a result; without a file do nothing.

        Args:
            result: The result.
            is_last: Whether none comes after it, so that a pipe may have it.

        Returns:
            The error if it cannot be written; it is not raised, so that the run still cleans up.
        """
        if self._path is None or not (is_last or _is_plain(_target(self._path))):
            return None
        error = await self._write(self._path, result)
        if error is not None:
            log.error("%s", error)
        return error

    def close(self) -> None:
        """Let the thread end after its last write."""
        self._thread.submit(self._descriptor.close)
        self._thread.shutdown(wait=False)

    async def _write(self, path: Path, result: Result) -> PyloadError | None:
        def write() -> None:
            text = json_bytes(result.to_json())
            with self._descriptor.free():
                write_whole(path, text)

        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, write)
        except OSError as error:
            return unwritten(path, error)
        return None


async def write_result(path: Path | None, result: Result) -> PyloadError | None:
    """Write the one result of a run; see `ResultFile.write`."""
    return None if path is None else await write_document(path, result.to_json())


async def write_document(path: Path, document: Obj) -> PyloadError | None:
    """Write JSON, whole or not at all, and return the error if that fails."""
    try:
        await asyncio.to_thread(write_whole, path, json_bytes(document))
    except OSError as error:
        trouble = unwritten(path, error)
        log.error("%s", trouble)
        return trouble
    return None


def unwritten(
    path: Path, error: OSError, *, flag: str = "--out", kind: str = "file"
) -> PyloadError:
    """Return the error of a file, or of a folder, that was found to be none to write to.

    Args:
        path: The file.
        error: What the system said.
        flag: The flag that named it.
        kind: ``file`` or ``folder``.
    """
    fix = RAISE if is_exhaustion(error) else f"give {flag} another {kind}"
    return PyloadError(f"cannot write {path}: {error.strerror}", fix=fix)


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
        path = _target(path)
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
    path = _target(path)
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


def _target(path: Path) -> Path:
    """Return what a symbolic link leads to, which is replaced in place of the link."""
    return path.resolve() if path.is_symlink() else path


def _is_plain(path: Path) -> bool:
    """Return whether a new file may replace the path; a device or a pipe is to stay."""
    return not path.is_symlink() and (path.is_file() or not path.exists())


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
