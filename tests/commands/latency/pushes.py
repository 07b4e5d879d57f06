"""Pushes that show an object, or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.commands.latency.changes import Expectation
from pyload.xds.types import CDS, Push

if TYPE_CHECKING:
    from pyload.xds.types import TypeUrl


def push(
    type_url: TypeUrl,
    *names: str,
    bodies: tuple[bytes, ...] = (),
    removed: tuple[str, ...] = (),
    error: str = "",
) -> Push:
    """Build a push with its resources."""
    return Push(
        type_url=type_url,
        size=1,
        resources=len(names),
        removed=len(removed),
        nonce="n",
        version="v",
        error=error,
        names=names,
        removed_names=removed,
        bodies=bodies or (b"",) * len(names),
    )


ENTRY = Expectation(CDS, "outbound|80||1.example.com")
