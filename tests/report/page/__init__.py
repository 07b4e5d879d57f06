"""Tests of `pyload.report.page`."""

from __future__ import annotations
