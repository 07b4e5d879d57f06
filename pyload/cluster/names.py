"""Random names of objects."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
