"""Limits on a template's work, so that none hangs the program or fills its memory.

No template for Kubernetes objects comes near: a server takes objects of at most 1.5 MB.
"""

from __future__ import annotations

from typing import Final

MAX_TEXT: Final = 1 << 25
"""Characters that one rendering may make, in its output and in the results of functions."""

MAX_STEPS: Final = 1_000_000
"""Statements that one rendering may execute. What its functions give counts by its size."""

MAX_PARTS: Final = 200_000
"""Items of lists and maps, at all depths, that one value may have to be printed."""

MAX_CALLS: Final = 200
"""Templates that may be running within each other."""

MAX_NESTING: Final = 100
"""Blocks and parentheses that a template may have within each other."""

MAX_DEPTH: Final = 200
"""Lists and maps within each other that a value may have to be printed."""
