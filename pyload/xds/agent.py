"""How pyload names itself to control planes."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from typing import Final

_DISTRIBUTION: Final = "pyload-istio"


@cache
def user_agent() -> str:
    """Give the ``user-agent`` of every call."""
    try:
        return f"pyload/{importlib.metadata.version(_DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return "pyload"
