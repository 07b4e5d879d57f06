"""What becomes of memory that is free again."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

LARGE: Final = 32 << 10
"""Bytes of a block that goes back to the system as soon as it is free."""
_M_MMAP_THRESHOLD: Final = -3


def return_large_blocks() -> None:
    """Give large blocks of memory back when they are free, for the rest of this process.

    glibc raises its own limit to the largest block that was ever freed, up to 32 MiB: from then on
    large blocks lie between small ones, and what is free of them is kept. See mallopt(3). Other C
    libraries are left as they are. It is good for proxies over the lean transport, which have few
    such blocks; gRPC has one for each message of each proxy, and new ones cost it time.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, LARGE)
