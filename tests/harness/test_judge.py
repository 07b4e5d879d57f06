"""Whether a run has passed: by its thresholds, and by whether its proxies were served at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pyload.errors import ControlPlaneUnreachable, ThresholdFailed, UsageError
from pyload.harness.judge import SERVED, STARTED, WRITTEN, Judge, unserved
from pyload.report.counts import ObjectCounts, ProxyCounts
from pyload.report.latency import Latency
from pyload.report.result import Result
from pyload.report.thresholds import Thresholds, parse_threshold, parse_thresholds
from pyload.report.unserved import Unserved

FINE = Result(
    version="1",
    run_id="abcdefgh",
    command="cluster",
    duration=10.0,
    exit_reason="its duration was over",
    proxies=ProxyCounts(wanted=6, connected=6, configured=6, started=6),
    first_config=Latency(count=6, p50=0.01, p90=0.01, p99=0.013, max=0.013),
)
DEFAULTS = (STARTED, *SERVED, *WRITTEN)


def judged(judge: Judge, **parts: Any) -> tuple[ThresholdFailed | None, str]:
    """Judge a run that differs from a good one; return its error and its warning."""
    result = judge.judged(replace(FINE, **parts))
    return judge.error(result), judge.warning(result)


@pytest.mark.parametrize(
    ("parts", "failed"),
    [
        ({}, ""),
        ({"proxies": replace(FINE.proxies, configured=5, starting=1)}, ""),
        ({"proxies": ProxyCounts()}, "proxies.started >= 1 (it is 0)"),
        (
            {"proxies": ProxyCounts(wanted=6, started=6, failed=6)},
            "proxies.failed == 0 (it is 6)",
        ),
        (
            {"proxies": ProxyCounts(wanted=2, started=2, connected=2, unconfigured=2)},
            "proxies.unconfigured == 0 (it is 2)",
        ),
        ({"objects": ObjectCounts(failed=1)}, "objects.failed == 0 (it is 1)"),
    ],
)
def test_by_default_all_proxies_are_served_and_all_objects_written(
    parts: dict[str, Any], failed: str
) -> None:
    """Runs in which that did not happen ended with exit code 0 (A1, A5, A7)."""
    error, warning = judged(Judge(DEFAULTS), **parts)

    assert warning == ""
    if not failed:
        assert error is None
    else:
        assert str(error) == (
            f"threshold failed: {failed}; `--threshold none` drops the default thresholds"
        )


def test_under_the_name_pilot_load_defaults_warn_and_the_users_thresholds_fail() -> None:
    """Scripts of pilot-load expect 0, but whoever writes a threshold wants it to count."""
    late = parse_thresholds(["first_config.p99 < 1ms"])
    failed = {"objects": ObjectCounts(failed=1)}

    assert judged(Judge(DEFAULTS, defaults_only_warn=True), **failed) == (
        None,
        "threshold failed: objects.failed == 0 (it is 1)",
    )
    error, warning = judged(Judge(DEFAULTS, own=late, defaults_only_warn=True), **failed)
    assert str(error) == "threshold failed: first_config.p99 < 1ms (it is 13ms)"
    assert warning == "threshold failed: objects.failed == 0 (it is 1)"


def test_the_command_line_goes_before_the_config_and_both_before_the_defaults() -> None:
    """The nearer a threshold stands to the run, the more the user means it."""
    config = parse_thresholds(["objects.failed <= 5", "duration < 5s"])
    flags = parse_thresholds(["duration < 20s"])
    error, _ = judged(Judge(DEFAULTS, config.replaced_by(flags)), objects=ObjectCounts(failed=5))

    assert error is None


def test_a_figure_of_another_command_is_found_out_before_the_run() -> None:
    """An hour's load would end with the news that its threshold makes no sense."""
    with pytest.raises(UsageError, match=r"has no figure `times.ready.p99`"):
        Judge(DEFAULTS, parse_thresholds(["times.ready.p99 < 1s"])).check(FINE)


def test_a_threshold_ends_the_run_after_its_time_and_stays_failed() -> None:
    """The figure may recover while the run is being ended."""
    judge = Judge((), Thresholds((parse_threshold("proxies.failed == 0", abort=True, after=3.0),)))
    bad = replace(FINE, proxies=ProxyCounts(failed=2))

    assert judge.may_abort
    assert judge.breach(bad, elapsed=2.0) is None
    assert judge.breach(FINE, elapsed=4.0) is None
    assert judge.breach(bad, elapsed=4.0) is not None
    assert str(judged(judge)[0]) == "threshold failed: proxies.failed == 0 (it is 2)"


def test_what_is_not_measured_yet_ends_no_run() -> None:
    """Every run would be over after its first second."""
    early = Thresholds((parse_threshold("first_config.p99 < 1s", abort=True),))

    assert Judge((), early).breach(replace(FINE, first_config=Latency()), elapsed=9.0) is None


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("connect", "check --pilot-address and --auth"),
        ("token", "grant the account `create` on serviceaccounts/token"),
        ("certificate", "check that the CA, at --ca-address"),
    ],
)
def test_a_run_without_a_single_config_says_why(reason: str, advice: str) -> None:
    """A wrong port ends ten thousand connections, and the user wants to know which flag it was."""
    result = replace(FINE, disconnects={reason: 9, "local": 20}, first_config=Latency())
    error = unserved(result, is_over=False)

    assert isinstance(error, ControlPlaneUnreachable)
    assert f"9 attempts failed, most of them with `{reason}`; {advice}" in str(error)


@pytest.mark.parametrize(
    "parts",
    [
        {"disconnects": {"connect": 9}},
        {"disconnects": {"connect": 9}, "first_config": Latency(), "proxies": ProxyCounts()},
        {"disconnects": {"local": 9}, "first_config": Latency()},
    ],
    ids=["served", "no proxies", "no failure"],
)
def test_a_control_plane_that_served_once_or_was_not_asked_is_reachable(
    parts: dict[str, Any],
) -> None:
    """Exit code 3 would send the user to look for a wrong address."""
    assert unserved(replace(FINE, **parts), is_over=False) is None


def test_a_run_that_is_over_before_its_first_config_has_failed() -> None:
    """`--duration 500ms` would pass with `0 configured` (A5)."""
    result = replace(FINE, first_config=Latency(), proxies=ProxyCounts(wanted=6, connected=5))

    assert unserved(result, is_over=False) is None
    assert "5 of 6 were connected when the run was over;" in str(unserved(result, is_over=True))
    result = replace(result, unserved=(Unserved("waiting for 3 endpoints of a, b, c", ("m/p",)),))
    text = str(unserved(result, is_over=True))
    assert "when the run was over (waiting for 3 endpoints of a, b, c);" in text
