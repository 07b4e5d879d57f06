"""Which run a result is of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which run it is, and how it ended.

    Attributes:
        version: pyload's version.
        run_id: The run's label; empty for a run without objects.
        command: Name of the command.
        cluster_type: Cluster type, or None without a cluster.
        duration: Time from the start of the run until the result was taken.
        exit_reason: Why it ended.
    """

    version: str
    run_id: str
    command: str
    cluster_type: str | None = None
    duration: float
    exit_reason: str
