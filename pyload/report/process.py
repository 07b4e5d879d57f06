"""CPU time and memory of this process, and who runs it where."""

from __future__ import annotations

import getpass
import os
import resource
import sys
import time
from pathlib import Path

_PAGE = resource.getpagesize()


def cpu_seconds() -> float:
    """Return the CPU time of this process so far, user and system, in seconds."""
    return time.process_time()


def machine_seconds(stat: Path = Path("/proc/stat")) -> tuple[float, float] | None:
    """Return the CPU time in use and all of it, of all cores since the start of the machine.

    None where the system does not say.
    """
    try:
        text = stat.read_text(encoding="ascii")
        ticks = [int(one) for one in text.partition("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    if len(ticks) < 5 or not any(ticks):
        return None
    idle = ticks[3] + ticks[4]
    return float(sum(ticks) - idle), float(sum(ticks))


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Return how many CPU cores this process may use: the machine's, or a container's."""
    # What a container's or taskset's mask leaves; macOS has no such thing.
    if hasattr(os, "sched_getaffinity"):
        some = float(len(os.sched_getaffinity(0)))
    else:
        some = float(os.cpu_count() or 1)
    try:
        most, period = quota.read_text(encoding="ascii").split()
        return min(some, int(most) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return some


def rss_bytes() -> int:
    """Return the resident memory of this process in bytes; its peak where only that is known."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def user_and_host() -> str:
    """Return who runs this process, as ``user@host``; in a pod the host is the pod's name."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # In a container, a user may have a number only.
        user = str(os.getuid())
    return f"{user}@{host()}"


def host() -> str:
    """Return the name of this machine; in a pod, the pod's."""
    return os.uname().nodename
