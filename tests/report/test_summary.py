"""Tests of a run's result, as JSON and as text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pyload.report.followed_pods import FollowedPods
from pyload.report.latency import Latency
from pyload.report.metrics import Metrics
from pyload.report.pacing import Pacing
from pyload.report.summary import Generator, Header, ProxyCounts, Result, Usage


def measured() -> Result:
    """Make a result in which something was measured everywhere."""
    metrics = Metrics()
    for milliseconds in range(1, 1001):
        metrics.connect.record(milliseconds / 1000)
        metrics.loop_lag.record(0.001)
    metrics.first_config.record(1.5)
    for short_type in ("sds", "rds", "cds", "cds"):
        metrics.push("sidecar", short_type, 600_000)
    metrics.disconnect("unavailable")
    metrics.disconnect("goaway")
    for result in ("created", "created", "updated", "deleted", "failed"):
        metrics.object("Pod", result)
    for result, count in (("done", 2), ("failed", 1), ("dropped", 4)):
        metrics.churn("workloads", result, count)
    metrics.churn("configs", "idle", 3)
    workers = {"0": 1, "1": 2}
    return Result.of(
        replace(
            metrics.snapshot(), worker_cpu=workers, worker_rss=workers, worker_restarts=workers
        ),
        Header(
            version="1.2.3",
            run_id="abcdefgh",
            command="cluster",
            cluster_type="fake-node",
            duration=75.25,
            exit_reason="the duration is over",
        ),
        Usage(cpu_seconds=9.3456, rss_bytes=123_456_786, rate_limited_seconds=0.25),
        proxies=ProxyCounts(wanted=1000, connected=999, configured=998, reconnects=2, failed=1),
        pacing=Pacing(refusals=1200, rate=23.456),
        left=1,
    )


def test_json_has_the_documented_schema() -> None:
    """Scripts that read the result file would break."""
    actual = measured().to_json()
    assert actual == {
        "schema": "pyload.dev/result/v1",
        "version": "1.2.3",
        "run_id": "abcdefgh",
        "command": "cluster",
        "cluster_type": "fake-node",
        "duration": 75.25,
        "exit_reason": "the duration is over",
        "proxies": {
            "wanted": 1000,
            "connected": 999,
            "configured": 998,
            "reconnects": 2,
            "failed": 1,
        },
        "pushes": {"cds": 2, "eds": 0, "lds": 0, "rds": 1, "sds": 1},
        "push_bytes": {"cds": 1_200_000, "eds": 0, "lds": 0, "rds": 600_000, "sds": 600_000},
        "disconnects": {"goaway": 1, "unavailable": 1},
        "objects": {"created": 2, "updated": 1, "deleted": 1, "failed": 1, "left": 1},
        "first_config": {"count": 1, "p50": 1.5, "p90": 1.5, "p99": 1.5, "max": 1.5},
        "connect": {
            "count": 1000,
            "p50": pytest.approx(0.5, rel=0.004),
            "p90": pytest.approx(0.9, rel=0.004),
            "p99": pytest.approx(0.99, rel=0.004),
            "max": 1.0,
        },
        "pacing": {"refusals": 1200, "rate": 23.456},
        "generator": {
            "cpu_seconds": 12.3456,
            "rss_bytes": 123_456_789,
            "loop_lag_p99": 0.001,
            "rate_limited_seconds": 0.25,
            "workers": 2,
            "worker_restarts": 3,
        },
        "kwok": None,
        "churn": {
            "configs": {"done": 0, "failed": 0, "idle": 3, "dropped": 0},
            "workloads": {"done": 2, "failed": 1, "idle": 0, "dropped": 4},
        },
        "times": {},
    }


def test_json_keys_keep_their_order() -> None:
    """Two result files could not be compared with diff."""
    actual = measured().to_json()
    assert list(actual) == [
        *("schema", "version", "run_id", "command", "cluster_type", "duration", "exit_reason"),
        *("proxies", "pushes", "push_bytes", "disconnects", "objects"),
        *("first_config", "connect", "pacing", "generator", "kwok", "churn", "times"),
    ]
    assert list(actual["pushes"]) == ["cds", "eds", "lds", "rds", "sds"]
    assert list(actual["disconnects"]) == ["goaway", "unavailable"]
    assert json.loads(json.dumps(actual)) == actual


def test_what_was_not_measured_is_null() -> None:
    """A run without a single proxy would look like the fastest of all."""
    actual = Result(version="1", run_id="", command="adsc", duration=1, exit_reason="x").to_json()
    assert actual["cluster_type"] is None
    assert actual["first_config"] == {
        "count": 0,
        "p50": None,
        "p90": None,
        "p99": None,
        "max": None,
    }
    assert actual["generator"]["loop_lag_p99"] is None
    assert actual["pushes"] == {"cds": 0, "eds": 0, "lds": 0, "rds": 0}


def test_text_is_short_and_in_plain_words() -> None:
    """The end of a run would say nothing to the person who started it."""
    assert measured().to_text() == (
        "cluster, fake-node, run abcdefgh: 1m15.25s, the duration is over\n"
        "  proxies       1,000 wanted, 999 connected, 998 configured, 2 reconnects, 1 failed\n"
        "  disconnects   goaway 1, unavailable 1\n"
        "  pushes        cds 2, eds 0, lds 0, rds 1, sds 1; 2.4 MB\n"
        "  first config  p50 1.5s, p90 1.5s, p99 1.5s, max 1.5s (1 measured)\n"
        "  connect       p50 500ms, p90 900ms, p99 992ms, max 1s (1,000 measured)\n"
        "  pace          23.5 dials/s allowed at the end, 1,200 refused for their rate\n"
        "  objects       2 created, 1 updated, 1 deleted, 1 failed, 1 left\n"
        "  churn         configs 0 done, 3 idle; workloads 2 done, 1 failed, 4 dropped\n"
        "  generator     12.35s CPU, 123.5 MB memory, loop lag p99 1ms, "
        "250ms lost to its own rate limit, 2 workers (3 restarted)"
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
        "  generator     4.56ms CPU, 999 B memory, loop lag not measured, "
        "0s lost to its own rate limit"
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
    assert names == ["proxies", "objects", "generator"]
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
