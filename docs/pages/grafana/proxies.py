"""Panels of the proxies and their streams."""

from __future__ import annotations

from typing import Final

from pages.grafana.panels import PER_SECOND, SECONDS, Panel, Row
from pages.grafana.queries import UNSENT, of_istiod, of_run, or_none, quantile, rate

PROXIES: Final = Row(
    "Proxies (left: pyload, right: istiod)",
    (
        Panel(
            "Proxies: wanted, connected, configured",
            "Wanted proxies include the connected ones, and these the configured ones, which have "
            "had an answer for every type that they subscribed to.",
            {"{{state}}": of_run("pyload_proxies", "state")},
        ),
        Panel(
            "Proxies connected to each istiod",
            "Streams that each istiod has, those of proxies that are not pyload's included. How "
            "evenly the load is spread over several istiods.",
            {"{{instance}}": of_istiod("pilot_xds", "instance")},
        ),
        Panel(
            "Time until a new proxy has its configuration",
            "From the start of a proxy until it had every type that it subscribed to, and the part "
            "of it from the dial until its stream was open.",
            {
                "configured p50": quantile("0.5", "pyload_first_config_seconds"),
                "configured p99": quantile("0.99", "pyload_first_config_seconds"),
                "stream open p99": quantile("0.99", "pyload_connect_seconds"),
            },
            unit=SECONDS,
        ),
        Panel(
            "Goroutines of istiod",
            "Each stream takes some. A number that grows while the number of proxies does not is a "
            "leak.",
            {"{{instance}}": of_istiod("go_goroutines", "instance")},
        ),
        Panel(
            "Streams lost, by reason",
            "Streams of proxies that ended and dials that failed. The reason local means that "
            "pyload ended the stream itself, as when a pod was replaced.",
            {"{{reason}}": of_run(rate("pyload_disconnects_total"), "reason")},
            unit=PER_SECOND,
        ),
        Panel(
            "Errors in istiod",
            "Responses that proxies refused (NACK), that could not be sent, and that could not be "
            "generated.",
            {
                "refused by proxies": or_none(of_istiod(rate("pilot_total_xds_rejects"))),
                "not sent": or_none(of_istiod(rate("pilot_xds_pushes", UNSENT))),
                "not generated": or_none(of_istiod(rate("pilot_total_xds_internal_errors"))),
            },
            unit=PER_SECOND,
        ),
    ),
)
