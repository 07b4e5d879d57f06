"""The options that every command with a run has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.harness.connection import Connection
from pyload.harness.start_options import StartOptions
from pyload.report.thresholds import NO_THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyload.harness.live_run import View
    from pyload.report.thresholds import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of any run; each command adds its own.

    Attributes:
        out: File for the result as JSON, or None.
        tags: What the user says about the run, by name.
        connection: Servers, credentials and rates.
        start: When the start-up is over, in a run with proxies.
        as_pilot_load: Whether the program was called by the name `pilot-load`. What scripts rely on
            then stays as it was there, where pyload's own way is another.
        thresholds: What the figures of the run have to be, besides what holds by default.
        command_line: The command as the user typed it, for the result; without secrets.
        called: Name of the command in the result, where another one does its work.
        view: Shows the run while it goes on; None shows nothing.
        embedded: Whether the servers are in this process, so that all objects go with it.
        cleanup_timeout: Seconds after which the clean-up is given up, and what is left is named; 0
            for no limit.
    """

    out: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    connection: Connection = field(default_factory=Connection)
    start: StartOptions = field(default_factory=StartOptions)
    as_pilot_load: bool = False
    thresholds: Thresholds = NO_THRESHOLDS
    command_line: str = ""
    called: str = ""
    view: View | None = None
    embedded: bool = False
    cleanup_timeout: float = 0.0
