"""Tests of what the generator itself uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pyload.report.process import cores, cpu_seconds, machine_seconds, rss_bytes


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


def test_the_use_of_the_machine_is_read_off_proc(tmp_path: Path) -> None:
    """Other programs may take the CPU that pyload lacks, such as an istiod on the same machine."""
    stat = tmp_path / "stat"
    stat.write_text("cpu  10 0 5 80 5 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n")
    assert machine_seconds(stat) == (15.0, 100.0)


@pytest.mark.parametrize("text", ["", "cpu  0 0 0 0 0 0 0 0 0 0\n", "cpu a b\n", "cpu 1\n"])
def test_a_system_that_does_not_say_what_it_uses_has_no_figure(tmp_path: Path, text: str) -> None:
    """Some sandboxes show zeros, which would be a machine at rest."""
    stat = tmp_path / "stat"
    assert machine_seconds(stat) is None
    stat.write_text(text)
    assert machine_seconds(stat) is None


def test_a_container_has_the_cores_of_its_quota(tmp_path: Path) -> None:
    """A pod with a limit of half a core is slow on the largest node."""
    quota = tmp_path / "cpu.max"
    whole = cores(quota)
    assert whole >= 1
    for text, expected in (("50000 100000", 0.5), ("max 100000", whole), ("x", whole)):
        quota.write_text(text)
        assert cores(quota) == expected
