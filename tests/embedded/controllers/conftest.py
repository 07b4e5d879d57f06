"""The API server of the other folder, for the controllers beside it."""

from __future__ import annotations

from tests.embedded.apiserver.conftest import api, pod

__all__ = ["api", "pod"]
