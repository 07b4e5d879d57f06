"""Tests of `pyload.pods`."""

from __future__ import annotations
