"""What a result says of the steps of a ladder."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.control_plane import ControlPlane
from pyload.report.convergence import Convergence
from pyload.report.ladder import Ladder, Step, ladder_rows
from pyload.report.limits import CONTROL_PLANE, NOTHING, Evidence, Limit
from pyload.report.verdict import Verdict
from tests.report.results import measured

DEFAULT = Verdict("proxies.failed == 0", "proxies.failed", "count", 0, passed=True, default=True)


def late(seconds: float | None, *, name: str = "p99") -> Verdict:
    """Return what became of a threshold of two seconds."""
    figure = f"first_config.{name}"
    passed = seconds is not None and seconds < 2
    return Verdict(f"{figure} < 2s", figure, "seconds", seconds, passed=passed)


def step(target: int, *verdicts: Verdict, ended: str = "", stopped: bool = False) -> Step:
    """Return a step that was judged."""
    figures = replace(measured(), thresholds=(DEFAULT, *verdicts), duration=60.0)
    passed = not ended and all(one.passed for one in figures.thresholds)
    return Step(target=target, passed=None if stopped else passed, ended=ended, figures=figures)


def sentence(*steps: Step) -> str:
    """Return what a run of these steps ends with."""
    return Ladder.of(steps).sentence


def test_a_ladder_says_where_it_broke() -> None:
    """The one line that the user wanted: how many proxies hold, how many do not, and by what."""
    steps = (step(100, late(0.1)), step(1000, late(1.3)), step(2000, late(4.1)))

    assert Ladder.of(steps) == Ladder(
        holds=1000,
        breaks=2000,
        sentence="1,000 proxies hold first_config.p99 < 2s; 2,000 do not (4.1s)",
    )


def test_a_ladder_says_what_its_last_step_was_limited_by() -> None:
    """Otherwise the user does not know whether istiod is too small, or the machine of pyload."""
    evidence = Evidence("control_plane.cpu_share_max", 0.95, 0.9, "istiod 1.9 of 2 cores")
    limit = Limit(CONTROL_PLANE, (evidence,))
    ok, late_one = step(1000, late(1.3)), step(2000, late(4.1))
    figures = late_one.figures
    busy = replace(late_one, figures=replace(figures, limit=limit))
    idle = replace(late_one, figures=replace(figures, limit=Limit(NOTHING, (evidence,))))
    why = ": limited by the control plane (istiod 1.9 of 2 cores)"

    assert sentence(ok, busy) == sentence(ok, late_one) + why
    assert sentence(busy) == sentence(late_one) + why
    # What was idle is not why.
    assert sentence(ok, idle) == sentence(ok, late_one)


def test_a_ladder_whose_first_step_fails_has_nothing_that_holds() -> None:
    """A script would take 0 proxies for a number that was measured."""
    ladder = Ladder.of([step(100, late(4.1))])

    assert (ladder.holds, ladder.breaks) == (0, 100)
    assert ladder.sentence == "100 proxies do not hold first_config.p99 < 2s (4.1s)"
    assert sentence(step(1, late(3))) == "1 proxy does not hold first_config.p99 < 2s (3s)"


def test_a_ladder_that_holds_shows_how_near_its_limit_it_came() -> None:
    """The next run needs higher steps, and the user has to know how much higher."""
    steps = (step(1, late(0.1)), step(2000, late(1.2), late(0.5, name="p50")))

    assert sentence(*steps) == (
        "2,000 proxies hold first_config.p99 < 2s (1.2s) and first_config.p50 < 2s (500ms)"
    )
    assert Ladder.of(steps).breaks is None


def test_a_ladder_names_only_what_failed() -> None:
    """With ten thresholds, the line would be longer than a screen and say nothing."""
    many = [late(1, name=f"p{number}") for number in range(10)]
    failing = sentence(step(1, *many), step(2, *many, late(None)))

    assert failing == "1 proxy holds first_config.p99 < 2s; 2 do not (not measured)"
    assert sentence(step(2, *many)) == "2 proxies hold all 10 thresholds"


def test_a_ladder_without_thresholds_claims_nothing() -> None:
    """`2,000 proxies hold` would be a promise that nobody has checked."""
    assert sentence(step(5), step(20)) == (
        "up to 20 proxies served; a --threshold says what else a step has to hold"
    )


def test_a_step_that_could_not_be_held_says_why() -> None:
    """That istiod does not configure so many is what the ladder has found, and no accident."""
    steps = [step(10, late(1)), step(20, late(1), ended="could not be configured in 5m0s")]

    assert sentence(*steps) == (
        "10 proxies hold first_config.p99 < 2s; 20 could not be configured in 5m0s"
    )
    assert sentence(*steps[1:]) == "20 proxies could not be configured in 5m0s"


def test_a_ladder_that_was_stopped_has_not_found_its_limit() -> None:
    """Ctrl-C would turn into a limit of the control plane."""
    ladder = Ladder.of([step(10, late(1)), step(20, late(1), stopped=True)])

    assert (ladder.holds, ladder.breaks) == (10, None)
    assert ladder.sentence == (
        "stopped during the step of 20 proxies; 10 proxies hold first_config.p99 < 2s"
    )
    assert sentence() == "the first step was not reached"
    assert sentence(step(7, stopped=True)) == "stopped during the step of 7 proxies"


def test_the_summary_has_a_table_of_the_steps_and_ends_with_what_they_show() -> None:
    """In a log of CI, the last line is what people read."""
    steps = (step(100, late(0.1)), step(2000, late(4.1)))
    result = replace(measured(), steps=steps, ladder=Ladder.of(steps))

    lines = result.to_text().splitlines()

    at = next(at for at, line in enumerate(lines) if line.startswith("  steps"))
    assert [line.split() for line in lines[at : at + 3]] == [
        ["steps", "proxies", "config", "p99", "pushes/s", "pyload"],
        ["100", "✓", "1.5s", "0.1", "0.2", "CPU"],
        ["2,000", "✗", "1.5s", "0.1", "0.2", "CPU"],
    ]
    assert len({len(line) for line in lines[at : at + 3]}) == 1
    assert lines[-1] == "100 proxies hold first_config.p99 < 2s; 2,000 do not (4.1s)"


def test_the_table_of_steps_has_what_was_measured_and_fits_a_terminal() -> None:
    """The figures that people look for first are those of the change and of istiod's CPU."""
    control_plane = ControlPlane(readings=2, cpu_cores=1.234)
    change = replace(Convergence(), count=9, p99=12.3)
    figures = replace(measured(), control_plane=control_plane, convergence=change, duration=3600.0)
    steps = [Step(target=100_000, passed=None, figures=figures)]

    title, row = (line for _, line in ladder_rows(steps))

    assert "change p99" in title
    assert [part.strip() for part in row.split("  ") if part.strip()] == [
        *("100,000", "?", "1.5s", "12.3s", "0.0", "1.2 CPU", "0.0 CPU")
    ]
    assert len(title) <= 63


def test_a_step_in_the_json_form_has_the_sections_of_a_result() -> None:
    """A script that reads figures of a run could not read those of a step."""
    steps = (step(100, late(0.1)),)
    whole = replace(measured(), steps=steps, ladder=Ladder.of(steps)).to_json()
    [first] = whole["steps"]

    assert (first["target"], first["passed"], first["duration"]) == (100, True, 60.0)
    assert first["first_config"] == whole["first_config"]
    assert not first.keys() & {"schema", "run_id", "tags", "steps", "ladder"}
    assert whole["ladder"]["holds"] == 100
    assert (measured().to_json()["steps"], measured().to_json()["ladder"]) == ([], None)


def test_a_step_is_a_line_of_the_log() -> None:
    """An hour of steps without a word could not be told from one that hangs."""
    assert step(20, late(1)).line() == "20 proxies: first_config.p99 < 2s (1s)"
    assert step(20).line() == "20 proxies: held"
    assert step(20, late(3)).line() == "20 proxies: ✗ first_config.p99 < 2s: 3s"
    assert step(20, ended="gave up").line() == "20 proxies gave up"
