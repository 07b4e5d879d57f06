"""Tests of the metrics in Prometheus' format."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pyload.report.convergence import Convergence
from pyload.report.counts import StartedPods
from pyload.report.figure_metrics import figure_metrics
from pyload.report.followed_pods import FollowedPods
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.report.metrics import Metrics
from pyload.report.pacing import Pacing
from pyload.report.prometheus import Registry
from tests.report.results import measured

DISTRIBUTION = Latency(count=7, min=1.0, p50=2.0, p90=3.0, p95=3.5, p99=4.0, p99_9=4.5, max=5.0)


@pytest.fixture
def metrics() -> Metrics:
    """Counters of which each has counted something."""
    metrics = Metrics()
    metrics.proxy("sidecar", None, "connected")
    metrics.cells_of("sidecar")["cds"].push(100)
    metrics.disconnect('a "reason"\n')
    metrics.reconnect("sidecar")
    metrics.object("Pod", "created")
    metrics.churn("configs", "dropped", 7)
    metrics.first_config.record(0.3)
    metrics.first_config.record(100)
    metrics.connect.record(0.004)
    metrics.loop_lag.record(0.002)
    return metrics


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Parse an exposition: name and label values, in order of the labels, to value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_every_metric(metrics: Metrics) -> None:
    """Dashboards would be empty."""
    actual = samples(Registry(metrics, version="1.2.3").render().decode())
    own = {key: value for key, value in actual.items() if key[0].startswith("pyload_")}
    buckets = {key: value for key, value in own.items() if key[0].endswith("_bucket")}
    assert {key: own[key] for key in own.keys() - buckets.keys()} == {
        ("pyload_info", "1.2.3"): 1,
        ("pyload_proxies", "wanted", "sidecar"): 1,
        ("pyload_proxies", "connected", "sidecar"): 1,
        ("pyload_proxies", "configured", "sidecar"): 0,
        ("pyload_pushes_total", "cds"): 1,
        ("pyload_push_bytes_total", "cds"): 100,
        ("pyload_pushes_acknowledged_total", "cds"): 1,
        ("pyload_disconnects_total", 'a "reason"\n'): 1,
        ("pyload_reconnects_total", "sidecar"): 1,
        ("pyload_objects_total", "Pod", "created"): 1,
        ("pyload_churn_total", "dropped", "configs"): 7,
        ("pyload_first_config_seconds_count",): 2,
        ("pyload_first_config_seconds_sum",): 100.3,
        ("pyload_connect_seconds_count",): 1,
        ("pyload_connect_seconds_sum",): 0.004,
        ("pyload_loop_lag_seconds_count",): 1,
        ("pyload_loop_lag_seconds_sum",): 0.002,
    }
    assert buckets["pyload_first_config_seconds_bucket", "0.25"] == 0
    assert buckets["pyload_first_config_seconds_bucket", "0.5"] == 1
    assert buckets["pyload_first_config_seconds_bucket", "60.0"] == 1
    assert buckets["pyload_first_config_seconds_bucket", "+Inf"] == 2


def test_configured_proxies_are_connected_and_connected_ones_are_wanted() -> None:
    """With all proxies up, `connected` fell to 0, and an alert on it would have fired (A9)."""
    metrics = Metrics()
    for state, count in {"connecting": 1, "connected": 2, "configured": 3, "backoff": 4}.items():
        for _ in range(count):
            metrics.proxy("sidecar", None, state)
    metrics.proxy("router", None, "waiting")
    actual = samples(Registry(metrics).render().decode())

    states = ("wanted", "connected", "configured")
    assert [actual["pyload_proxies", state, "sidecar"] for state in states] == [10, 5, 3]
    assert [actual["pyload_proxies", state, "router"] for state in states] == [1, 0, 0]
    assert len([key for key in actual if key[0] == "pyload_proxies"]) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="prometheus-client reads /proc")
def test_the_figures_of_workers_are_there_when_there_are_workers(metrics: Metrics) -> None:
    """Nobody would see which process of many is the busy one."""
    assert b"pyload_worker" not in Registry(metrics).render()
    part = Metrics()
    figures = replace(
        part.snapshot(),
        worker_cpu={"0": 1.5, "1": 2.5},
        worker_rss={"1": 1000},
        worker_restarts={"0": 1, "1": 0},
    )
    part.snapshot = lambda: figures  # type: ignore[method-assign] # a part of fixed figures
    metrics.attach(part)
    actual = samples(Registry(metrics).render().decode())
    assert actual["pyload_worker_cpu_seconds_total", "1"] == 2.5
    assert actual["pyload_worker_resident_memory_bytes", "1"] == 1000
    assert actual["pyload_worker_restarts_total", "0"] == 1


def test_the_sizes_of_caches_are_there(metrics: Metrics) -> None:
    """Nobody could tell a process that remembers too much from one that leaks."""
    metrics.caches = lambda: {"messages": 5, "resources": 7}
    actual = samples(Registry(metrics).render().decode())
    assert actual["pyload_cache_bytes", "messages"] == 5
    assert actual["pyload_cache_bytes", "resources"] == 7


def test_process_metrics_are_there(metrics: Metrics) -> None:
    """Dashboards made for the Go tool would show no CPU and memory."""
    names = {key[0] for key in samples(Registry(metrics).render().decode())}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes"} <= names


def test_nothing_counted_yet_can_be_read(metrics: Metrics) -> None:
    """The first scrape of a run would fail."""
    actual = samples(Registry(Metrics()).render().decode())
    assert actual["pyload_connect_seconds_count",] == 0


@pytest.mark.process
def test_importing_costs_nothing() -> None:
    """Every start would pay for a library that only a scrape needs."""
    code = (
        "import sys, pyload.report.metrics_server, pyload.report.progress, pyload.report.result\n"
        "heavy = {'aiohttp', 'prometheus_client', 'rich', 'yaml'} & set(sys.modules)\n"
        "raise SystemExit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_run_and_its_tags_are_the_labels_of_a_metric(metrics: Metrics) -> None:
    """Two runs that are scraped at one address could not be told apart (B7)."""
    run = {"branch": 'ma"in', "run_id": "abc"}
    actual = samples(Registry(metrics, run=run).render().decode())
    assert actual["pyload_run_info", 'ma"in', "abc"] == 1
    assert b"pyload_run_info" not in Registry(metrics).render()


def test_every_number_of_a_result_is_on_the_page() -> None:
    """Grafana would lack a figure that the result at the end has, and that a threshold may name."""
    pods = FollowedPods(nodes=3, waiting={"no IP yet": 2}, from_ip=DISTRIBUTION)
    result = replace(measured(), kwok=pods, pods=StartedPods(9, 5, 3, 1), times={"a": DISTRIBUTION})
    actual = samples(Registry(Metrics(), figures=lambda: result).render().decode())

    assert actual["pyload_proxies_started_total",] == 1001
    assert actual["pyload_duration_seconds",] == 75.25
    assert actual["pyload_kwok_waiting", "no IP yet"] == 2
    assert actual["pyload_kwok_pods_synced",] == 1
    assert actual["pyload_pods_starting",] == 1
    assert actual["pyload_times_seconds", "a", "0.5"] == 2.0
    assert actual["pyload_times_seconds", "a", "0.999"] == 4.5
    assert actual["pyload_times_seconds", "a", "1"] == 5.0
    assert actual["pyload_times_seconds_count", "a"] == 7
    for metric in figure_metrics():
        name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
        for labels, value in metric.read(result).items():
            if metric.kind in {"counter", "gauge"}:
                assert actual[name, *labels] == value


def test_the_sum_of_a_distribution_is_there_where_it_is_known() -> None:
    """A mean could not be computed, as Prometheus computes one of every summary."""
    actual = samples(Registry(Metrics(), figures=measured).render().decode())

    assert actual["pyload_first_config_quantile_seconds_sum",] == 1.5
    assert actual["pyload_connect_quantile_seconds", "0"] == 0.001


def test_convergence_has_a_histogram() -> None:
    """How long changes took in the last five minutes could not be asked, nor of several runs."""
    times = Histogram()
    for seconds in (0.3, 0.4, 3.0):
        times.record(seconds)
    result = replace(measured(), convergence=Convergence.of(times))
    actual = samples(Registry(Metrics(), figures=lambda: result).render().decode())

    assert actual["pyload_convergence_seconds_bucket", "0.5"] == 2
    assert actual["pyload_convergence_seconds_bucket", "+Inf"] == 3
    assert actual["pyload_convergence_quantile_seconds", "1"] == 3.0
    empty = replace(measured(), convergence=Convergence())
    actual = samples(Registry(Metrics(), figures=lambda: empty).render().decode())
    assert actual["pyload_convergence_seconds_count",] == 0


def test_what_was_not_measured_is_not_there() -> None:
    """A latency of 0 would look like the best of all."""
    result = replace(measured(), first_config=Latency(), pacing=Pacing(), kwok=None)
    names = {
        key[0] for key in samples(Registry(Metrics(), figures=lambda: result).render().decode())
    }

    assert "pyload_first_config_quantile_seconds" not in names
    assert "pyload_first_config_quantile_seconds_count" in names
    assert "pyload_pacing_rate" not in names
    assert not any(name.startswith("pyload_kwok") for name in names)


def test_the_page_is_as_long_for_many_proxies_as_for_few() -> None:
    """Rendering it would hold the event loop the longer, the larger the load."""
    pages = []
    for count in (10, 10_000):
        metrics = Metrics()
        for number in range(count):
            metrics.proxy("sidecar", None, "configured")
            metrics.cells_of("sidecar")["cds"].push(100)
            metrics.first_config.record(0.001 * number)
        pages.append(Registry(metrics, figures=measured).render().splitlines())

    assert len(pages[0]) == len(pages[1])
