"""What the system says about processes."""

from __future__ import annotations

from pathlib import Path


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
