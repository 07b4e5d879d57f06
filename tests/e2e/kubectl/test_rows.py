"""The table of kubectl's verbs beside the tests of this folder."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.e2e.kubectl.rows import table, verbs_run


def test_each_verb_of_the_table_has_a_test() -> None:
    """A row that nothing runs would stay when it is wrong."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__package__}.{path.stem}")

    listed = [verb for row in table() for verb in row.verbs]

    assert len(listed) == len(set(listed)) > 0
    assert not set(listed) - verbs_run(), "no test has @runs of these"
    assert not verbs_run() - set(listed), "the table has no row of these"
