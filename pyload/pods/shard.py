"""The part of all pods that this process serves.

A pod's shard follows from a hash of its UID, so that several processes, on several machines, share
a cluster without a coordinator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from pyload.errors import UsageError

_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_MASK: Final = (1 << 64) - 1


def fnv1a_64(text: str) -> int:
    """Hash text with FNV-1a, 64 bits, as Kubernetes does to shard a watch by UID."""
    value = _OFFSET
    for byte in text.encode():
        value = (value ^ byte) * _PRIME & _MASK
    return value


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal ranges of the hashes of pod UIDs.

    Attributes:
        index: From 0 to below `count`.
        count: Number of shards.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``I/N``, as in ``0/4`` to ``3/4``.

        Raises:
            UsageError: The text is not of that form, or I is not below N.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip(), re.ASCII)
        if match is None:
            raise UsageError(f"--shard {text!r} is not of the form I/N", fix="as in --shard 0/4")
        index, count = int(match[1]), int(match[2])
        if index >= count:
            raise UsageError(
                f"--shard {text} does not exist",
                fix=f"shards are counted from 0 to {max(count - 1, 0)}",
            )
        return cls(index, count)

    def owns(self, uid: str) -> bool:
        """Return whether a pod is in this shard."""
        return self.count == 1 or (fnv1a_64(uid) * self.count) >> 64 == self.index

    def overlaps(self, other: Shard) -> bool:
        """Return whether a pod may be in both shards."""
        return (
            self.index * other.count < (other.index + 1) * self.count
            and other.index * self.count < (self.index + 1) * other.count
        )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
