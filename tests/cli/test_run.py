"""How a run is reported: its summary, its warning, and its verdict for CI systems."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import pytest

from pyload.cli.command import Command
from pyload.cli.flags.files import JUNIT
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.run import run_options
from pyload.cli.logs import LogOptions
from pyload.cli.run import run_and_report
from pyload.errors import PyloadError, ThresholdFailed, UsageError
from pyload.harness.outcome import Outcome
from pyload.report.verdict import Verdict
from tests.report.results import measured

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.tasks import Shutdown

FAST = Verdict("first_config.p99 < 10µs", "first_config.p99", "seconds", 0.000002, passed=True)


def report(outcome: Outcome | PyloadError, *, junit: Path | None = None) -> int:
    """Report a run that has come to an end."""

    async def main(*, shutdown: Shutdown) -> Outcome:
        del shutdown
        if isinstance(outcome, PyloadError):
            raise outcome
        return outcome

    with click.Context(click.Command("cluster")) as context:
        context.meta[JUNIT] = junit
        return run_and_report(main, LogOptions())


def test_a_default_that_fails_a_pilot_load_run_is_one_line_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scripts read standard output, and the exit code of pilot-load is 0."""
    assert report(Outcome(measured(), warning="threshold failed: x")) == 0

    written = capsys.readouterr()
    assert written.err == "warning: threshold failed: x\n"
    assert "warning" not in written.out


def test_a_stream_without_the_marks_gets_a_summary_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container without a locale would end a whole run with a traceback."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    report(Outcome(replace(measured(), thresholds=(FAST,))))
    stream.flush()

    text = stream.buffer.getvalue().decode()
    assert "thresholds    + first_config.p99 < 10us: under 10us" in text


@pytest.mark.parametrize("error", [None, ThresholdFailed("late"), PyloadError("broken")])
def test_the_verdict_is_written_for_ci_however_the_run_ended(
    tmp_path: Path, error: PyloadError | None
) -> None:
    """A CI system that finds no file says nothing of what was wrong."""
    path = tmp_path / "junit.xml"
    outcome = Outcome(replace(measured(), thresholds=(FAST,)), error)
    if error is None:
        assert report(outcome, junit=path) == 0
    else:
        with pytest.raises(type(error)):
            report(outcome, junit=path)

    assert 'name="first_config.p99 &lt; 10µs"' in path.read_text()
    assert ('<error message="broken">' in path.read_text()) is (str(error) == "broken")


def test_a_run_that_could_not_begin_is_written_too(tmp_path: Path) -> None:
    """An API server that is away is the commonest reason for a red build."""
    path = tmp_path / "junit.xml"
    with pytest.raises(UsageError):
        report(UsageError("no API server"), junit=path)

    assert '<error message="no API server">' in path.read_text()


def test_a_verdict_that_cannot_be_written_fails_the_run(tmp_path: Path) -> None:
    """CI would show the file of the run before."""
    with pytest.raises(PyloadError, match="give --junit another file"):
        report(Outcome(measured()), junit=tmp_path / "absent" / "junit.xml")


async def _end(*, shutdown: Shutdown) -> Outcome:
    del shutdown
    return Outcome(measured())


@click.command(cls=Command)
@click.option("--data", is_flag=True)
@run_options
@pass_settings
def command(settings: Settings, *, data: bool, run: dict[str, Any]) -> int:
    """End at once."""
    del run
    return run_and_report(partial(_end), settings.log, data_on_stdout=data)


def test_the_result_on_standard_output_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    """`pyload ... --out - | jq` failed at the summary and the log lines before it (B6)."""
    command.main(["--out", "-"], standalone_mode=False)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(json.dumps(measured().to_json()))
    assert printed.err.rstrip("\n") == measured().to_text()


def test_a_plan_on_standard_output_takes_the_place_of_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`pyload cluster --dry-run --out - | jq` showed the result of a run that never was (B6)."""

    async def end(*, shutdown: Shutdown) -> Outcome:
        del shutdown
        return Outcome(measured(), listing="would create 3 objects", plan={"objects": 3})

    @click.command(cls=Command)
    @run_options
    @pass_settings
    def dry(settings: Settings, *, run: dict[str, Any]) -> int:
        """End at once."""
        del run
        return run_and_report(partial(end), settings.log)

    dry.main(["--out", "-"], standalone_mode=False)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"objects": 3}
    assert printed.err == "would create 3 objects\n"


def test_data_and_the_result_do_not_share_standard_output() -> None:
    """What `prober` prints is CSV, and would be neither CSV nor JSON."""
    with pytest.raises(UsageError, match="give --out a file"):
        command.main(["--out", "-", "--data"], standalone_mode=False)


def test_the_last_line_of_a_json_log_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A collector of log lines choked on the summary (B3)."""
    command.main(["--log_as_json=true"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    line = json.loads(printed)
    assert list(line) == ["level", "time", "msg", "result"]
    assert line["msg"] == measured().to_text().partition("\n")[0]
    assert line["result"]["schema"] == "pyload.dev/result/v2"
    assert not {"history", "histograms"} & line["result"].keys()
