"""Tests of the figures of a result by their paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pyload.errors import UsageError
from pyload.report.disconnect_reasons import DISCONNECT_REASONS
from pyload.report.figures import paths, unit_of, value_of
from pyload.report.followed_pods import FollowedPods
from pyload.report.latency import Latency
from pyload.xds.http2.status import NAMES
from tests.report.results import measured, whole

LATENCY = Latency(count=1, min=1.0, p50=2.0, p90=3.0, p95=3.5, p99=4.0, p99_9=4.5, max=5.0)


def numbers(value: Any, path: str = "") -> dict[str, float]:
    """Return every number of the JSON form of a result by its path."""
    if isinstance(value, dict):
        found: dict[str, float] = {}
        for key, each in value.items():
            found |= numbers(each, f"{path}.{key}" if path else key)
        return found
    return {path: value} if isinstance(value, int | float) else {}


def test_every_number_of_a_result_is_a_figure() -> None:
    """A figure that is in the result but cannot have a threshold is one that CI cannot check."""
    pods = FollowedPods(nodes=3, waiting={"no IP yet": 2}, from_ip=LATENCY)
    result = replace(whole(), kwok=pods, times={"ready": LATENCY})
    found = numbers(result.to_json())
    # These are known when all thresholds have been judged.
    del found["objects.left"], found["ladder.holds"], found["ladder.breaks"]

    assert len(found) > 120
    assert {path: value_of(result, path) for path in found} == found
    for path in found:
        unit_of(path)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("duration", "seconds"),
        ("first_config.p99", "seconds"),
        ("first_config.count", "count"),
        ("push_bytes.cds", "bytes"),
        ("pushes.cds", "count"),
        ("generator.rss_bytes", "bytes"),
        ("generator.loop_lag_p99", "seconds"),
        ("pacing.rate", "count"),
        ("times.ready.p50", "seconds"),
        ("kwok.pods_synced", "boolean"),
        ("kwok.waiting.no IP yet", "count"),
    ],
)
def test_the_unit_follows_from_the_figure(path: str, unit: str) -> None:
    """The unit decides what may stand on the other side of a comparison."""
    assert unit_of(path) == unit


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("proxy.failed", "there is no figure `proxy.failed`; did you mean `proxies.failed`?"),
        ("proxies.faild", "there is no figure `proxies.faild`; did you mean `proxies.failed`?"),
        (
            "first_config.p98",
            (
                "there is no figure `first_config.p98`; `first_config` has count, min, p50, p90, "
                "p95, p99, p99_9, max"
            ),
        ),
        (
            "first_config",
            (
                "`first_config` is not one figure; write `first_config.max`, or another of count, "
                "min, p50, p90, p95, p99, p99_9, max"
            ),
        ),
        (
            "disconnects.unavailble",
            "there is no figure `disconnects.unavailble`; did you mean `disconnects.unavailable`?",
        ),
        (
            "first_config.p99.9",
            "there is no figure `first_config.p99.9`; did you mean `first_config.p99_9`?",
        ),
        ("duration.p99", "there is no figure `duration.p99`; did you mean `duration`?"),
        (
            "times",
            "`times` is not one figure; write `times.NAME`, with a name from the result",
        ),
        (
            "exit_reason",
            (
                "there is no figure `exit_reason`; use the path of a number in the result, as "
                "`first_config.p99`"
            ),
        ),
        (
            "objects.left",
            "there is no figure `objects.left`; `objects` has created, updated, deleted, failed",
        ),
    ],
)
def test_a_path_that_does_not_exist_is_an_error_with_a_suggestion(path: str, message: str) -> None:
    """A threshold on a misspelt figure would pass for ever, or fail an hour's run at its end."""
    with pytest.raises(UsageError) as caught:
        unit_of(path)
    assert str(caught.value) == message


def test_what_never_happened_counts_0() -> None:
    """A run without a disconnect has no such key in its result, and fulfils ``== 0``."""
    assert value_of(measured(), "disconnects.resource_exhausted") == 0
    assert value_of(measured(), "churn.secrets.failed") == 0
    assert value_of(measured(), "pushes.wds") == 0


def test_what_was_not_measured_has_no_value() -> None:
    """It is not 0, which would pass for the best latency of all."""
    assert value_of(replace(measured(), first_config=Latency()), "first_config.p99") is None


@pytest.mark.parametrize(
    ("path", "hint"),
    [("kwok.pods", "its `kwok` has none"), ("times.first.p99", "it has times.ready.p99")],
)
def test_a_figure_of_another_command_is_an_error(path: str, hint: str) -> None:
    """``times.last.p99`` of ``latency`` means nothing to ``startup``."""
    with pytest.raises(UsageError, match=f"a run of `cluster` has no figure `{path}`; {hint}"):
        value_of(replace(measured(), times={"ready": Latency()}), path)


def test_every_way_a_stream_may_end_is_known() -> None:
    """A threshold on a reason that was left out of the list would be refused."""
    statuses = {name.lower() for name in NAMES} - {"ok"}

    assert statuses <= set(DISCONNECT_REASONS)


def test_all_paths_are_figures() -> None:
    """They are what suggestions are made of."""
    for path in paths():
        unit_of(path)
