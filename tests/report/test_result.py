"""A run's result, as it is summed up."""

from __future__ import annotations

from dataclasses import fields, replace

from pyload.report.header import Header
from pyload.report.result import Result
from tests.report.results import measured, whole


def test_a_result_begins_with_its_header() -> None:
    """Who opens the file sees first which run it is of."""
    names = [one.name for one in fields(Result)]
    head = [one.name for one in fields(Header)]

    assert names[: len(head)] == head
    assert measured().config == whole().config
    assert measured().started == "2026-11-27T10:00:00Z"


def test_churn_has_each_result_of_each_kind_that_there_was() -> None:
    """A kind without a single failure has 0 of them, and one that was off has no key."""
    assert measured().churn == {
        "configs": {"done": 0, "failed": 0, "idle": 3, "dropped": 0},
        "workloads": {"done": 2, "failed": 1, "idle": 0, "dropped": 4},
    }


def test_whole_distributions_do_not_make_results_differ() -> None:
    """Two runs with the same figures are the same, whatever their histograms hold."""
    result = measured()
    without = replace(result, connect=replace(result.connect, histogram=None))

    assert result.connect.histogram is not None
    assert without == result
