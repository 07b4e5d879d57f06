"""What one istiod says of itself: its metrics page, reduced to the samples that a run needs.

Istiod's page has thousands of lines, most of which are about single kinds, nodes and calls. A
regular expression finds the few that are needed first, because parsing them all would stop the
event loop for a tenth of a second.

Samples are kept flat, by the name of their metric and the one label that matters. A histogram is
its sum, its count and its buckets, each a sample that only grows. So the samples of several istiods
can be added up, and two moments compared, without regard to what each of them means.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Key = tuple[str, str]
"""Name of a sample, and the value of its label: empty for none."""

_COUNTERS: Final = {
    "pilot_xds_pushes": "type",
    "pilot_push_triggers": "type",
    "pilot_inbound_updates": "type",
    "pilot_total_xds_rejects": "type",
    "pilot_total_xds_internal_errors": "",
    "process_cpu_seconds": "",
}
"""Counters, without the ``_total`` that some have, and the label by which they are kept apart."""

_HISTOGRAMS: Final = (
    "pilot_proxy_convergence_time",
    "pilot_proxy_queue_time",
    "pilot_debounce_time",
    "pilot_pushcontext_init_seconds",
    "pilot_xds_push_time",
    "pilot_xds_send_time",
)
_GAUGES: Final = (
    "pilot_xds",
    "pilot_services",
    "process_resident_memory_bytes",
    "go_memstats_heap_inuse_bytes",
    "go_goroutines",
    "go_sched_gomaxprocs_threads",
)
_IDENTITY: Final = ("pilot_info", "istiod_uptime_seconds", "process_start_time_seconds")

_PARTS: Final = {
    f"{name}_{part}": "le" if part == "bucket" else ""
    for name in _HISTOGRAMS
    for part in ("bucket", "sum", "count")
}
_NEEDED: Final = re.compile(
    rf"^(?:(?:{'|'.join(_COUNTERS)})(?:_total)?|{'|'.join((*_GAUGES, *_IDENTITY, *_PARTS))})"
    r"[{ \t].*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class IstiodPage:
    """The state of one istiod.

    Attributes:
        version: Istiod's version; empty if the page has none.
        started: When its process started, in seconds since 1970; None if the page does not say.
        uptime: Seconds that it has been up; None likewise.
        counts: Samples that grow as long as the process lives. Istiod has no sample of what has
            never happened.
        levels: Samples that go up and down.
    """

    version: str = ""
    started: float | None = None
    uptime: float | None = None
    counts: Mapping[Key, float] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)


def parse_page(page: bytes) -> IstiodPage | None:
    """Parse a metrics page; return None if it is not one of an istiod."""
    # A tenth of the cost of importing a client of it all, and only in runs that read a page.
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    needed = "\n".join(_NEEDED.findall(page.decode("utf-8", "replace")))
    counts: dict[Key, float] = {}
    levels: dict[str, float] = {}
    version, started, uptime = "", None, None
    try:
        families = list(text_string_to_metric_families(needed + "\n"))
    except ValueError:
        return None
    for sample in (sample for family in families for sample in family.samples):
        name, labels, value = sample.name, sample.labels, float(sample.value)
        plain = name.removesuffix("_total")
        if not math.isfinite(value):
            continue
        if plain in _COUNTERS or name in _PARTS:
            plain, label = (plain, _COUNTERS[plain]) if plain in _COUNTERS else (name, _PARTS[name])
            key = (plain, labels.get(label, ""))
            counts[key] = counts.get(key, 0.0) + value
        elif name == "pilot_info":
            version = labels.get("version", "")
        elif name == "istiod_uptime_seconds":
            uptime = value
        elif name == "process_start_time_seconds":
            started = value
        else:
            levels[name] = levels.get(name, 0.0) + value
    if not version and uptime is None and "pilot_xds" not in levels:
        return None
    return IstiodPage(version, started, uptime, counts, levels)
