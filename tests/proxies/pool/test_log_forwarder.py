"""Log records on their way from a worker to the pool's log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pyload.proxies.pool.log_forwarder import (
    MAX_WAITING,
    LogForwarder,
    handle_records,
    logger_levels,
)
from pyload.proxies.pool.messages import LogRecords

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = logging.LogRecord(
    "pyload.adsc", logging.WARNING, "/x/client.py", 7, "Closing: %s", ("p0",), None
)


def sent_by(forwarder: LogForwarder) -> list[LogRecords]:
    """Return the messages that a forwarder sends now."""
    messages: list[LogRecords] = []
    forwarder.send(messages.append)
    return messages


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger of the program, which is as before at the end."""
    logger = logging.getLogger("pyload")
    before = logger.level, logger.propagate, logger.handlers[:]
    yield logger
    logger.setLevel(before[0])
    logger.propagate, logger.handlers[:] = before[1:]


def test_a_record_is_handled_in_the_pool_as_it_was_made(caplog: pytest.LogCaptureFixture) -> None:
    """Scripts search the log for each proxy's lines, its labels included."""
    forwarder = LogForwarder()
    forwarder.handle(RECORD)
    labelled = logging.makeLogRecord({**vars(RECORD), "labels": {"workload": "p0"}})
    forwarder.handle(labelled)
    for message in sent_by(forwarder):
        handle_records(message)
    first, second = caplog.records
    for name in ("name", "levelno", "levelname", "created", "filename", "lineno"):
        assert getattr(first, name) == getattr(RECORD, name)
    assert first.getMessage() == "Closing: p0"
    assert ("labels" in vars(first), vars(second)["labels"]) == (False, {"workload": "p0"})
    assert sent_by(forwarder) == []


def test_records_beyond_those_that_may_wait_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A worker whose pool is busy would fill its memory with its log."""
    forwarder = LogForwarder()
    for _ in range(MAX_WAITING + 5):
        forwarder.handle(RECORD)
    messages = sent_by(forwarder)
    assert sum(len(message.records) for message in messages) == MAX_WAITING
    assert max(len(message.records) for message in messages) == 1000
    assert [message.lost for message in messages] == [5] + [0] * (len(messages) - 1)
    handle_records(LogRecords((), 5))
    assert caplog.messages == ["5 log lines of a worker were lost: there were too many"]


def test_a_worker_logs_at_the_levels_of_the_pool_and_nowhere_else(logger: logging.Logger) -> None:
    """Workers would write to the terminal over the live view, or not say what -v asks for."""
    logger.setLevel(logging.INFO)
    child = logging.getLogger("pyload.adsc")
    try:
        child.setLevel(logging.ERROR)
        levels = logger_levels()
        assert (levels["pyload"], levels["pyload.adsc"]) == (logging.INFO, logging.ERROR)
        forwarder = LogForwarder()
        forwarder.install({"pyload": logging.ERROR, "pyload.adsc": logging.DEBUG})
        child.debug("from %s", "below")
        logger.warning("not this")
    finally:
        child.setLevel(logging.NOTSET)
    assert not logger.propagate
    (message,) = sent_by(forwarder)
    assert [record.message for record in message.records] == ["from below"]
