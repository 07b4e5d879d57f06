"""``pyload report``: results of runs, one by itself or several compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pyload.commands.report import Recorded, Report, parse_recorded
from pyload.errors import ConfigError, UsageError
from pyload.report.conditions import parse_condition
from tests.report.recorded import document, path_of

if TYPE_CHECKING:
    from pyload.report.conditions import Condition

CONDITION = parse_condition("convergence.p99 > +10%")


def read(*names: str) -> list[Recorded]:
    """Read recorded results."""
    return [parse_recorded(f"{name}.json", path_of(name).read_bytes()) for name in names]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "r.json:1:1: the file is empty; name a file that --out has written"),
        (
            b'{"schema":\n "pyload',
            (
                "r.json:2:9: this is no JSON: unexpected end of data; "
                "name a file that --out has written"
            ),
        ),
    ],
)
def test_a_file_that_was_cut_is_named_with_the_place(data: bytes, problem: str) -> None:
    """It is the first thing to look at: whether the copy is whole."""
    with pytest.raises(ConfigError) as raised:
        parse_recorded("r.json", data)
    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[]", "r.json: it is no result of a run; name a file that --out has written"),
        (
            b'{"schema": "pyload.dev/result/v9"}',
            (
                "r.json: it is of a later version of pyload (pyload.dev/result/v9); "
                "read it with that version"
            ),
        ),
    ],
)
def test_a_file_that_is_no_result_is_named(data: bytes, problem: str) -> None:
    """Of several files one is the wrong one."""
    with pytest.raises(UsageError) as raised:
        parse_recorded("r.json", data)
    assert str(raised.value) == problem


def test_one_result_has_its_summary_again() -> None:
    """The terminal of the run is gone."""
    report = Report.of(read("equal-1"))

    assert report.text() == report.recorded[0].result.to_text()
    assert report.to_json() == document("equal-1")
    assert b"pyload: cluster fake-node" in report.page()


def test_two_results_are_compared() -> None:
    """The exit code of CI follows from what failed."""
    report = Report.of(read("equal-1", "slow"), [CONDITION])

    assert [one.condition for one in report.failed] == [CONDITION]
    assert report.text().endswith("✗ convergence.p99 > +10%: +83%, 602ms to 1.1s, noise ±5.0%")
    page = report.page().decode()
    assert "What changed" in page
    assert "convergence.p99 \\u003e +10%" in page


def test_equal_results_fail_nothing() -> None:
    """Ten of ten pairs are in the tests of `comparison`."""
    assert Report.of(read("equal-1", "equal-2"), [CONDITION]).failed == []


def test_the_comparison_is_there_for_programs() -> None:
    """A bot that comments on a change reads no table for people."""
    found = Report.of(read("equal-1", "slow"), [CONDITION]).to_json()
    figures = {one["figure"]: one for one in found["figures"]}

    assert json.dumps(found, allow_nan=False)
    assert [one["file"] for one in found["runs"]] == ["equal-1.json", "slow.json"]
    assert figures["convergence.p99"]["verdict"] == "worse"
    assert figures["convergence.p99"]["change"] == pytest.approx(0.833, abs=0.001)
    assert figures["first_config.p99"]["why"] == "50 times are too few for a p99"
    (condition,) = found["conditions"]
    assert (condition["expr"], condition["passed"]) == ("convergence.p99 > +10%", False)


def test_an_infinite_change_is_null_in_json() -> None:
    """JSON has no infinity, and readers refuse the whole file."""
    report = Report.of(read("equal-1", "v1"))
    (failed,) = (one for one in report.to_json()["figures"] if one["figure"] == "proxies.failed")

    assert (failed["before"], failed["after"], failed["change"]) == (0, 1, None)
    assert failed["verdict"] == "worse"


def test_more_results_become_a_table() -> None:
    """Versions of istiod, or sizes of a mesh, side by side."""
    report = Report.of(read("equal-1", "equal-2", "slow"))

    assert len(report.text().splitlines()) == 5
    assert [one["name"] for one in report.to_json()["rows"]] == [
        "equal-1.json",
        "equal-2.json",
        "slow.json",
    ]
    assert b"equal-2.json" in report.page()


@pytest.mark.parametrize(
    ("names", "count"), [(("slow",), "there is one"), (("slow",) * 3, "there are 3")]
)
def test_conditions_are_for_two_results(names: tuple[str, ...], count: str) -> None:
    """A pipeline whose earlier file is missing must not pass."""
    conditions: list[Condition] = [CONDITION]
    with pytest.raises(UsageError, match=f"--fail-if compares two results, and {count}"):
        Report.of(read(*names), conditions)
