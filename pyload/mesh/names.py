"""Random names of objects."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.config.model import WAYPOINT_SUFFIX

if TYPE_CHECKING:
    from random import Random


@dataclass(slots=True)
class Names:
    """Draws names with random suffixes of eight letters, none of them twice."""

    rng: Random
    taken: set[str] = field(default_factory=set)

    def draw(self, prefix: str = "") -> str:
        """Draw ``PREFIX-UID``, or ``UID`` without a prefix."""
        while True:
            uid = "".join(self.rng.choices(string.ascii_lowercase, k=8))
            if uid not in self.taken:
                self.taken.add(uid)
                return f"{prefix}-{uid}" if prefix else uid


def is_called(name: str, asked: str) -> bool:
    """Return whether a planned name is the one asked for, in full or as the config has it.

    ``web-abcdefgh``, ``web-0-1`` and the waypoint ``web-static`` are all called ``web``.
    """
    suffix = rf"-[a-z]{{8}}|-\d+-\d+|{re.escape(WAYPOINT_SUFFIX)}(?:-\d+)?"
    return name == asked or re.fullmatch(f"{re.escape(asked)}(?:{suffix})", name) is not None
