"""Log lines that scripts grep and split at tabs."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from pyload.cli.logs import LogOptions, set_up
from pyload.errors import UsageError
from pyload.xds.log import Log

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, levels: str = "", *, as_json: bool = False, caller: str = "") -> list[str]:
    """Log three records and return the lines."""
    set_up(LogOptions(output_level=levels, target=(str(path),), as_json=as_json, caller=caller))
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
    """Log collectors read level, time, scope and msg in this order, and grep without spaces."""
    first, second = (json.loads(line) for line in written(tmp_path / "log", as_json=True))

    assert list(first) == ["level", "time", "msg"]
    assert list(second) == ["level", "time", "scope", "msg", "workload", "n"]
    assert '{"level":"info","time":"' in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("levels", "lines"),
    [("adsc:debug", 3), ("default:error", 0), ("warn", 0), ("all:debug", 3), ("adsc:none", 1)],
)
def test_levels_by_scope(tmp_path: Path, levels: str, lines: int) -> None:
    """With a thousand proxies, `adsc:none` is what keeps a log readable, and `warn` too (B2)."""
    assert len(written(tmp_path / "log", levels)) == lines


def test_called_as_pilot_load_an_unknown_scope_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That tool ignores scopes that it does not have, of which it had others in each version."""
    target = str(tmp_path / "log")
    set_up(LogOptions(output_level="ads:debug", target=(target,), as_pilot_load=True))
    assert capsys.readouterr().err == "warning: there is no log scope 'ads'\n"


def test_an_unwritable_log_file_is_a_usage_error(tmp_path: Path) -> None:
    """No traceback for a mistyped path."""
    with pytest.raises(UsageError, match="cannot write the log file"):
        set_up(LogOptions(target=(str(tmp_path / "no" / "such"),)))


def test_the_place_in_the_code(tmp_path: Path) -> None:
    """`--log_caller adsc` names file and line of that scope only."""
    first, second = written(tmp_path / "log", caller="adsc")

    assert "test_logs.py" not in first
    assert re.search(r"\tadsc\ttest_logs\.py:\d+\tConnecting", second)


def test_the_place_in_the_code_of_a_proxys_lines(tmp_path: Path) -> None:
    """All lines would name the place in the code that writes them, not the one that logs."""
    set_up(LogOptions(target=(str(tmp_path / "log"),), caller="all"))
    log = Log("sidecar~10.0.0.1~a.b~b.svc", delta=True)
    log.info("Connecting: %s", log.ip)
    log.plain("sending initial watches")

    assert (tmp_path / "log").read_text().count("\ttest_logs.py:") == 2


@pytest.mark.parametrize(
    ("reason", "unread", "complaints"),
    [(BrokenPipeError(), 1, 0), (OSError(28, "No space left on device"), 0, 1)],
)
def test_a_log_that_cannot_be_written_falls_silent(
    reason: OSError,
    unread: int,
    complaints: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`pyload ... | head` ends the run; a full disk is said once; neither is a traceback a line."""

    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            del text
            raise reason

    calls: list[None] = []
    monkeypatch.setattr(sys, "stdout", Broken())
    set_up(LogOptions(), unread=lambda: calls.append(None))
    for _ in range(3):
        logging.getLogger("pyload").info("a line")

    assert len(calls) == unread
    assert capsys.readouterr().err.count("No space left on device") == complaints


def test_without_standard_output_there_is_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `pyload ... >&-` Python has no standard output; the lines do not go elsewhere."""
    monkeypatch.setattr(sys, "stdout", None)
    set_up(LogOptions())
    handler = logging.getLogger("pyload").handlers[0]

    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream.name == os.devnull
