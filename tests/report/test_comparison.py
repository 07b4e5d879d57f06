"""What changed from one run to another."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pytest

from pyload.report.comparison import Change, Direction, Verdict, change_of, changes
from pyload.report.conditions import parse_condition
from pyload.report.estimates import Estimate
from pyload.report.noise import Range
from tests.report.recorded import EQUAL, recorded
from tests.report.results import measured, whole

EXACT = Range(0.0, 0.0)


def change(
    before: tuple[float, float, float] | None,
    after: tuple[float, float, float] | None,
    direction: Direction = "more is worse",
) -> Change:
    """Return a change between two figures, each with the ends of its range."""
    found = (
        Estimate(None) if one is None else Estimate(one[0], Range(*one[1:]))
        for one in (before, after)
    )
    return Change("duration", "a figure", "seconds", direction, *found)


@pytest.mark.parametrize("pair", list(combinations(EQUAL, 2)))
def test_ten_pairs_of_equal_runs_are_the_same(pair: tuple[str, str]) -> None:
    """A pipeline that fails for nothing is switched off, however good it is otherwise."""
    found = {one.figure: one for one in changes(*map(recorded, pair))}

    assert not {"worse", "better"} & {one.verdict for one in found.values()}
    assert found["convergence.p99"].verdict == found["convergence.p50"].verdict == "same"
    condition = parse_condition("convergence.p99 > +10%")
    assert condition.judge(found["convergence.p99"]).passed is not False


@pytest.mark.parametrize("name", EQUAL)
def test_a_control_plane_that_is_half_as_fast_is_found(name: str) -> None:
    """It is what the comparison is for."""
    before, after = recorded(name), recorded("slow")
    found = {one.figure: one for one in changes(before, after)}
    worse = {figure for figure, one in found.items() if one.verdict == "worse"}

    times = {"convergence.p50", "convergence.p90", "convergence.p99", "convergence.last_proxy"}
    assert worse == times | {"spread.last.p50"}
    condition = parse_condition("convergence.p99 > +10%")
    assert condition.judge(found["convergence.p99"]).passed is False
    assert change_of(after, before, "convergence.p99").verdict == "better"


@pytest.mark.parametrize(
    ("direction", "more", "less"),
    [
        ("more is worse", "worse", "better"),
        ("more is better", "better", "worse"),
        ("neither", "more", "less"),
    ],
)
def test_what_more_means_depends_on_the_figure(
    direction: Direction, more: Verdict, less: Verdict
) -> None:
    """More proxies that hold are no regression."""
    one, other = (1.0, 0.95, 1.05), (1.5, 1.4, 1.6)

    assert change(one, other, direction).verdict == more
    assert change(other, one, direction).verdict == less
    assert change(one, one, direction).verdict == "same"


def test_only_the_sides_that_a_change_comes_from_count() -> None:
    """How much slower the later run may have been does not matter for whether it was slower."""
    tight = change((1.0, 1.0, 1.1), (1.3, 1.2, 1.3))
    loose = change((1.0, 0.1, 1.1), (1.3, 1.2, 13.0))

    assert tight.noise == loose.noise
    assert tight.noise == pytest.approx(
        math.exp(math.hypot(math.log(1.1), math.log(1.3 / 1.2))) - 1
    )


@pytest.mark.parametrize("ratio", [1.05, 1.2, 2.0, 30.0])
def test_a_change_and_the_way_back_are_judged_alike(ratio: float) -> None:
    """The order of the files would decide whether there was a change."""
    one, other = (1.0, 0.92, 1.08), (ratio, ratio * 0.92, ratio * 1.08)

    assert (change(one, other).verdict == "worse") == (change(other, one).verdict == "better")


@pytest.mark.parametrize(
    ("before", "after", "verdict", "relative"),
    [
        ((0, 0, 0), (3, 3, 3), "worse", math.inf),
        ((3, 3, 3), (0, 0, 0), "better", -1.0),
        ((0, 0, 0), (0, 0, 0), "same", 0.0),
        ((0, 0, 2), (1, 0, 5), "same", math.inf),
    ],
)
def test_figures_that_were_0(
    before: tuple[float, float, float],
    after: tuple[float, float, float],
    verdict: Verdict,
    relative: float,
) -> None:
    """One proxy that never has a probe is one too many, and no ratio says so."""
    found = change(before, after)

    assert (found.verdict, found.relative) == (verdict, relative)


def test_a_figure_that_one_run_does_not_have() -> None:
    """It is shown, and judged by nobody."""
    found = change(None, (1.0, 1.0, 1.0))

    assert (found.difference, found.relative, found.noise) == (None, None, None)
    assert found.verdict == "unknown"


def test_an_infinite_range_is_no_noise() -> None:
    """`±inf%` would be printed."""
    assert change((1.0, 0.9, math.inf), (2.0, 1.9, 2.1)).noise is None
    assert change((0.0, 0.0, math.inf), (2.0, 1.9, 2.1)).noise is None


def test_failures_are_listed_only_where_there_were_any() -> None:
    """Ten lines of zeros would hide the others."""
    names = [one.figure for one in changes(recorded("equal-1"), recorded("equal-2"))]
    assert "proxies.failed" not in names

    run = recorded("equal-2")
    worse = replace(run, proxies=replace(run.proxies, failed=1))
    found = {one.figure: one for one in changes(recorded("equal-1"), worse)}
    assert found["proxies.failed"].verdict == "worse"


def test_runs_of_all_kinds_can_be_compared() -> None:
    """Sections that only some commands have are there or not."""
    found = {one.figure for one in changes(whole(), measured())}

    assert {"times.ready.p99", "kwok.from_ip.p99", "ladder.holds"} & found == {"ladder.holds"}
    assert change_of(measured(), whole(), "times.ready.max").after.value == 2.0
