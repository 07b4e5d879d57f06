"""Panels of what the programs and machines use, and where their limits are."""

from __future__ import annotations

from typing import Final

from pages.grafana.panels import BYTES, CORES, SECONDS, SHARE, Panel, Row
from pages.grafana.queries import of_istiod, of_run, quantile, rate

RESOURCES: Final = Row(
    "CPU and memory (left: pyload, right: istiod)",
    (
        Panel(
            "CPU of pyload, by process",
            "A process of pyload uses one core at most: near it, it is the bottleneck, and "
            "--workers helps.",
            {
                "main": of_run(rate("process_cpu_seconds_total")),
                "worker {{worker}}": of_run(rate("pyload_worker_cpu_seconds_total"), "worker"),
            },
            unit=CORES,
            limit=0.9,
        ),
        Panel(
            "CPU of istiod",
            "Cores that each istiod uses, and those that it may use (GOMAXPROCS).",
            {
                "{{instance}}": of_istiod(rate("process_cpu_seconds_total"), "instance"),
                "{{instance}} may use": of_istiod("go_sched_gomaxprocs_threads", "instance"),
            },
            unit=CORES,
        ),
        Panel(
            "Memory of pyload",
            "Resident memory of all processes, in which pages that they share count for each, and "
            "the part of it that keeps configuration.",
            {
                "resident": of_run("pyload_generator_rss_bytes"),
                "cache of {{cache}}": of_run("pyload_cache_bytes", "cache"),
            },
            unit=BYTES,
        ),
        Panel(
            "Memory of istiod",
            "Resident memory and Go's heap in use of each istiod.",
            {
                "{{instance}} resident": of_istiod("process_resident_memory_bytes", "instance"),
                "{{instance}} heap": of_istiod("go_memstats_heap_inuse_bytes", "instance"),
            },
            unit=BYTES,
        ),
    ),
)

GENERATOR: Final = Row(
    "Is pyload, its machine or the API server the bottleneck?",
    (
        Panel(
            "Lag of pyload's event loops",
            "How late pyload's event loops were. Above 0.1 s pyload may itself be the bottleneck, "
            "and the times that it measures are too long.",
            {
                "p50": quantile("0.5", "pyload_loop_lag_seconds"),
                "p99": quantile("0.99", "pyload_loop_lag_seconds"),
            },
            unit=SECONDS,
            limit=0.1,
        ),
        Panel(
            "Share of seconds at the limit (whole run)",
            "Seconds in which 90 % or more was used: of a core by pyload's busiest process, and of "
            "all cores by everything on its machine.",
            {
                "busiest process": of_run("pyload_generator_busy_ratio", combine="max"),
                "machine": of_run("pyload_generator_machine_busy_ratio", combine="max"),
            },
            unit=SHARE,
        ),
        Panel(
            "Proxies that wait to dial",
            "Proxies whose dial waits for its turn: for --connect-rate, or for the pace that "
            "istiod allows.",
            {"waiting": of_run("pyload_pacing_waiting")},
        ),
        Panel(
            "Lateness of probes (whole run)",
            "How long after it was due each probe was written. Late probes mean that pyload or the "
            "API server has too much to do. Needs --probe.",
            {
                "p50": of_run('pyload_convergence_lateness_seconds{quantile="0.5"}', combine="max"),
                "p99": of_run(
                    'pyload_convergence_lateness_seconds{quantile="0.99"}', combine="max"
                ),
            },
            unit=SECONDS,
            limit=0.1,
        ),
        Panel(
            "Time of the API server's writes (whole run)",
            "From sending a write until its answer, without the wait for pyload's own limit.",
            {
                "p50": of_run('pyload_api_server_write_seconds{quantile="0.5"}', combine="max"),
                "p99": of_run('pyload_api_server_write_seconds{quantile="0.99"}', combine="max"),
            },
            unit=SECONDS,
        ),
        Panel(
            "Requests held back or refused",
            "Requests that the API server refused because there were too many (429) or it had too "
            "much to do (503), and how many waited at any time for pyload's own limit (--qps).",
            {
                "429": of_run(rate("pyload_api_server_throttled_total")),
                "503": of_run(rate("pyload_api_server_overloaded_total")),
                "waiting for --qps": of_run(rate("pyload_generator_rate_limited_seconds_total")),
            },
        ),
    ),
    columns=3,
)
