"""Tests of thresholds: how they are read, which hold, and what they make of a result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyload.errors import UsageError
from pyload.report.latency import Latency
from pyload.report.thresholds import (
    Thresholds,
    defaults,
    parse_threshold,
    parse_thresholds,
)
from tests.report.results import measured


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("first_config.p99 < 2s", True),
        ("first_config.p99 < 1500ms", False),
        ("first_config.p99<=1500ms", True),
        ("first_config.p99 > 1s", True),
        ("proxies.failed == 0", False),
        ("proxies.failed != 0", True),
        ("proxies.wanted >= 1,000", True),
        ("disconnects.resource_exhausted <= 10", True),
        ("generator.loop_lag_p99 < 100ms", True),
        ("push_bytes.cds < 1.2MB", False),
        ("push_bytes.cds <= 1.2MB", True),
    ],
)
def test_a_figure_is_compared_in_its_unit(text: str, *, passed: bool) -> None:
    """The verdict of a load test is these comparisons and nothing else (B4)."""
    verdict = parse_threshold(text).judge(measured())

    assert verdict.passed is passed
    assert verdict.figure in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`` is no threshold; write METRIC OP VALUE, as `first_config.p99 < 2s`"),
        ("proxies.failed", "`proxies.failed` is no threshold; write METRIC OP VALUE"),
        ("proxies.failed = 0", "`=` in `proxies.failed = 0` is no comparison; did you mean `==`?"),
        ("proxies.failed => 0", "`=>` in `proxies.failed => 0` is no comparison; use one of <"),
        (
            "proxy.failed == 0",
            (
                "threshold `proxy.failed == 0`: there is no figure `proxy.failed`; did you mean "
                "`proxies.failed`?"
            ),
        ),
        (
            "first_config.p99 < 2",
            (
                "threshold `first_config.p99 < 2`: `2` does not fit `first_config.p99`; write a "
                "time with its unit, such as `2s` or `500ms`"
            ),
        ),
    ],
)
def test_what_is_no_threshold_says_what_to_write(text: str, message: str) -> None:
    """It is an error before the run, not at the end of it."""
    with pytest.raises(UsageError) as caught:
        parse_threshold(text)
    assert str(caught.value).startswith(message)


def test_what_was_not_measured_fails_the_user_but_not_a_default() -> None:
    """The user who asks for a latency wants to hear that there was none."""
    result = replace(measured(), first_config=Latency())
    own = parse_threshold("first_config.p99 < 2s").judge(result)
    (default,) = defaults("first_config.p99 < 2s").items

    assert not own.passed
    assert own.line() == "✗ first_config.p99 < 2s: not measured"
    assert default.judge(result).passed


def test_a_threshold_of_ones_own_replaces_the_default_for_its_figure() -> None:
    """Who allows ten failed proxies is not to fail for one."""
    base = defaults("proxies.failed == 0", "objects.failed == 0")
    config = parse_thresholds(["proxies.failed <= 10", "duration > 1s", "duration < 1h"])
    flags = parse_thresholds(["duration < 1m"])
    exprs = [one.expr for one in base.replaced_by(config).replaced_by(flags).items]

    assert exprs == ["objects.failed == 0", "proxies.failed <= 10", "duration < 1m"]


def test_none_drops_the_defaults_and_nothing_else() -> None:
    """Who wants no verdict of pyload's own may still have one of theirs."""
    base = defaults("proxies.failed == 0")
    config = parse_thresholds(["objects.failed == 0"])
    flags = parse_thresholds(["none"])

    assert flags == Thresholds(without_defaults=True)
    assert base.replaced_by(config).replaced_by(flags).items == config.items
