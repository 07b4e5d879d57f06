"""Tests of the verdict of a run as JUnit's XML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from pyload.errors import ControlPlaneUnreachable, ThresholdFailed
from pyload.report.junit import junit_xml
from pyload.report.verdict import Verdict
from tests.report.results import measured

LATE = Verdict("first_config.p99 < 2s", "first_config.p99", "seconds", 3.5, passed=False)
FINE = Verdict("objects.failed == 0", "objects.failed", "count", 0, passed=True)


def cases(text: str) -> dict[str, str]:
    """Return what each case has inside, by name."""
    suite = ET.fromstring(text.encode()).find("testsuite")
    assert suite is not None
    return {
        case.get("name", ""): "".join(f"{one.tag}: {one.get('message')}" for one in case)
        for case in suite.iter("testcase")
    }


def counts(text: str) -> tuple[str | None, ...]:
    """Return the tests, failures and errors that the suite claims to have."""
    suite = ET.fromstring(text.encode()).find("testsuite")
    assert suite is not None
    return tuple(suite.get(name) for name in ("tests", "failures", "errors"))


def test_each_threshold_is_a_case() -> None:
    """CI shows which of them failed, and how often that one has failed before."""
    result = replace(measured(), thresholds=(FINE, LATE))
    text = junit_xml("cluster", result, ThresholdFailed("late"))

    assert cases(text) == {
        "run": "",
        "objects.failed == 0": "",
        "first_config.p99 < 2s": "failure: first_config.p99 < 2s: it is 3.5s",
    }
    assert counts(text) == ("3", "1", "0")
    assert 'time="75.250"' in text


def test_a_run_that_failed_otherwise_is_an_error() -> None:
    """A control plane that is away is no threshold that failed."""
    text = junit_xml("cluster", None, ControlPlaneUnreachable("no `istiod` <there>\x00 & then"))

    assert cases(text) == {"run": "error: no `istiod` <there>\N{REPLACEMENT CHARACTER} & then"}
    assert counts(text) == ("1", "0", "1")


def test_the_figures_are_kept_with_the_build() -> None:
    """CI says that it got slower, and nobody could look up by how much."""
    tags = {"team": 'a"<b>\x00'}
    suite = ET.fromstring(junit_xml("cluster", replace(measured(), tags=tags), None)).find(
        "testsuite"
    )
    assert suite is not None
    values = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert values["first_config.p99"] == "1.5"
    assert values["pushes.cds"] == "2"
    assert values["run_id"] == "abcdefgh"
    assert values["tags.team"] == 'a"<b>\N{REPLACEMENT CHARACTER}'
    assert "pacing.nothing" not in values
    assert suite[0].tag == "properties"
    output = suite.findtext("system-out")
    assert output is not None
    assert output.startswith("cluster, fake-node, run abcdefgh")


def test_a_run_that_passed_has_no_failure() -> None:
    """It would be shown as red."""
    text = junit_xml("cluster", replace(measured(), thresholds=(FINE,)), None)

    assert counts(text) == ("2", "0", "0")
