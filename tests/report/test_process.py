"""Tests of what the generator itself uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from pyload.report.process import cpu_seconds, process_figures, rss_bytes


def test_cpu_time_grows() -> None:
    """A report would not show that the generator was the bottleneck."""
    before = cpu_seconds()
    assert sum(range(100_000)) > 0
    assert cpu_seconds() > before


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_memory_is_known_without_proc(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on macOS would fail when it sums up."""

    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(sys, "platform", platform)
    assert rss_bytes() > 10_000


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_memory_is_that_of_now() -> None:
    """A report would show another unit than bytes."""
    assert 10_000_000 < rss_bytes() < 10_000_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="prometheus-client reads /proc")
def test_prometheus_own_library_says_the_same_of_the_process() -> None:
    """Dashboards that are made for any program would show something else for this one."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    expected = {one.name: one.value for family in registry.collect() for one in family.samples}
    figures = process_figures()

    assert figures.keys() == expected.keys()
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=0.1, abs=2), name


def test_what_only_linux_knows_is_left_out_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrape of a run on macOS would fail."""

    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "iterdir", missing)
    assert "process_cpu_seconds_total" in process_figures()
    assert "process_open_fds" not in process_figures()
