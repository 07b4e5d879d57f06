"""Profiles of a run's time and memory, for developers of pyload."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pyload.errors import UsageError
from pyload.harness.result_file import check_writable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def profiled(*, cpu: str = "", memory: str = "") -> Iterator[None]:
    """Profile this thread while the context lasts, and write the files at its end.

    Args:
        cpu: File for the statistics of `cProfile`, which `pstats` reads; empty for none.
        memory: File for a snapshot of `tracemalloc`, taken at the end; empty for none.

    Raises:
        UsageError: A file cannot be written.
    """
    for flag, file in (("--cpuprofile", cpu), ("--memprofile", memory)):
        if file:
            check_writable(Path(file), flag=flag)
    with contextlib.ExitStack() as stack:
        if memory:
            stack.enter_context(_memory(memory))
        if cpu:
            stack.enter_context(_cpu(cpu))
        yield


@contextlib.contextmanager
def _cpu(file: str) -> Iterator[None]:
    import cProfile  # noqa: PLC0415 - where it is asked for

    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        with _writing(file, "--cpuprofile"):
            profile.dump_stats(file)


@contextlib.contextmanager
def _memory(file: str) -> Iterator[None]:
    import tracemalloc  # noqa: PLC0415 - where it is asked for

    tracemalloc.start()
    try:
        yield
    finally:
        snapshot = tracemalloc.take_snapshot()
        tracemalloc.stop()
        with _writing(file, "--memprofile"):
            snapshot.dump(file)


@contextlib.contextmanager
def _writing(file: str, flag: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {file}: {error.strerror}", fix=f"give {flag} another file"
        ) from error
