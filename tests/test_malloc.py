"""That memory which is free again is not kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_PROGRAM = """
import gc
from pyload.malloc import return_large_blocks
from pyload.report.process import rss_bytes

return_large_blocks()
# glibc would keep blocks of up to that size from here on.
bytearray(30 << 20)
before = rss_bytes()
kept = []
for _ in range(200):
    large = [bytes(200_000) + b"x" for _ in range(2)]
    kept += [bytes(2_000) + large[0][:1], large]
full = rss_bytes()
del kept[1::2], large
gc.collect()
print((rss_bytes() - before) / (full - before))
"""


@pytest.mark.process
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
def test_large_blocks_between_small_ones_go_back_to_the_system() -> None:
    """A fleet would look twice as large as it is, and grow from push to push."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 0.1
