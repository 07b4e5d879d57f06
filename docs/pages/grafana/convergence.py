"""Panels of how fast changes reach the proxies."""

from __future__ import annotations

from typing import Final

from pages.grafana.panels import SECONDS, Panel, Row
from pages.grafana.queries import COARSE, istiod_mean, istiod_quantile, of_run, quantile

CONVERGENCE: Final = Row(
    "How fast changes reach the proxies (left: pyload, right: istiod)",
    (
        Panel(
            "Convergence as the proxies see it",
            "From the API server's answer to a marked change until a proxy had it. It includes "
            "istiod's debounce, which the panel on the right does not. Needs --probe.",
            {
                f"p{name}": quantile(share, "pyload_convergence_seconds")
                for name, share in (("50", "0.5"), ("90", "0.9"), ("99", "0.99"))
            },
            unit=SECONDS,
        ),
        Panel(
            "Convergence as istiod sees it",
            "From the begin of a push, after the debounce, until one proxy had been sent all of "
            f"it, whether or not it has read it. {COARSE}",
            {
                "mean": istiod_mean("pilot_proxy_convergence_time"),
                "p50": istiod_quantile("0.5", "pilot_proxy_convergence_time"),
                "p99": istiod_quantile("0.99", "pilot_proxy_convergence_time"),
            },
            unit=SECONDS,
        ),
        Panel(
            "Spread of a push over the proxies (whole run)",
            "From the first proxy that had a push until half, 99 % and all of them had it: 99 of "
            "100 pushes since the start of the run took no longer.",
            {
                legend: of_run(f'{name}{{quantile="0.99"}}', combine="max")
                for legend, name in (
                    ("until half of the proxies", "pyload_spread_p50_seconds"),
                    ("until 99 % of the proxies", "pyload_spread_p99_seconds"),
                    ("until the last proxy", "pyload_spread_last_seconds"),
                )
            },
            unit=SECONDS,
        ),
        Panel(
            "Where istiod spends the time",
            "Means. Debounce: from the first event until its push begins. Push context: to build "
            "the state that a push is generated from. Queue: until it is a proxy's turn. Send: for "
            "one response.",
            {
                "debounce": istiod_mean("pilot_debounce_time"),
                "push context": istiod_mean("pilot_pushcontext_init_seconds"),
                "queue": istiod_mean("pilot_proxy_queue_time"),
                "send": istiod_mean("pilot_xds_send_time"),
            },
            unit=SECONDS,
        ),
        Panel(
            "Changes that did not arrive (whole run)",
            "Proxies that never had a probe though others of their kind had it, counted once for "
            "each probe, and probes that could not be written.",
            {
                "proxies without a probe": of_run("pyload_convergence_never"),
                "probes not written": of_run("pyload_convergence_failed_total"),
            },
        ),
        Panel(
            "Time to generate and send, by type",
            f"99 of 100 responses of a type took istiod no longer. {COARSE}",
            {"{{type}}": istiod_quantile("0.99", "pilot_xds_push_time", "le, type")},
            unit=SECONDS,
        ),
    ),
)
