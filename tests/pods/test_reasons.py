"""The reasons why a pod has no proxy."""

from __future__ import annotations

import re
from pathlib import Path

from pyload.pods.reasons import Skip, Wait

DOCS = Path(__file__).parents[2] / "docs" / "kwok.md"


def test_every_reason_is_explained_to_users() -> None:
    """A reason in a summary would send its reader into the code."""
    table = DOCS.read_text().partition("| reason | the pod |")[2].partition("\n\n")[0]
    cells = (row.split("|")[1] for row in table.splitlines() if row)
    explained = {name for cell in cells for name in re.findall("`([^`]+)`", cell)}
    reasons = [each.value for each in (*Skip, *Wait)]

    assert set(reasons) == explained
    assert len(reasons) == len(set(reasons))
