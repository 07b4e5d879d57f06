"""Tests of `pyload.xds`."""

from __future__ import annotations
