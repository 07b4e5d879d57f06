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
