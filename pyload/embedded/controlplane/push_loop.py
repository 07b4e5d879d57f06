"""The loop of the embedded control plane: from watch events to rounds of pushes.

Watches feed the `ServiceRegistry` and the `ConfigStore`, and each event restarts a debounce. When
changes have been quiet for a while, or have gone on for long, a round begins: the changes since
the last round are collected, a new snapshot is generated from the new state, and both go to the
caller. There is never more than one round at a time, as in istiod; changes that come meanwhile
wait for the next one. Generation yields to the event loop every few milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import configs, generate, registry
from pyload.embedded.controlplane.configs import ConfigStore
from pyload.embedded.controlplane.debounce import Debounce
from pyload.embedded.controlplane.push_scope import PushScope
from pyload.embedded.controlplane.registry import ServiceRegistry
from pyload.kube.resources import CATALOGUE
from pyload.kube.watch import Reflector
from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pyload.embedded.controlplane.mesh_state import MeshChanges
    from pyload.embedded.controlplane.snapshot import ResourceSnapshot
    from pyload.embedded.controlplane.stats import Stats
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj

# Seconds without a change after which a push begins, and seconds after the first change at which
# it begins in any case: istiod's.
_QUIET: Final = 0.1
_LONGEST: Final = 10.0

# How long generating resources may keep everything else on the loop waiting.
_SLICE: Final = 0.005

log = logging.getLogger("pyload.controlplane")


class PushLoop:
    """Follows a mesh, and generates a snapshot for each round of changes.

    Args:
        stats: Counts the rounds.

    Attributes:
        registry: Services and workloads.
        snapshot: The snapshot of the last round; None before `start`.
    """

    def __init__(self, stats: Stats) -> None:
        self.registry = ServiceRegistry()
        self.snapshot: ResourceSnapshot | None = None
        self._stats = stats
        self._configs = ConfigStore()
        self._generator = generate.SnapshotGenerator()
        self._debounce = Debounce(quiet=_QUIET, longest=_LONGEST)
        self._changed = asyncio.Event()

    def reflectors(self, client: Client, rng: Random) -> list[Reflector[Obj]]:
        """Create the watches of all kinds that are followed; the caller runs them.

        Args:
            client: The API server.
            rng: Spreads the retries of watches.
        """
        return [
            Reflector(client, CATALOGUE[kind], _Feed(kind, store, self._on_change), rng=rng)
            for store, kinds in (
                (self.registry, registry.FOLLOWED),
                (self._configs, configs.FOLLOWED),
            )
            for kind in kinds
        ]

    async def start(self) -> None:
        """Generate the first snapshot, once all watches have synced."""
        self.registry.pop_changes()
        self._configs.pop_changes()
        self.snapshot = await self._generate()
        log.info("embedded control plane is ready (%s); it is not istiod", self.snapshot.version)

    async def run(self, push: Callable[[MeshChanges, PushScope], None]) -> None:
        """Do one round after the other, until cancelled.

        Args:
            push: Called in each round; offers the changes to the connections.
        """
        while True:
            await self._wait_until_due()
            waited_since = self._debounce.started()
            await self._round(push, waited_since)
            self._debounce.finished()

    def _on_change(self) -> None:
        if self.registry.dirty or self._configs.dirty:
            self._debounce.changed(asyncio.get_running_loop().time())
            self._changed.set()

    async def _wait_until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = self._debounce.due()
            if due is None:
                self._changed.clear()
                await self._changed.wait()
            elif due > loop.time():
                # More changes only move the time away.
                await asyncio.sleep(due - loop.time())
            else:
                return

    async def _round(
        self, push: Callable[[MeshChanges, PushScope], None], waited_since: float
    ) -> None:
        changes, changed_configs = self.registry.pop_changes(), self._configs.pop_changes()
        if not changes and not changed_configs:
            return
        old = self.snapshot
        assert old is not None
        now = clock()
        began = now()
        new = self.snapshot = await self._generate()
        self._stats.context.record(now() - began)
        self._stats.debounce.record(now() - waited_since)
        self._stats.triggers.update(_triggers(changes, has_configs=bool(changed_configs)))
        log.debug(
            "XDS: Pushing Services:%d Endpoints:%d Configs:%d ConnectedEndpoints:%d Version:%s",
            len(changes.services),
            len(changes.endpoints),
            len(changed_configs),
            self._stats.connections,
            new.version,
        )
        push(changes, PushScope(changes, changed_configs, old, new))

    async def _generate(self) -> ResourceSnapshot:
        loop = asyncio.get_running_loop()
        self._stats.rounds += 1
        version = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}/{self._stats.rounds}"
        mesh = self.registry.mesh()
        self._stats.services = len(mesh.services)
        steps = self._generator.snapshot(mesh, self._configs.state, version=version)
        started = loop.time()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                snapshot: ResourceSnapshot = end.value
                return snapshot
            if loop.time() - started > _SLICE:
                await asyncio.sleep(0)
                started = loop.time()


def _triggers(changes: MeshChanges, *, has_configs: bool) -> list[str]:
    """Return what a push is for, in istiod's words."""
    reasons = {
        "service": changes.services,
        "endpoint": changes.endpoints,
        "proxy": changes.pods,
        "config": has_configs,
    }
    return [reason for reason, is_one in reasons.items() if is_one]


class _Feed:
    """Feeds one kind of object to its store; a `pyload.kube.watch.Handler`."""

    def __init__(
        self, kind: str, store: ServiceRegistry | ConfigStore, on_change: Callable[[], None]
    ) -> None:
        self._kind = kind
        self._store = store
        self._on_change = on_change

    def replace(self, objects: list[Obj]) -> None:
        self._store.replace(self._kind, objects)
        self._on_change()

    def event(self, type_: str, obj: Obj) -> None:
        self._store.event(self._kind, type_, obj)
        self._on_change()
