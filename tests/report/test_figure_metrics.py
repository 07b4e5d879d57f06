"""Tests of the metrics of a result's figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from pyload.report.counts import ProxyCounts
from pyload.report.figure_metrics import (
    COUNTERS,
    ELSEWHERE,
    LABELS,
    NAMES,
    NO_METRIC,
    figure_metrics,
)
from pyload.report.figure_tree import Group, Keyed, figure_tree
from pyload.report.followed_pods import FollowedPods
from pyload.report.generator import Usage
from pyload.report.header import Header
from pyload.report.metrics import MAX_LABELS, Metrics
from pyload.report.outage import Outages
from pyload.report.pacing import Pacing
from pyload.report.prometheus import Registry
from pyload.report.result import Result
from tests.report.results import measured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.figure_metrics import FigureMetric
    from pyload.report.figure_tree import Node


def fields(node: Node, path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the path of every field of a result, and whether it is a figure."""
    if isinstance(node, Keyed):
        yield path, False
        yield from fields(node.each, path)
    elif isinstance(node, Group):
        for name, part in node.parts.items():
            yield from fields(part, f"{path}.{name}" if path else name)
        for name in node.others:
            yield f"{path}.{name}" if path else name, False
        yield path, False
    else:
        yield path, True


def path_of(metric: FigureMetric) -> str:
    """Return the path of a metric's figure without the keys of mappings."""
    return re.sub(r"\.\{\w+\}", "", metric.path)


def test_every_figure_of_a_result_has_a_metric() -> None:
    """A dashboard would lack what the result has; add a line to a table of `figure_metrics`."""
    distributions = {path_of(one): one.quantiles for one in figure_metrics() if one.quantiles}
    covered = {path_of(one) for one in figure_metrics()}
    for path, is_figure in fields(figure_tree()):
        section, _, name = path.rpartition(".")
        if is_figure and not any(path == one or path.startswith(f"{one}.") for one in ELSEWHERE):
            quantiles = distributions.get(section, {})
            assert (
                path in covered or name in quantiles or (quantiles and name in {"count", "mean"})
            ), path


def test_what_is_no_metric_has_a_reason() -> None:
    """Whether a list or a text was left out on purpose, or forgotten, could not be told."""
    others = set(others_of(figure_tree()))

    assert others == NO_METRIC.keys(), "say in NO_METRIC why it has none"


def others_of(node: Node, path: str = "") -> Iterator[str]:
    """Yield the path of every field that is no figure."""
    if isinstance(node, Keyed):
        yield from others_of(node.each, path)
    elif isinstance(node, Group):
        yield from (f"{path}{name}" for name in node.others)
        for name, part in node.parts.items():
            yield from others_of(part, f"{path}{name}.")


def test_the_tables_name_fields_that_there_are() -> None:
    """A figure that was renamed would lose its kind, its name or its label without a word."""
    known = {path for path, _ in fields(figure_tree())}

    for table in (COUNTERS, NAMES, LABELS, ELSEWHERE):
        assert set(table) <= known


def test_every_key_of_a_mapping_has_a_label_that_says_what_it_is() -> None:
    """`name` could be anything."""
    for metric in figure_metrics():
        if metric.labels:
            assert metric.path.partition(".{")[0] in LABELS, metric.path


def test_what_is_in_another_metric_adds_up_to_the_same() -> None:
    """The documentation would send a user to a metric that says something else."""
    metrics = Metrics()
    states = ("connecting", "connected", "connected", "configured", "configured", "configured")
    for type_ in ("sidecar", "router"):
        for state in states:
            metrics.proxy(type_, None, state)
    metrics.reconnect("router")
    for short_type in ("cds", "eds"):
        metrics.cells_of("sidecar")[short_type].push(9)
    metrics.cells_of("sidecar")["eds"].refused += 1
    metrics.disconnect("goaway")
    for count, outcome in enumerate(("created", "updated", "deleted", "failed"), start=1):
        for kind in ("Pod", "Service") * count:
            metrics.object(kind, outcome)
    metrics.churn("configs", "done", 6)
    snapshot = replace(metrics.snapshot(), worker_restarts={"0": 1, "1": 3})
    counts = ProxyCounts(wanted=12, connected=10, configured=6, reconnects=1)
    result = Result.of(
        snapshot,
        header_of(measured()),
        Usage(cpu_seconds=0, rss_bytes=0, rate_limited_seconds=0),
        proxies=counts,
        pacing=Pacing(),
        left=0,
        outages=Outages(),
    )
    metrics.snapshot = lambda: snapshot  # type: ignore[method-assign] # of workers too
    page = Registry(metrics).render().decode()
    found = [one for family in text_string_to_metric_families(page) for one in family.samples]

    for path, query in ELSEWHERE.items():
        name, _, selected = query.rstrip("}").partition("{")
        label, _, value = selected.replace('"', "").partition("=")
        sums = sum(
            one.value for one in found if one.name == name and one.labels.get(label, "") == value
        )
        assert sums == total_of(result, path) > 0, path


def header_of(result: Result) -> Header:
    """Return which run a result is of."""
    return Header(**{one.name: getattr(result, one.name) for one in dataclass_fields(Header)})


def total_of(result: Result, path: str) -> float:
    """Return a figure of a result, or the sum of those of a mapping."""
    values = [attrgetter(path)(result)]
    while isinstance(values[0], Mapping):
        values = [each for value in values for each in value.values()]
    return float(sum(values))


def test_a_mapping_of_many_keys_makes_few_series() -> None:
    """Ten thousand namespaces would cost a Prometheus as many series for each run."""
    namespaces = {f"ns-{number}": number for number in range(1, 1001)}
    result = replace(measured(), kwok=FollowedPods(namespaces=namespaces))
    (metric,) = (one for one in figure_metrics() if one.path == "kwok.namespaces.{namespace}")
    values = metric.read(result)

    assert len(values) == MAX_LABELS + 1
    assert values["ns-1000",] == 1000
    assert sum(values.values()) == sum(namespaces.values())
    assert values["other",] == sum(range(1, 901))


def test_the_names_follow_from_paths_and_units() -> None:
    """Users could not guess a metric from the figure in their thresholds."""
    names = {one.path: (one.name, one.kind) for one in figure_metrics()}

    assert names["duration"] == ("pyload_duration_seconds", "gauge")
    assert names["generator.rss_bytes"] == ("pyload_generator_rss_bytes", "gauge")
    assert names["generator.cpu_seconds"] == ("pyload_generator_cpu_seconds", "counter")
    assert names["kwok.from_ip"] == ("pyload_kwok_from_ip_seconds", "summary")
    assert names["kwok.waiting.{reason}"] == ("pyload_kwok_waiting", "gauge")
    assert names["generator.machine.cpu_share"] == ("pyload_generator_machine_cpu_ratio", "gauge")
    assert names["times.{name}"] == ("pyload_times_seconds", "summary")


def test_the_help_is_for_people_who_know_neither_python_nor_the_code() -> None:
    """It is all that Prometheus and Grafana show of a metric."""
    help_ = {one.path: one.help for one in figure_metrics()}

    assert help_["pacing.rate"] == "Dials per second that are allowed now."
    assert help_["generator.machine.cpu_share"].startswith("How busy the whole machine was;")
    assert "`" not in "".join(help_.values())
