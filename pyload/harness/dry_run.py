"""The end of a dry run: its plan for people, and as JSON where a run would have its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.harness.outcome import Outcome
from pyload.harness.result_file import write_document

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.harness.recorder import Recorder
    from pyload.kube.resources import Obj

SCHEMA: Final = "pyload.dev/plan/v1"

_HEAD: Final = ("schema", "version", "command", "cluster_type")
"""What a plan has in common with a result."""

NOTHING_RUN: Final = "nothing was run"


async def dry_run_outcome(
    recorder: Recorder, figures: Obj, *, listing: str, out: Path | None
) -> Outcome:
    """Write the plan to a file, if there is one, and return it.

    Args:
        recorder: Knows the command.
        figures: The plan as JSON.
        listing: The plan for people.
        out: The file of `--out`.
    """
    result = recorder.result(exit_reason=NOTHING_RUN)
    head = {key: value for key, value in result.to_json().items() if key in _HEAD}
    plan = {**head, "schema": SCHEMA, **figures}
    error = None if out is None else await write_document(out, plan)
    return Outcome(result, error, listing=listing, plan=plan)
