"""Which pyload this is, and how it introduces itself to servers."""

from __future__ import annotations

from typing import Final

__version__ = "0.1.0"

USER_AGENT: Final = f"pyload/{__version__}"
"""The ``user-agent`` header of requests and streams."""
