"""How many examples the random tests run.

`PYLOAD_EXAMPLES=100` runs a hundred times as many as usual, with other random numbers each time.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

TIMES = int(os.environ.get("PYLOAD_EXAMPLES", "1"))


def examples(number: int, **rest: Any) -> settings:
    """Return settings for a test that usually runs a number of examples."""
    return settings(max_examples=number * TIMES, **rest)
