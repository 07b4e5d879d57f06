"""Results of runs, as they were written.

``equal-1`` to ``equal-5`` are of runs of one kind: fifty sidecars and a probe every 1.5 s, with the
built-in control plane doing 10 ms of work for each push to a proxy, on a busy machine of two
cores. In ``slow`` it does 20 ms. ``v1`` has the first version of the schema. Their histories have
the series that comparisons read.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyload.report.result_reader import read_result

if TYPE_CHECKING:
    from pyload.report.result import Result

EQUAL = ("equal-1", "equal-2", "equal-3", "equal-4", "equal-5")


def path_of(name: str) -> Path:
    """Return the file of a result."""
    return Path(__file__).with_name("recorded") / f"{name}.json"


def document(name: str) -> dict[str, Any]:
    """Return a result as it is in its file."""
    found = json.loads(path_of(name).read_bytes())
    assert isinstance(found, dict)
    return found


@cache
def recorded(name: str) -> Result:
    """Return a result."""
    return read_result(document(name))
