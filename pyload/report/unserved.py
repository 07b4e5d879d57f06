"""The proxies that a control plane owes something, by what that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Unserved:
    """Proxies that are not configured and lack the same.

    Attributes:
        lack: What they are without, in words: ``no stream``, or ``waiting for 3 endpoints of a, b
            and 1 more``.
        proxies: Names of these proxies, as ``namespace/name``; of all, ten at most are named.
    """

    lack: str
    proxies: tuple[str, ...] = ()

    def text(self) -> str:
        """Return both in words."""
        return f"{self.lack}: {', '.join(self.proxies)}"


def by_lack(late: Iterable[tuple[str, str]]) -> tuple[Unserved, ...]:
    """Return proxies, each with its name and what it lacks, together where they lack the same."""
    names: dict[str, list[str]] = {}
    for name, lack in late:
        names.setdefault(lack, []).append(name)
    return tuple(Unserved(lack, tuple(some)) for lack, some in names.items())
