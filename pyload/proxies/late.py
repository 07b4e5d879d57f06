"""Proxies that a start-up still waits for, for people to read."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_LATE: Final = 10
"""Late proxies that are named."""


class Late(NamedTuple):
    """Something that a start-up waits for.

    Attributes:
        name: ``namespace/name``.
        lack: What it is without, such as ``no stream`` or ``no pod IP``.
    """

    name: str
    lack: str
