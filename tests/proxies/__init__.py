"""Tests of `pyload.proxies`."""

from __future__ import annotations
