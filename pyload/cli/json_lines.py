"""The lines of ``--log_as_json``: one JSON object each, with level, time and text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def json_line(level: str, text: str, **fields: object) -> str:
    """Return a line of now, with further fields behind its text."""
    return compact_json(
        {"level": level, "time": log_time(datetime.now(UTC)), "msg": text, **fields}
    )


def log_time(at: datetime) -> str:
    """Return a time in UTC as log lines have it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def compact_json(line: Mapping[str, object]) -> str:
    """Return JSON as compact as Go's, for those who grep `"level":"error"`."""
    return json.dumps(line, default=str, ensure_ascii=False, separators=(",", ":"))
