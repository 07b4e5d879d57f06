"""Tests of `pyload.report`."""

from __future__ import annotations
