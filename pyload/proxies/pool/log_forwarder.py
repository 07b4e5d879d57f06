"""Log records on their way from a worker to the log of the program.

A worker has no log of its own: its records are collected, travel with its next status, and are
handled in the pool's process as if they had been made there. When a worker cannot send as fast as
it logs, the excess is dropped and counted: a log must not fill the memory of a load test.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pyload.proxies.pool.messages import LogRecord, LogRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_WAITING: Final = 20_000
"""Log records that may wait in a worker; more are counted and dropped."""

_MAX_RECORDS: Final = 1000
"""Log records in one message."""

log = logging.getLogger("pyload")


class LogForwarder(logging.Handler):
    """Collects the log records of a worker's process for the pool's log."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[LogRecord] = []
        self._lost = 0

    def install(self, levels: Mapping[str, int]) -> None:
        """Replace all handlers of pyload's loggers, and set their levels."""
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        log.propagate = False
        log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, unless too many wait."""
        if len(self._records) >= MAX_WAITING:
            self._lost += 1
            return
        self._records.append(
            LogRecord(
                record.name,
                record.levelno,
                record.created,
                record.filename,
                record.lineno,
                self.format(record),
                getattr(record, "labels", None),
            )
        )

    def send(self, send: Callable[[LogRecords], None]) -> None:
        """Send all records that wait."""
        records, lost = self._records, self._lost
        self._records, self._lost = [], 0
        for first in range(0, len(records), _MAX_RECORDS):
            send(LogRecords(tuple(records[first : first + _MAX_RECORDS]), lost))
            lost = 0


def logger_levels() -> dict[str, int]:
    """Return the levels of this process's loggers, by name."""
    levels = {log.name: log.getEffectiveLevel()}
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("pyload.") and isinstance(logger, logging.Logger) and logger.level:
            levels[name] = logger.level
    return levels


def handle_records(message: LogRecords) -> None:
    """Handle a worker's log records in this process."""
    if message.lost:
        log.warning("%d log lines of a worker were lost: there were too many", message.lost)
    for record in message.records:
        logger = logging.getLogger(record.name)
        values = {
            "name": record.name,
            "levelno": record.level,
            "levelname": logging.getLevelName(record.level),
            "created": record.created,
            "filename": record.filename,
            "lineno": record.line,
            "msg": record.message,
        }
        if record.labels is not None:
            values["labels"] = record.labels
        logger.handle(logging.makeLogRecord(values))
