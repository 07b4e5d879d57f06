"""The columns of built-in kinds stay whole, whatever an object lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.kinds import BUILT_IN, POD
from pyload.embedded.apiserver.printing.columns import columns_of

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind

NOW = datetime(2026, 11, 28, tzinfo=UTC)
STORED = [kind for kind in BUILT_IN if kind.stored]


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.qualified)
def test_an_object_that_has_nothing_but_its_name_is_shown(kind: Kind) -> None:
    """One bare object would keep the whole list from being shown."""
    columns = columns_of(kind)
    for one in columns:
        one.cell({"metadata": {"name": "bare"}}, NOW)


def test_wide_columns_come_after_the_others() -> None:
    """Kubectl leaves them out by their priority, not by their place."""
    for kind in STORED:
        wide = [one.is_wide for one in columns_of(kind)]
        assert wide == sorted(wide)
    assert [one.name for one in columns_of(POD) if not one.is_wide] == [
        *("Name", "Ready", "Status", "Restarts", "Age")
    ]
