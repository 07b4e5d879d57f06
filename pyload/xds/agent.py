"""How pyload calls itself before a control plane."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from typing import Final

_DISTRIBUTION: Final = "pyload-istio"


@cache
def user_agent() -> str:
    """Give the ``user-agent`` of a stream, with the version if pyload is installed."""
    try:
        return f"pyload/{importlib.metadata.version(_DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return "pyload"
