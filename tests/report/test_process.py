"""Tests of what the generator itself uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pyload.report.process import cpu_seconds, rss_bytes


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
