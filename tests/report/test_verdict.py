"""Tests of what a summary and an error say about thresholds."""

from __future__ import annotations

from pyload.report.verdict import Verdict, failure_text

LATE = Verdict("first_config.p99 < 2s", "first_config.p99", "seconds", 3.5, passed=False)
GONE = Verdict("proxies.failed == 0", "proxies.failed", "count", 6, passed=False, default=True)


def test_a_line_shows_whether_the_threshold_holds_and_the_figure() -> None:
    """The user wants to see how near the limit a run has come, not only that it passed."""
    passed = Verdict("objects.failed == 0", "objects.failed", "count", 0, passed=True)

    assert passed.line() == "✓ objects.failed == 0: 0"
    assert LATE.line() == "✗ first_config.p99 < 2s: 3.5s"


def test_the_failures_of_a_run_fit_into_one_line() -> None:
    """It is the last line of a CI job, and has to say which threshold and what the figure was."""
    assert failure_text((LATE,)) == "threshold failed: first_config.p99 < 2s (it is 3.5s)"
    assert failure_text((LATE, GONE)) == (
        "2 thresholds failed: first_config.p99 < 2s (it is 3.5s), proxies.failed == 0 (it is 6)"
    )
