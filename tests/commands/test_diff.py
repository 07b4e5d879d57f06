"""Two dumps, and what tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.commands.diff import run_diff
from pyload.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_that_is_no_dump(tmp_path: Path) -> None:
    """Two wrong names must not be said to be equal."""
    with pytest.raises(UsageError, match="holds no dump"):
        run_diff(tmp_path, tmp_path)
