"""Tests of the table of metrics that are read from the counters."""

from __future__ import annotations

import re

from pyload.report.figure_metrics import figure_metrics
from pyload.report.histogram import Histogram
from pyload.report.metrics import Metrics
from pyload.report.snapshot_metrics import SNAPSHOT_METRICS


def test_the_metrics_follow_prometheus_conventions() -> None:
    """A scrape fails as a whole if a name comes twice; queries break if a unit is not base."""
    texts = [(one.name, one.help) for one in SNAPSHOT_METRICS]
    texts += [(one.name, one.help) for one in figure_metrics()]

    assert len({name for name, _ in texts}) == len(texts)
    for name, text in texts:
        assert re.fullmatch("pyload_[a-z0-9_]+", name)
        assert not re.search("_(total|count|sum|bucket)$", name), "these are Prometheus' own"
        assert text.endswith(".")
        assert "None" not in text


def test_the_buckets_of_histograms_rise() -> None:
    """Prometheus refuses a page with buckets in any other order."""
    for spec in SNAPSHOT_METRICS:
        assert (spec.kind == "histogram") == bool(spec.bounds)
        assert list(spec.bounds) == sorted(spec.bounds)


def test_every_metric_can_be_read_before_anything_was_counted() -> None:
    """The first scrape of a run would fail."""
    snapshot = Metrics().snapshot()

    for spec in SNAPSHOT_METRICS:
        value = spec.read(snapshot)
        assert value.count == 0 if isinstance(value, Histogram) else not value


def test_there_are_few_histograms() -> None:
    """Each costs a series for every bucket, in every run that is scraped."""
    series = [len(one.bounds) + 3 for one in SNAPSHOT_METRICS if one.kind == "histogram"]
    series += [len(one.bounds) + 3 for one in figure_metrics() if one.kind == "histogram"]

    assert sum(series) <= 80
