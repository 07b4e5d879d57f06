"""Which run a result is of."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A config as it was read.

    Attributes:
        name: Path of the file as the user wrote it; ``-`` for standard input.
        sha256: Digest of its bytes, by which two runs can be seen to have had the same.
    """

    name: str
    sha256: str

    @classmethod
    def of(cls, name: str, text: bytes) -> ConfigFile:
        """Return the file of a name and its bytes."""
        return cls(name, sha256(text).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which run it is, and how it ended.

    Attributes:
        version: pyload's version.
        run_id: The run's label; empty for a run without objects.
        command: Name of the command.
        cluster_type: Cluster type, or None without a cluster.
        started: When the run began, in UTC, as RFC 3339 has it.
        host: Name of the machine, or of the pod, that it ran on.
        command_line: The command as it was typed, without secrets; empty where there was none.
        config: The config file; None without one.
        duration: Time from the start of the run until the result was taken.
        exit_reason: Why it ended; ``still running`` in a file that is written on the way.
    """

    version: str
    run_id: str
    command: str
    cluster_type: str | None = None
    started: str = ""
    host: str = ""
    command_line: str = ""
    config: ConfigFile | None = None
    duration: float
    exit_reason: str
