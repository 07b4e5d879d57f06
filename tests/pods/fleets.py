"""A fleet that runs nothing, and records its starts and stops."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.proxies.spec import ProxySpec


@dataclass(slots=True)
class Recording:
    """Starts and stops, insisting that no proxy is started twice.

    Attributes:
        running: Proxies by key, those that are being stopped left out.
        closing: Proxies whose streams are being closed.
        log: What happened, when, to the pod of which name.
        ever: All proxies ever started, by pod name.
        seconds: How long a stop takes.
    """

    running: dict[str, ProxySpec] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)
    log: list[tuple[float, str, str]] = field(default_factory=list)
    ever: dict[str, ProxySpec] = field(default_factory=dict)
    seconds: float = 0.0

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy."""
        assert spec.key not in self.running
        assert spec.key not in self.closing
        self.running[spec.key] = self.ever[spec.name] = spec
        self._note("start", spec.name)

    async def stop(self, key: str) -> bool:
        """Stop a proxy."""
        spec = self.running.pop(key)
        self._note("stop", spec.name)
        self.closing.add(key)
        await asyncio.sleep(self.seconds)
        self.closing.discard(key)
        return True

    def names(self) -> set[str]:
        """Return the names of the pods whose proxies run."""
        return {spec.name for spec in self.running.values()}

    def did(self, what: str) -> list[str]:
        """Return the names of the pods whose proxies were started, or stopped, in order."""
        return [name for _, done, name in self.log if done == what]

    def _note(self, what: str, name: str) -> None:
        self.log.append((asyncio.get_running_loop().time(), what, name))
