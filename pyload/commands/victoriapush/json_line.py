"""Measurements that come as JSON lines, and their form for VictoriaLogs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE: Final = 64 * 1024 - 1
"""Bytes of a line without its newline, as pilot-load's reader takes them."""

BATCH_RECORDS: Final = 500
BATCH_SECONDS: Final = 5.0

_INT64: Final = range(-(1 << 63), 1 << 63)
_SHOWN: Final = 80
_TOO_LONG: Final = f"a line is longer than {LONGEST_LINE} bytes"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line.

    Attributes:
        latency: The measured value.
        timestamp: When it was measured.
        details: Text that describes the measurement.
    """

    latency: float
    timestamp: int
    details: str


class BadLine(ValueError):  # noqa: N818 - a fact about the input, never shown as an error's name
    """Raised when a line is not a measurement."""


class LineTooLong(ValueError):  # noqa: N818 - likewise
    """Raised when a line is longer than `LONGEST_LINE`."""


class Lines:
    """Cuts bytes into lines, holding no more than one of them back."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes, and yield the lines that they complete, without their newlines.

        Raises:
            LineTooLong: A line is too long; the lines before it have been yielded.
        """
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            if len(line) > LONGEST_LINE:
                raise LineTooLong(_TOO_LONG)
            yield line.removesuffix(b"\r")
        if len(self._begun) > LONGEST_LINE:
            self._begun = b""
            raise LineTooLong(_TOO_LONG)

    def end(self) -> list[bytes]:
        """Return the last line if the input does not end with a newline."""
        last, self._begun = self._begun, b""
        return [last.removesuffix(b"\r")] if last else []


def read_line(line: bytes) -> Measurement:
    """Read one line; unknown keys are ignored, missing ones are zero.

    Raises:
        BadLine: The line is not JSON, or a value has the wrong type.
    """
    try:
        given: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"{error} in {_shown(line)}") from error
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise BadLine(f"{_shown(line)} is not an object")
    # Go's decoder matches keys in any case.
    values = {key.lower(): value for key, value in given.items() if value is not None}
    latency = values.get("latency", 0)
    timestamp = values.get("timestamp", 0)
    details = values.get("details", "")
    if isinstance(latency, bool) or not isinstance(latency, int | float):
        raise BadLine(f"latency is not a number in {_shown(line)}")
    if type(timestamp) is not int or timestamp not in _INT64:
        raise BadLine(f"timestamp is not a whole number in {_shown(line)}")
    if not isinstance(details, str):
        raise BadLine(f"details is not text in {_shown(line)}")
    return Measurement(float(latency), timestamp, details)


def write_line(measurement: Measurement, *, stream: str, sub_stream: str) -> bytes:
    """Format a measurement as a JSON line for VictoriaLogs, with its newline."""
    latency = measurement.latency
    record: dict[str, object] = {
        "_msg": measurement.details,
        "_time": measurement.timestamp,
        # Go writes whole numbers without a point.
        "value": int(latency) if latency.is_integer() and abs(latency) < 1e15 else latency,
        "stream": stream,
    }
    if sub_stream:
        record["subStream"] = sub_stream
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(slots=True)
class Batcher:
    """Collects records until there are enough of them, or the oldest batch is old enough.

    Attributes:
        flushed: The moment of the last flush, or of the start, in seconds on any clock.
    """

    flushed: float
    _records: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: bytes) -> bool:
        """Add a record, and return whether the batch is full."""
        self._records.append(record)
        return len(self._records) >= BATCH_RECORDS

    @property
    def due(self) -> float | None:
        """The moment at which the batch must be flushed, full or not; None while it is empty."""
        return self.flushed + BATCH_SECONDS if self._records else None

    def flush(self, now: float) -> list[bytes]:
        """Return the batch, and begin the next."""
        batch, self._records = self._records, []
        self.flushed = now
        return batch


def _shown(line: bytes) -> str:
    text = line[:_SHOWN].decode(errors="replace")
    return repr(text) if len(line) <= _SHOWN else f"{text!r}..."
