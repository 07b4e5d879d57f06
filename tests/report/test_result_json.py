"""Tests of a run's result as JSON."""

from __future__ import annotations

import json

import pytest
from hdrh.histogram import HdrHistogram

from pyload.report.result import Result
from tests.report.results import measured

NOTHING = {"count": 0, **dict.fromkeys(("min", "p50", "p90", "p95", "p99", "p99_9", "max"))}


def test_json_has_the_documented_schema() -> None:
    """Scripts that read the result file would break."""
    actual = measured().to_json()
    histograms = actual.pop("histograms")
    assert histograms["unit"] == "nanoseconds"
    counts = {
        name: HdrHistogram.decode(text).get_total_count()
        for name, text in histograms["hdr"].items()
    }
    assert counts == {"first_config": 1, "connect": 1000, "generator.loop_lag": 1000}
    assert actual == {
        "schema": "pyload.dev/result/v2",
        "version": "1.2.3",
        "run_id": "abcdefgh",
        "command": "cluster",
        "cluster_type": "fake-node",
        "started": "2026-11-27T10:00:00Z",
        "host": "laptop",
        "command_line": "pyload cluster -c mesh.yaml",
        "config": {"name": "mesh.yaml", "sha256": "0" * 64},
        "duration": 75.25,
        "exit_reason": "the duration is over",
        "proxies": {
            "wanted": 1000,
            "connected": 999,
            "configured": 998,
            "reconnects": 2,
            "failed": 1,
            "started": 1001,
            "starting": 0,
            "unconfigured": 1,
        },
        "pushes": {"cds": 2, "eds": 0, "lds": 0, "rds": 1, "sds": 1},
        "push_bytes": {"cds": 1_200_000, "eds": 0, "lds": 0, "rds": 600_000, "sds": 600_000},
        "acknowledged": {"cds": 2, "eds": 0, "lds": 0, "rds": 1},
        "refused": {"cds": 0, "eds": 0, "lds": 0, "rds": 0, "sds": 1},
        "disconnects": {"goaway": 1, "unavailable": 1},
        "objects": {"created": 2, "updated": 1, "deleted": 1, "failed": 1, "left": 1},
        "first_config": {
            "count": 1,
            "min": 1.5,
            "p50": 1.5,
            "p90": 1.5,
            "p95": 1.5,
            "p99": 1.5,
            "p99_9": 1.5,
            "max": 1.5,
        },
        "connect": {
            "count": 1000,
            "min": 0.001,
            "p50": pytest.approx(0.5, rel=0.004),
            "p90": pytest.approx(0.9, rel=0.004),
            "p95": pytest.approx(0.95, rel=0.004),
            "p99": pytest.approx(0.99, rel=0.004),
            "p99_9": pytest.approx(0.999, rel=0.004),
            "max": 1.0,
        },
        "pacing": {"refusals": 1200, "rate": 23.456, "waiting": 0},
        "generator": {
            "cpu_seconds": 12.3456,
            "rss_bytes": 123_456_789,
            "loop_lag": {
                "count": 1000,
                **dict.fromkeys(("min", "p50", "p90", "p95", "p99", "p99_9", "max"), 0.001),
            },
            "loop_lag_p99": 0.001,
            "rate_limited_seconds": 0.25,
            "workers": 2,
            "worker_restarts": 3,
            "cores": None,
            "processes": {},
            "busy_share": None,
            "machine": None,
            "dial_queue_max": 0,
        },
        "kwok": None,
        "churn": {
            "configs": {"done": 0, "failed": 0, "idle": 3, "dropped": 0},
            "workloads": {"done": 2, "failed": 1, "idle": 0, "dropped": 4},
        },
        "times": {},
        "pods": None,
        "thresholds": [],
        "outages": {"count": 0, "longest": 0.0, "total": 0.0, "first": []},
        "tags": {},
        "spread": {
            "pushes": 0,
            "proxies_p50": None,
            "proxies_max": None,
            "bytes_p50": None,
            "bytes_max": None,
            "p50": NOTHING,
            "p99": NOTHING,
            "last": NOTHING,
            "stragglers": 0,
            "last_pushes": [],
        },
        "convergence": None,
        "steps": [],
        "ladder": None,
        "control_plane": None,
        "history": {
            "at": [1, 2],
            "seconds": [1, 1],
            "series": {"pacing.rate": [None, 23.5], "proxies.connected": [500, 999]},
        },
        "api_server": {"write": NOTHING, "throttled": 0, "overloaded": 0},
        "limit": None,
        "unserved": [],
    }


def test_json_keys_keep_their_order() -> None:
    """Two result files could not be compared with diff."""
    actual = measured().to_json()
    assert list(actual) == [
        *("schema", "version", "run_id", "command", "cluster_type"),
        *("started", "host", "command_line", "config", "duration", "exit_reason"),
        *("proxies", "pushes", "push_bytes", "acknowledged", "refused"),
        *("disconnects", "objects"),
        *("first_config", "connect", "pacing", "generator", "kwok", "churn", "times"),
        *("pods", "thresholds", "outages", "tags", "spread", "convergence"),
        *(
            "control_plane",
            "api_server",
            "limit",
            "unserved",
            "steps",
            "ladder",
            "histograms",
            "history",
        ),
    ]
    assert list(actual["pushes"]) == ["cds", "eds", "lds", "rds", "sds"]
    assert list(actual["disconnects"]) == ["goaway", "unavailable"]
    assert json.loads(json.dumps(actual)) == actual


def test_what_was_not_measured_is_null() -> None:
    """A run without a single proxy would look like the fastest of all."""
    actual = Result(version="1", run_id="", command="adsc", duration=1, exit_reason="x").to_json()
    assert actual["cluster_type"] is None
    assert actual["first_config"] == NOTHING
    assert actual["generator"]["loop_lag_p99"] is None
    assert actual["pushes"] == {"cds": 0, "eds": 0, "lds": 0, "rds": 0}
