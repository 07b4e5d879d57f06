"""Tests of `pyload.kwok`."""

from __future__ import annotations
