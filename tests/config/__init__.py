"""Tests of `pyload.config`."""

from __future__ import annotations
