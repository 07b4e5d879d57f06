"""Imports what is slow before any test's clock runs."""

from __future__ import annotations

import pytest

from pyload.embedded.controlplane.generate import preload


@pytest.fixture(scope="session", autouse=True)
def preloaded() -> None:
    """Without it the first test in virtual time would see hours pass during an import."""
    preload()
