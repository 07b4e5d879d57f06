"""The documentation beside the code that parts of it are made from."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    import pytest


def test_what_is_made_from_the_code_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user would read of flags, types and keys as they were; `python docs/write.py` mends it."""
    monkeypatch.syspath_prepend(ROOT / "docs")

    stale = runpy.run_path(str(ROOT / "docs" / "write.py"))["stale"]()

    assert not stale, f"run docs/write.py: {', '.join(path.name for path in stale)}"
