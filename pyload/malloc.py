"""The C library's allocator: when it returns freed memory to the system."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

LARGE: Final = 32 << 10
"""Bytes of a block that goes back to the system as soon as it is free."""
_M_MMAP_THRESHOLD: Final = -3


def return_large_blocks() -> None:
    """Return large blocks to the system as soon as they are freed, for the rest of this process.

    glibc raises its own limit to the largest block that was ever freed, up to 32 MiB: from then on
    large blocks lie between small ones, and free ones are kept. See mallopt(3). Other C libraries
    are left as they are. Proxies over the lean transport gain by it, as they have few such blocks;
    gRPC allocates one for each message of each proxy, and would lose time.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, LARGE)
