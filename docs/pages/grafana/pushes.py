"""Panels of the pushes, and of what causes them."""

from __future__ import annotations

from typing import Final

from pages.grafana.panels import BYTES_PER_SECOND, PER_SECOND, Panel, Row
from pages.grafana.queries import SENT, of_istiod, of_run, rate

PUSHES: Final = Row(
    "Pushes (left: pyload, right: istiod)",
    (
        Panel(
            "Pushes received, by type",
            "Responses that the proxies received, by type of their resources, such as cds for "
            "clusters.",
            {"{{type}}": of_run(rate("pyload_pushes_total"), "type")},
            unit=PER_SECOND,
            stacked=True,
        ),
        Panel(
            "Pushes sent, by type",
            "Responses that istiod sent to all its proxies. Where it is above what pyload "
            "received, there are other proxies, or pyload is behind.",
            {"{{type}}": of_istiod(rate("pilot_xds_pushes", SENT), "type")},
            unit=PER_SECOND,
            stacked=True,
        ),
        Panel(
            "Bytes received, by type",
            "Size of the responses that the proxies received.",
            {"{{type}}": of_run(rate("pyload_push_bytes_total"), "type")},
            unit=BYTES_PER_SECOND,
            stacked=True,
        ),
        Panel(
            "Why istiod pushed",
            "Reasons for which pushes were begun.",
            {"{{type}}": of_istiod(rate("pilot_push_triggers"), "type")},
            unit=PER_SECOND,
            stacked=True,
        ),
        Panel(
            "Changes that pyload makes",
            "Objects that were written to the API server, by result, and changes of the running "
            "mesh.",
            {
                "objects {{result}}": of_run(rate("pyload_objects_total"), "result"),
                "churn of {{what}}": of_run(rate("pyload_churn_total"), "what"),
            },
            unit=PER_SECOND,
        ),
        Panel(
            "Events that reach istiod",
            "Events from the API server that istiod took up, by type.",
            {"{{type}}": of_istiod(rate("pilot_inbound_updates"), "type")},
            unit=PER_SECOND,
        ),
    ),
)
