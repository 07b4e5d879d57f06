"""Log lines as pilot-load writes them: ``TIME⇥LEVEL⇥[SCOPE⇥][CALLER⇥]MESSAGE[⇥k=v k2=v2]``.

The library logs with the standard library: the logger ``pyload`` is scope ``default`` and
``pyload.NAME`` is scope ``NAME``; a record's ``labels`` attribute holds its labels.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from pyload.cli.json_lines import compact_json, log_time
from pyload.cli.log_levels import LEVELS, read_levels, unknown_scopes
from pyload.cli.notices import warn
from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NAMES: Final = {number: name for name, number in LEVELS.items()}
_ROOT: Final = "pyload"
_STREAMS: Final = ("stdout", "stderr")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The flags about log lines; each is named after its flag, without ``--log_``.

    Attributes:
        output_level: ``SCOPE:LEVEL,…``, as `read_levels` takes it.
        target: ``stdout``, ``stderr`` or files.
        as_json: One JSON object per line instead of tabs.
        caller: Scopes, or ``all``, whose lines name the place in the code.
        file: File for the lines, beside the targets; empty for none.
        as_pilot_load: Read the levels as pilot-load does, and only warn of unknown scopes.
    """

    output_level: str = ""
    target: Sequence[str] = ("stdout",)
    as_json: bool = False
    caller: str = ""
    file: str = ""
    as_pilot_load: bool = False

    def beside_data(self) -> LogOptions:
        """Return the options for a command that writes data to standard output.

        Its log lines go to standard error unless the user has chosen targets.
        """
        return replace(self, target=("stderr",)) if tuple(self.target) == ("stdout",) else self


def set_up(
    options: LogOptions,
    *,
    unread: Callable[[], object] = lambda: None,
    on_terminal: logging.Handler | None = None,
) -> None:
    """Send the package's log records to their sinks.

    Args:
        options: The flags.
        unread: Called when the reader of standard output is gone.
        on_terminal: Takes the place of standard streams that are a terminal.

    Raises:
        UsageError: A level, a scope or a sink does not exist.
    """
    levels = read_levels(options.output_level, as_pilot_load=options.as_pilot_load)
    if options.as_pilot_load:
        for scope in unknown_scopes(options.output_level):
            warn(f"there is no log scope {scope!r}")
    root = logging.getLogger(_ROOT)
    root.propagate = False
    for handler in list(root.handlers):
        root.removeHandler(handler)
    targets = [*options.target, *([options.file] if options.file else [])]
    handlers: list[logging.Handler] = [
        _Sink(_open(target), unread if target == "stdout" else lambda: None)
        for target in targets
        if on_terminal is None or not is_terminal(target)
    ]
    for handler in handlers:
        handler.setFormatter(_formatter(options))
    if on_terminal is not None:
        handlers.append(on_terminal)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(levels.pop("default"))
    for scope, level in levels.items():
        logging.getLogger(f"{_ROOT}.{scope}").setLevel(level)


def status_writer(options: LogOptions) -> Callable[[str], None]:
    """Return what writes a line to standard error that looks like one of the log."""
    sink = _Sink(_open("stderr"), lambda: None)
    sink.setFormatter(_formatter(options))

    def write(text: str) -> None:
        logger = logging.getLogger(_ROOT)
        if logger.isEnabledFor(logging.INFO):
            sink.emit(logger.makeRecord(_ROOT, logging.INFO, __file__, 0, text, (), None))

    return write


def is_terminal(target: str) -> bool:
    """Return whether a target is a standard stream, and that is a terminal."""
    if target not in _STREAMS:
        return False
    stream = getattr(sys, target)
    # Under `>&-` there is no such stream.
    return stream is not None and stream.isatty()


def _formatter(options: LogOptions) -> logging.Formatter:
    return _Lines(as_json=options.as_json, caller=frozenset(options.caller.split(",")))


def _open(target: str) -> TextIO:
    # Under `>&-` there is no such stream.
    if target == "stdout":
        return sys.stdout or _nowhere()
    if target == "stderr":
        return sys.stderr or _nowhere()
    try:
        return Path(target).open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the log file {target}: {error.strerror}",
            fix="give --log_target a file that can be written, stdout or stderr",
        ) from error


def scope_of(logger: str) -> str:
    """Return the scope of a logger: empty for the default scope."""
    return logger[len(_ROOT) + 1 :]


class _Sink(logging.StreamHandler[TextIO]):
    """A sink that falls silent once it cannot write, so that the run can still clean up."""

    def __init__(self, stream: TextIO, unread: Callable[[], object]) -> None:
        super().__init__(stream)
        self._unread = unread

    def close(self) -> None:
        if self.stream not in (sys.stdout, sys.stderr):
            self.stream.close()
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self.stream = _nowhere()
        if isinstance(error, BrokenPipeError):
            self._unread()
        else:
            with contextlib.suppress(OSError):
                click.echo(f"cannot write the log any more: {error.strerror}", err=True)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


class _Lines(logging.Formatter):
    def __init__(self, *, as_json: bool, caller: frozenset[str]) -> None:
        super().__init__()
        self._as_json = as_json
        self._caller = caller

    def format(self, record: logging.LogRecord) -> str:
        time = log_time(datetime.fromtimestamp(record.created, UTC))
        level = _NAMES.get(record.levelno, "info")
        scope = scope_of(record.name)
        caller = ""
        if self._caller & {"all", scope or "default"}:
            caller = f"{record.filename}:{record.lineno}"
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        labels: Mapping[str, object] = getattr(record, "labels", {})
        if self._as_json:
            fields = {"level": level, "time": time, "scope": scope, "caller": caller}
            kept = {name: value for name, value in fields.items() if value}
            return compact_json({**kept, "msg": message, **labels})
        parts = [time, level, *filter(None, (scope, caller)), message]
        if labels:
            parts.append(" ".join(f"{name}={value}" for name, value in labels.items()))
        return "\t".join(parts)
