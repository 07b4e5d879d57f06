"""What one istiod says of itself: its metrics page, reduced to the samples that a run needs.

Istiod's page has up to thousands of lines, most of which are about single kinds, nodes and calls. A
regular expression finds the few that are needed. To parse them all, and to import what can, would
stop the event loop for a tenth of a second.

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
    rf"^((?:{'|'.join(_COUNTERS)})(?:_total)?|{'|'.join((*_GAUGES, *_IDENTITY, *_PARTS))})"
    r"(?:\{(.*)\})?[ \t]+([^ \t\n]+)(?:[ \t]+-?\d+)?$",
    re.MULTILINE,
)
"""A line of a sample that is needed: its name, labels and value."""

_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")


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
    counts: dict[Key, float] = {}
    levels: dict[str, float] = {}
    version, started, uptime = "", None, None
    for name, labels, text in _NEEDED.findall(page.decode("utf-8", "replace")):
        try:
            value = float(text)
        except ValueError:
            return None
        if not math.isfinite(value):
            continue
        plain = name.removesuffix("_total")
        if plain in _COUNTERS:
            key = (plain, _label(labels, _COUNTERS[plain]))
            counts[key] = counts.get(key, 0.0) + value
        elif name in _PARTS:
            key = (name, _label(labels, _PARTS[name]))
            counts[key] = counts.get(key, 0.0) + value
        elif name == "pilot_info":
            version = _label(labels, "version")
        elif name == "istiod_uptime_seconds":
            uptime = value
        elif name == "process_start_time_seconds":
            started = value
        else:
            levels[name] = levels.get(name, 0.0) + value
    if not version and uptime is None and "pilot_xds" not in levels:
        return None
    return IstiodPage(version, started, uptime, counts, levels)


def _label(labels: str, name: str) -> str:
    """Return the value of a label; empty if there is none of this name."""
    for one, value in _LABEL.findall(labels):
        if one == name:
            return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], value)
    return ""
