"""Tests of a run's result as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyload.report.counts import ProxyCounts
from pyload.report.followed_pods import FollowedPods
from pyload.report.generator import Generator
from pyload.report.latency import Latency
from pyload.report.pacing import Pacing
from pyload.report.result import Result
from pyload.report.verdict import Verdict
from tests.report.results import measured


def test_text_is_short_and_in_plain_words() -> None:
    """The end of a run would say nothing to the person who started it."""
    assert measured().to_text() == (
        "cluster, fake-node, run abcdefgh: 1m15.25s, the duration is over\n"
        "  proxies       1,000 wanted, 999 connected, 998 configured, 2 reconnects,\n"
        "                1 failed, 1 unconfigured\n"
        "  disconnects   goaway 1, unavailable 1\n"
        "  pushes        cds 2, eds 0, lds 0, rds 1, sds 1; 2.4 MB\n"
        "  answers       acknowledged cds 2, rds 1; refused sds 1\n"
        "  first config  p50 1.5s, p90 1.5s, p99 1.5s, max 1.5s (1 measured)\n"
        "  connect       p50 500ms, p90 900ms, p99 992ms, max 1s (1,000 measured)\n"
        "  pace          23.5 dials/s allowed at the end, 1,200 refused for their rate\n"
        "  objects       2 created, 1 updated, 1 deleted, 1 failed, 1 left\n"
        "  churn         configs 0 done, 3 idle; workloads 2 done, 1 failed, 4 dropped\n"
        "  generator     12.35s CPU, 123.5 MB memory, loop lag p99 1ms,\n"
        "                250ms lost to its own rate limit, 2 workers (3 restarted)"
    )


def test_text_says_what_was_not_measured() -> None:
    """Zeros would pass for measurements."""
    result = Result(
        version="1",
        run_id="",
        command="adsc",
        duration=0.000001,
        exit_reason="interrupted",
        proxies=ProxyCounts(wanted=2, failed=2),
        first_config=Latency(),
        generator=Generator(rss_bytes=999, cpu_seconds=0.00456),
    )
    assert result.to_text() == (
        "adsc: under 10µs, interrupted\n"
        "  proxies       2 wanted, 0 connected, 0 configured, 0 reconnects, 2 failed\n"
        "  disconnects   none\n"
        "  pushes        none received\n"
        "  first config  not measured\n"
        "  connect       not measured\n"
        "  pace          no limit, none refused for their rate\n"
        "  objects       none written\n"
        "  generator     4.56ms CPU, 999 B memory, loop lag not measured,\n"
        "                0s lost to its own rate limit"
    )


def test_a_command_without_proxies_says_nothing_of_their_streams() -> None:
    """`startup` showed a pace of 0.0 dials/s, as if something had been held up."""
    result = Result(
        version="1",
        run_id="",
        command="startup",
        duration=1.0,
        exit_reason="done",
        pacing=Pacing(0, 0.0),
    )
    names = [line.split("  ")[1] for line in result.to_text().splitlines()[1:]]
    assert [*filter(None, names)] == ["proxies", "objects", "generator"]
    assert "  pushes" in replace(result, disconnects={"connect": 1}).to_text()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (2_500_000_000, "2.5 GB"),
        (10**13, "10,000.0 GB"),
    ],
)
def test_sizes_have_units(size: int, text: str) -> None:
    """Large figures could not be read."""
    result = Result(
        version="1",
        run_id="",
        command="adsc",
        duration=1,
        exit_reason="x",
        generator=Generator(rss_bytes=size),
    )
    assert f"{text} memory" in result.to_text()


def test_kwok_mode_says_which_pods_it_saw() -> None:
    """Whoever wonders why a pod has no proxy must find the reason in the summary."""
    kwok = FollowedPods(
        nodes=3,
        pods=9,
        running=6,
        waiting={"no IP": 1},
        skipped={"not a mesh proxy": 2},
        types={"sidecar": 5, "router": 1},
        namespaces={"a": 6},
        duplicate_ips=1,
    )
    result = Result(
        version="1", run_id="", command="cluster", duration=1, exit_reason="x", kwok=kwok
    )
    text = result.to_text()

    assert "pods               9 on 3 kwok nodes, 6 with a proxy\n" in text
    assert "by type            5 sidecar, 1 router\n" in text
    assert "waiting            1 no IP\n" in text
    assert "skipped            2 not a mesh proxy\n" in text
    assert "shared IPs         1\n" in text
    assert "by revision" not in text
    assert result.to_json()["kwok"]["skipped"] == {"not a mesh proxy": 2}


def test_each_threshold_has_a_line_with_its_figure() -> None:
    """The user would have to look up in the rest of the summary why the run failed."""
    verdicts = (
        Verdict("objects.failed == 0", "objects.failed", "count", 1, passed=False, default=True),
        Verdict("first_config.p99 < 2s", "first_config.p99", "seconds", 1.5, passed=True),
    )
    text = replace(measured(), thresholds=verdicts).to_text()

    assert text.endswith(
        "  thresholds    ✗ objects.failed == 0: 1\n                ✓ first_config.p99 < 2s: 1.5s"
    )
