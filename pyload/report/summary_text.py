"""The result of a run as text for a terminal: one figure a line, in the same order every time."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pyload.report.ladder import ladder_rows
from pyload.report.latency import latency_text, time_text
from pyload.report.quantity import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.report.counts import ObjectCounts, ProxyCounts
    from pyload.report.generator import Generator
    from pyload.report.pacing import Pacing
    from pyload.report.result import Result
    from pyload.report.unserved import Unserved
    from pyload.report.verdict import Verdict

COLUMNS: Final = 80
"""Width of the text, unless a phrase is longer than what is left for it."""

_TYPES: Final = ("cds", "eds", "lds", "rds")
_ALWAYS: Final = ("wanted", "connected", "configured", "reconnects", "failed")
_IF_ANY: Final = ("starting", "unconfigured")


def result_text(result: Result) -> str:
    """Format the result of a run."""
    run = f"run {result.run_id}" if result.run_id else ""
    title = ", ".join(filter(None, (result.command, result.cluster_type, run)))
    rows = [
        *([] if result.kwok is None else result.kwok.rows()),
        ("proxies", _proxies(result.proxies)),
        *_unserved(result.unserved),
        *(_streams(result) if _had_proxies(result) else ()),
        *([] if result.convergence is None else result.convergence.rows()),
        *result.outages.rows(),
        *([] if result.control_plane is None else result.control_plane.rows()),
        ("objects", _objects(result.objects)),
        *([("churn", _churn(result.churn))] if result.churn else []),
        *((name, latency_text(latency)) for name, latency in result.times.items()),
        ("generator", _generator(result.generator)),
        *ladder_rows(result.steps),
        *([] if result.limit is None else [("limited by", result.limit.line())]),
        *_thresholds(result.thresholds),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{title}: {time_text(result.duration)}, {result.exit_reason}"]
    for name, text in rows:
        first, *others = _wrapped(text, COLUMNS - width - 4)
        lines.append(f"  {name:<{width}}  {first}")
        lines += [f"{'':{width + 4}}{other}" for other in others]
    return "\n".join(lines if result.ladder is None else [*lines, result.ladder.sentence])


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text that is too long for a line, behind commas and semicolons alone."""
    phrases = re.split(r"(?<=[,;]) ", text)
    lines = [phrases[0]]
    for phrase in phrases[1:]:
        if len(lines[-1]) + 1 + len(phrase) > width:
            lines.append(phrase)
        else:
            lines[-1] += f" {phrase}"
    return lines


def _thresholds(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """Format each threshold on a line of its own, with the name before the first."""
    lines = [verdict.line() for verdict in verdicts]
    return list(zip(("thresholds", *[""] * len(lines)), lines, strict=False))


def _had_proxies(result: Result) -> bool:
    return bool(result.proxies.wanted or result.disconnects or any(result.pushes.values()))


def _streams(result: Result) -> list[tuple[str, str]]:
    return [
        ("disconnects", _counts(sorted(result.disconnects.items())) or "none"),
        ("pushes", _pushes(with_types(result.pushes), result.push_bytes)),
        *_answers(result),
        *result.spread.rows(),
        ("first config", latency_text(result.first_config)),
        ("connect", latency_text(result.connect)),
        ("pace", _pacing(result.pacing)),
    ]


def with_types(counts: Mapping[str, int]) -> dict[str, int]:
    """Put the four types that every sidecar gets first, even those of which none came."""
    others = {name: counts[name] for name in sorted(counts) if name not in _TYPES}
    return {name: counts.get(name, 0) for name in _TYPES} | others


def _churn(churn: Mapping[str, Mapping[str, int]]) -> str:
    """Format the churn of each kind that was done, and other results that occurred."""
    parts = []
    for what, results in churn.items():
        shown = [(name, count) for name, count in results.items() if count or name == "done"]
        parts.append(f"{what} {_counts(shown, after=True)}")
    return "; ".join(parts)


def _proxies(proxies: ProxyCounts) -> str:
    if not proxies.wanted:
        return "none wanted"
    counts = asdict(proxies)
    shown = [(name, counts[name]) for name in _ALWAYS]
    shown += [(name, counts[name]) for name in _IF_ANY if counts[name]]
    return _counts(shown, after=True)


def _unserved(unserved: Iterable[Unserved]) -> list[tuple[str, str]]:
    text = "; ".join(one.text() for one in unserved)
    return [("unserved", text)] if text else []


def _objects(objects: ObjectCounts) -> str:
    counts = asdict(objects)
    return _counts(counts.items(), after=True) if any(counts.values()) else "none written"


def _pushes(pushes: Mapping[str, int], push_bytes: Mapping[str, int]) -> str:
    if not any(pushes.values()):
        return "none received"
    return f"{_counts(pushes.items())}; {size_text(sum(push_bytes.values()))}"


def _answers(result: Result) -> list[tuple[str, str]]:
    """Format how the pushes were answered; there are others, which want no answer."""
    if not any(result.acknowledged.values()) and not any(result.refused.values()):
        return []
    acknowledged, refused = (
        _counts(((name, count) for name, count in with_types(counts).items() if count)) or "none"
        for counts in (result.acknowledged, result.refused)
    )
    return [("answers", f"acknowledged {acknowledged}; refused {refused}")]


def _counts(counts: Iterable[tuple[str, int]], *, after: bool = False) -> str:
    """Format names and numbers; ``after`` puts the name behind its number."""
    return ", ".join(
        f"{number:,} {name}" if after else f"{name} {number:,}" for name, number in counts
    )


def _pacing(pacing: Pacing) -> str:
    rate = "no limit" if pacing.rate is None else f"{pacing.rate:,.1f} dials/s allowed at the end"
    refused = f"{pacing.refusals:,}" if pacing.refusals else "none"
    return f"{rate}, {refused} refused for their rate"


def _generator(generator: Generator) -> str:
    lag = generator.loop_lag_p99
    return ", ".join(
        (
            f"{time_text(generator.cpu_seconds)} CPU",
            f"{size_text(generator.rss_bytes)} memory",
            "loop lag not measured" if lag is None else f"loop lag p99 {time_text(lag)}",
            f"{time_text(generator.rate_limited_seconds)} lost to its own rate limit",
            *([_workers(generator)] if generator.workers else []),
        )
    )


def _workers(generator: Generator) -> str:
    restarts = f" ({generator.worker_restarts:,} restarted)" if generator.worker_restarts else ""
    return f"{generator.workers:,} worker{'s' if generator.workers != 1 else ''}{restarts}"
