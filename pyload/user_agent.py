"""How pyload calls itself before servers."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from typing import Final

_DISTRIBUTION: Final = "pyload-istio"


@cache
def user_agent() -> str:
    """Give the ``user-agent`` of requests and streams, with the version if pyload is installed."""
    # Not `pyload.__version__`: the package's root stands above those who ask.
    try:
        return f"pyload/{importlib.metadata.version(_DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return "pyload/unknown"
