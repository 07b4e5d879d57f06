"""The figures and tables at the top of the dashboard."""

from __future__ import annotations

from typing import Final

from pages.grafana.panels import BYTES, CORES, PER_SECOND, SECONDS, SHARE, Panel
from pages.grafana.queries import ISTIOD, RUN, of_istiod, of_run, quantile, rate

AT_A_GLANCE: Final = (
    Panel(
        "Proxies configured",
        "Share of the wanted proxies that are connected and have had an answer for every type of "
        "resource that they subscribed to.",
        {
            "configured": " / ".join(
                of_run(f'pyload_proxies{{state="{state}"}}') for state in ("configured", "wanted")
            )
        },
        unit=SHARE,
        limit=1,
        floor=True,
    ),
    Panel(
        "Pushes received",
        "Responses per second that all proxies received from the control plane.",
        {"pushes": of_run(rate("pyload_pushes_total"))},
        unit=PER_SECOND,
    ),
    Panel(
        "Convergence p99",
        "Within this time 99 of 100 proxies had a change, from the API server's answer to the "
        "write of it, over the time shown. Needs --probe.",
        {"p99": quantile("0.99", "pyload_convergence_seconds", "[$__range]")},
        unit=SECONDS,
    ),
    Panel(
        "First config p99",
        "Within this time 99 of 100 new proxies had their whole configuration, over the time "
        "shown.",
        {"p99": quantile("0.99", "pyload_first_config_seconds", "[$__range]")},
        unit=SECONDS,
    ),
    Panel(
        "Time in outages",
        "Time in which most proxies had no stream, over the whole run.",
        {"outages": of_run("pyload_outage_seconds_total")},
        unit=SECONDS,
        limit=0.001,
    ),
    Panel(
        "istiod's CPU",
        "CPU cores that all istiods use together.",
        {"cores": of_istiod(rate("process_cpu_seconds_total"))},
        unit=CORES,
    ),
    Panel(
        "istiod's memory",
        "Resident memory of all istiods together.",
        {"memory": of_istiod("process_resident_memory_bytes")},
        unit=BYTES,
    ),
    Panel(
        "pyload's lag p99",
        "How late pyload's event loops were, over the time shown. Above 0.1 s pyload may itself be "
        "the bottleneck, and the times that it measured are too long.",
        {"p99": quantile("0.99", "pyload_loop_lag_seconds", "[$__range]")},
        unit=SECONDS,
        limit=0.1,
    ),
)

TABLES: Final = (
    Panel(
        "Runs shown",
        "The runs of pyload that all panels on the left are of.",
        {"": f"last_over_time({RUN}[$__range])"},
    ),
    Panel(
        "istiods shown",
        "The istiods that all panels on the right are of.",
        {"": f"last_over_time({ISTIOD}[$__range])"},
    ),
)
