"""Processes as the system knows them."""

from __future__ import annotations

from pathlib import Path


def runs(pid: int) -> bool:
    """Return whether a process runs; one that has exited and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children() -> list[int]:
    """Return the processes that this one has started, and not waited for."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text(encoding="ascii").split()]
