"""Results, read back from what was written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyload.harness.result_file import json_bytes
from pyload.report.result import Result
from pyload.report.result_reader import read_result
from tests.report.recorded import EQUAL, document, recorded
from tests.report.results import measured, whole


def written(result: Result) -> Any:
    """Return a result as it is in its file."""
    return json.loads(json_bytes(result.to_json()))


EMPTY = Result(version="1", run_id="", command="adsc", duration=0.0, exit_reason="still running")


@pytest.mark.parametrize("result", [whole(), measured(), EMPTY], ids=("whole", "measured", "empty"))
def test_a_result_is_read_as_it_was_written(result: Result) -> None:
    """The report of a finished run would show less than its summary did, or something else."""
    found = read_result(written(result))

    assert written(found) == written(result)
    assert found.to_text() == result.to_text()


def test_a_result_of_a_real_run_is_read_as_it_was_written() -> None:
    """Its distributions and its history must be the same to the last digit."""
    given = document(EQUAL[0])
    found = json.loads(json_bytes(recorded(EQUAL[0]).to_json()))

    for key in ("history", "histograms", "first_config", "generator"):
        assert found[key] == given[key]
    # The run is of a time when the size of a push was not measured: that is not 0.
    unknown = {"bytes_p50": None, "bytes_max": None}
    pushes = [one | {"bytes": None} for one in given["spread"]["last_pushes"]]
    assert found["spread"] == given["spread"] | unknown | {"last_pushes": pushes}


def test_distributions_come_with_their_extremes() -> None:
    """Noise is read off the distribution; without it nothing could be compared."""
    latency = read_result(written(measured())).connect

    assert latency.histogram is not None
    assert (latency.histogram.count, latency.histogram.max) == (1000, 1.0)
    assert latency.histogram.percentile(99) == latency.p99


def test_a_result_of_the_first_version_is_readable() -> None:
    """Runs of last month are what today's are compared with."""
    found = recorded("v1")

    assert (found.connect.p99, found.connect.p95, found.convergence) == (0.991952896, None, None)
    assert "1,000 wanted, 999 connected" in found.to_text()


def test_what_an_earlier_version_did_not_have_is_nothing() -> None:
    """A field that is added to probes or pushes would make all earlier files unreadable."""
    given = written(whole())
    for one in given["convergence"]["last_probes"] + given["spread"]["last_pushes"]:
        del one["p99"]
    del given["generator"]
    given["outages"]["first"][0].pop("disconnects")
    given["thresholds"][0].pop("unit")
    found = read_result(given)

    assert found.convergence is not None
    assert found.convergence.last_probes[0].p99 is None
    assert found.spread.last_pushes[0].p99 == 0
    assert found.outages.first[0].disconnects == {}
    assert found.generator.cpu_seconds == 0


def test_what_a_later_version_has_besides_is_passed_over() -> None:
    """The same version of the schema may get keys."""
    given = written(whole())
    given["new"] = given["proxies"]["new"] = {"some": 1}

    assert written(read_result(given)) == written(whole())


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (3, "it is no result of a run"),
        ({}, "it is no result of a run"),
        ({"schema": "pyload.dev/plan/v1"}, "it is no result of a run, but pyload.dev/plan/v1"),
        (
            {"schema": "pyload.dev/result/v3"},
            "it is of a later version of pyload (pyload.dev/result/v3)",
        ),
        ({"schema": "pyload.dev/result/v2"}, "`version` is missing"),
    ],
)
def test_what_is_no_result_is_said_to_be_none(document: Any, problem: str) -> None:
    """People name the wrong file; a traceback does not tell them."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared
        read_result(document)
    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("proxies", "wanted"), "many", "`proxies.wanted` is not a whole number"),
        (("proxies", "wanted"), True, "`proxies.wanted` is not a whole number"),
        (("duration",), "1s", "`duration` is not a number"),
        (("proxies",), [], "`proxies` is not an object"),
        (("thresholds",), {}, "`thresholds` is not a list"),
        (("thresholds", 0, "passed"), 1, "`thresholds.0.passed` is not true or false"),
        (
            ("thresholds", 0, "unit"),
            "miles",
            "`thresholds.0.unit` is none of seconds, bytes, count, ratio, boolean",
        ),
        (("steps", 0, "proxies", "wanted"), "x", "`steps.0.proxies.wanted` is not a whole number"),
        (("history", "at", 0), "x", "`history.at` is not a number"),
        (
            ("histograms", "hdr", "connect"),
            "abc",
            "`histograms.hdr.connect` is no HdrHistogram",
        ),
    ],
)
def test_the_place_of_what_is_wrong_is_named(
    path: tuple[str | int, ...], value: Any, problem: str
) -> None:
    """A file that was edited, or cut and mended, has many thousand figures."""
    given = at = written(whole())
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value

    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared
        read_result(given)
    assert str(raised.value) == problem
