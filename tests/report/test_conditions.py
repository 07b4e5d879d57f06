"""The conditions on which a comparison fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.report.comparison import Change
from pyload.report.conditions import Judgement, failures_text, parse_condition, percent_text
from pyload.report.estimates import Estimate
from pyload.report.noise import Range

if TYPE_CHECKING:
    from pyload.report.quantity import Unit


def change(
    before: float | None,
    after: float | None,
    noise: float | None = 0.0,
    unit: Unit = "seconds",
    why: str = "",
) -> Change:
    """Return a change of figures that may be less or more by a part of themselves."""
    found = (
        Estimate(one)
        if one is None
        else Estimate(one, None, why)
        if noise is None
        else Estimate(one, Range(one * (1 - noise), one * (1 + noise)))
        for one in (before, after)
    )
    return Change("convergence.p99", "change p99", unit, "more is worse", *found)


def judged(expr: str, found: Change) -> Judgement:
    """Return what becomes of a condition."""
    return parse_condition(expr).judge(found)


@pytest.mark.parametrize(
    ("expr", "op", "bound", "is_relative"),
    [
        ("convergence.p99 > +10%", ">", 0.1, True),
        ("convergence.p99>+10%", ">", 0.1, True),
        ("convergence.p99 >= + 2.5 %", ">=", 0.025, True),
        ("convergence.p99 < -10%", "<", -0.1, True),
        ("convergence.p99 > +5ms", ">", 0.005, False),
        ("convergence.p99 > -1s", ">", -1.0, False),
        ("convergence.never > 0", ">", 0, False),
        ("convergence.never > +0", ">", 0, False),
        ("generator.rss_bytes > +10MB", ">", 10e6, False),
        ("generator.busy_share > +0.05", ">", 0.05, False),
        ("pushes_per_second <= -20%", "<=", -0.2, True),
        ("ladder.holds < -1", "<", -1, False),
        ("times.my-pod.p99 > +10%", ">", 0.1, True),
    ],
)
def test_conditions_are_read(expr: str, op: str, bound: float, *, is_relative: bool) -> None:
    """A misread bound passes what should fail."""
    found = parse_condition(expr)

    assert (found.op, found.is_relative) == (op, is_relative)
    assert found.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        (
            "convergence.p99",
            (
                "`convergence.p99` is no condition; write FIGURE OP CHANGE, as "
                "`convergence.p99 > +10%`, with one of <, <=, >, >="
            ),
        ),
        (
            "convergence.p99 == +10%",
            (
                "`convergence.p99 == +10%` is no condition; write FIGURE OP CHANGE, as "
                "`convergence.p99 > +10%`, with one of <, <=, >, >="
            ),
        ),
        (
            "convergence.p99 > 10%",
            (
                "condition `convergence.p99 > 10%`: the change has no sign; "
                "write `+10%` if more is too much, or `-10%`"
            ),
        ),
        (
            "convergence.p99 > +fast",
            (
                "condition `convergence.p99 > +fast`: `fast` is no change of `convergence.p99`; "
                "write `+10%`, or + and a time with its unit, such as `2s` or `500ms`"
            ),
        ),
        (
            "convergence.p99 > +x%",
            (
                "condition `convergence.p99 > +x%`: `x%` is no change of `convergence.p99`; "
                "write `+10%`, or + and a time with its unit, such as `2s` or `500ms`"
            ),
        ),
        (
            "cpu_per_pod > +10%",
            (
                "condition `cpu_per_pod > +10%`: there is no figure `cpu_per_pod`; "
                "use the path of a number in the result, as `first_config.p99`"
            ),
        ),
    ],
)
def test_what_is_no_condition_is_explained(expr: str, problem: str) -> None:
    """A condition that is passed over never fails."""
    with pytest.raises(UsageError) as raised:
        parse_condition(expr)
    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("found", "passed", "line"),
    [
        (
            change(0.1, 0.105, 0.01),
            True,
            "✓ convergence.p99 > +10%: +5.0%, 100ms to 105ms, noise ±1.4%",
        ),
        (
            change(0.1, 0.15, 0.01),
            False,
            "✗ convergence.p99 > +10%: +50%, 100ms to 150ms, noise ±1.4%",
        ),
        (
            change(0.1, 0.15, 0.4),
            None,
            (
                "? convergence.p99 > +10%: +50%, 100ms to 150ms, noise ±84%, undecided, as that is "
                "within the noise"
            ),
        ),
        (
            change(0.1, 0.15, None, why="4 probes are too few; 5 are needed"),
            None,
            (
                "? convergence.p99 > +10%: +50%, 100ms to 150ms, undecided, its noise is not "
                "known: 4 probes are too few; 5 are needed"
            ),
        ),
        (
            change(0.1, 0.05, None),
            True,
            "✓ convergence.p99 > +10%: -50%, 100ms to 50ms",
        ),
        (
            change(0.1, None),
            False,
            "✗ convergence.p99 > +10%: not measured in the second run",
        ),
        (
            change(None, None),
            False,
            "✗ convergence.p99 > +10%: not measured in the first and the second run",
        ),
    ],
)
def test_a_condition_fails_only_beyond_its_bound_and_the_noise(
    found: Change, line: str, *, passed: bool | None
) -> None:
    """What chance explains fails no pipeline, and what nobody knows is said."""
    judgement = judged("convergence.p99 > +10%", found)

    assert judgement.passed is passed
    assert judgement.line() == line


@pytest.mark.parametrize(
    ("expr", "after", "passed"),
    [
        ("convergence.never > 0", 0.0, True),
        ("convergence.never > 0", 1.0, False),
        ("convergence.never > +10%", 1.0, False),
        ("convergence.never > +1", 1.0, True),
        ("convergence.never >= +1", 1.0, False),
    ],
)
def test_a_figure_that_was_0(expr: str, after: float, *, passed: bool) -> None:
    """The first proxy that is left out is no percentage of none."""
    judgement = judged(expr, change(0.0, after, unit="count"))

    assert judgement.passed is passed
    if after:
        assert judgement.text() == f"{expr}: +1, 0 to 1"


def test_less_can_be_too_little() -> None:
    """A ladder that holds fewer proxies is a regression."""
    fewer = change(1000, 500, unit="count")

    assert judged("ladder.holds < -10%", fewer).passed is False
    assert judged("ladder.holds < -500", fewer).passed is True


def test_all_that_failed_are_in_one_line() -> None:
    """CI systems show the last line."""
    one = judged("convergence.p99 > +10%", change(0.1, 0.15))
    assert failures_text([one]) == (
        "condition failed: convergence.p99 > +10%: +50%, 100ms to 150ms"
    )
    assert failures_text([one, one]).startswith("2 conditions failed: convergence.p99 > +10%: ")


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0123, "+1.2%"), (-0.5, "-50%"), (0.0996, "+10%"), (9.5, "+950%"), (12.5, "+1,250%")],
)
def test_percentages_are_as_exact_as_people_read_them(part: float, text: str) -> None:
    """`+12.3456789%` of noisy figures says more than anybody knows."""
    assert percent_text(part) == text
