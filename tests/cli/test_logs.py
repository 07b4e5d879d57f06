"""Log lines that scripts grep and split at tabs."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest

from pyload.cli.logs import LogOptions, read_levels, set_up
from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def restore_loggers() -> Iterator[None]:
    """Leave logging as it was for the other tests."""
    yield
    for name in ("pyload", "pyload.adsc", "pyload.kube", "pyload.dump", "pyload.grpc"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            handler.close()
            logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def written(path: Path, levels: str = "", *, as_json: bool = False, caller: str = "") -> list[str]:
    """Log three records and give the lines."""
    set_up(LogOptions(levels=levels, targets=(str(path),), as_json=as_json, caller=caller))
    log, adsc = logging.getLogger("pyload"), logging.getLogger("pyload.adsc")
    log.info("Starting pod %s", "a")
    adsc.info("Connecting: %s", "10.0.0.10", extra={"labels": {"workload": "a", "n": 1}})
    adsc.debug("got message")
    return path.read_text().splitlines()


def test_the_console_format(tmp_path: Path) -> None:
    """The time has six digits, the default scope has no name, and labels follow one tab."""
    first, second = written(tmp_path / "log")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\tinfo\tStarting pod a", first)
    assert second.split("\t")[1:] == ["info", "adsc", "Connecting: 10.0.0.10", "workload=a n=1"]


def test_json_lines(tmp_path: Path) -> None:
    """Log collectors read level, time, scope and msg in this order."""
    first, second = (json.loads(line) for line in written(tmp_path / "log", as_json=True))

    assert list(first) == ["level", "time", "msg"]
    assert list(second) == ["level", "time", "scope", "msg", "workload", "n"]


@pytest.mark.parametrize(
    ("levels", "lines"),
    [("adsc:debug", 3), ("default:error", 1), ("warn", 1), ("all:debug", 3), ("adsc:none", 1)],
)
def test_levels_by_scope(tmp_path: Path, levels: str, lines: int) -> None:
    """With a thousand proxies, `adsc:none` is what keeps a log readable."""
    assert len(written(tmp_path / "log", levels)) == lines


def test_an_unknown_level_is_a_usage_error() -> None:
    """A typo must not silence or flood a log."""
    with pytest.raises(UsageError, match="invalid output level 'loud'"):
        read_levels("adsc:loud")


def test_an_unwritable_log_file_is_a_usage_error(tmp_path: Path) -> None:
    """No traceback for a mistyped path."""
    with pytest.raises(UsageError, match="cannot write the log file"):
        set_up(LogOptions(targets=(str(tmp_path / "no" / "such"),)))


def test_the_place_in_the_code(tmp_path: Path) -> None:
    """`--log_caller adsc` names file and line of that scope only."""
    first, second = written(tmp_path / "log", caller="adsc")

    assert "test_logs.py" not in first
    assert re.search(r"\tadsc\ttest_logs\.py:\d+\tConnecting", second)
