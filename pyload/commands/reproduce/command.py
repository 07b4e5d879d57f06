"""``pyload reproduce``: replays the objects and the proxies of a captured cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.commands.reproduce.capture import ORDER, POD, addressed, pod_record
from pyload.commands.reproduce.spool import CaptureSpool
from pyload.concurrency import gather_errors
from pyload.errors import PyloadError, UsageError
from pyload.harness.claim import claim
from pyload.harness.dry_run import dry_run_outcome
from pyload.harness.judge import STARTED
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.probes import Probes
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import Run, stay
from pyload.harness.run_options import RunOptions
from pyload.harness.servers import (
    embedded_servers,
    external_servers,
    interruptible,
    log_target,
)
from pyload.harness.workload import Workload
from pyload.kube.discovery import Discovery
from pyload.kube.resources import NAMESPACES
from pyload.mesh.deletion import remove_all
from pyload.mesh.ledger import Entry
from pyload.mesh.names import Names
from pyload.mesh.writer import Writer
from pyload.pods.reader import proxy_spec
from pyload.proxies.fleet import heard_by
from pyload.proxies.local_fleet import LocalFleet
from pyload.tasks import Shutdown, Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.harness.outcome import Outcome
    from pyload.harness.servers import Servers
    from pyload.kube.resources import GroupKind, Obj, Resource

BATCH: Final = 64
"""Objects of one kind that are written at a time."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceOptions(RunOptions):
    """Options of `run_reproduce`.

    Attributes:
        file: The capture; ``-`` is standard input.
        config_only: Create pods as objects, instead of running proxies for them.
        delay: Seconds between the starts of two proxies.
        dry_run: Only read the file, and list what would be done.
        duration: Seconds to stay once everything is created; None until stopped.
        probe: How often the way of a change to every proxy is measured.
    """

    file: str
    config_only: bool = False
    delay: float = 0.0
    dry_run: bool = False
    duration: float | None = None
    probe: ProbeOptions = field(default_factory=ProbeOptions)

    def __post_init__(self) -> None:
        if self.config_only and self.probe.seconds():
            raise UsageError(
                "--probe needs proxies to reach, and --config-only runs none", fix="remove one"
            )


async def run_reproduce(options: ReproduceOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Replay a capture, keep it until stopped, and remove what was created.

    Raises:
        PyloadError: The run could not begin; nothing was created.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    with CaptureSpool() as spool:
        await load(spool, options, shutdown)
        if options.dry_run:
            return await dry_run_outcome(
                Recorder(command="reproduce"),
                spool.plan(config_only=options.config_only),
                listing=spool.text(config_only=options.config_only),
                out=options.out,
            )
        if not options.embedded:
            await log_target(options.connection)
        _log_left_out(spool)
        proxies = 0 if options.config_only else spool.count(POD)
        async with Supervisor() as background, contextlib.AsyncExitStack() as stack:
            if options.embedded:
                opened = embedded_servers(options.connection, background, proxies=proxies)
            else:
                opened = external_servers(options.connection, proxies=proxies)
            servers = await stack.enter_async_context(interruptible(opened, shutdown))
            claimed = interruptible(claimed_capture(options, spool, servers), shutdown)
            command = await stack.enter_async_context(claimed)
            return await command.run(shutdown, background)


@contextlib.asynccontextmanager
async def claimed_capture(
    options: ReproduceOptions, spool: CaptureSpool, servers: Servers
) -> AsyncIterator[ReproduceCommand]:
    """Claim the namespaces of a capture, and return the command that replays it.

    Raises:
        UsageError: One of them belongs to another run; nothing was written.
    """
    command = ReproduceCommand(options, spool, servers)
    entries = [Entry(NAMESPACES, "", name) for name in spool.namespaces]
    async with claim(command.writer.client, command.recorder.origin, entries):
        yield command


async def load(spool: CaptureSpool, options: ReproduceOptions, shutdown: Shutdown) -> None:
    """Read a capture into the spool.

    Raises:
        PyloadError: The capture cannot be read.
    """
    # Minutes for a gigabyte; in a thread, so that the loop still hears the user.
    await asyncio.to_thread(
        spool.load,
        options.file,
        config_only=options.config_only,
        stopped=shutdown.requested.is_set,
    )
    await asyncio.to_thread(spool.drop_doubled_slices)


def _log_left_out(spool: CaptureSpool) -> None:
    if spool.ignored:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(spool.ignored.items()))
        log.info("ignored kinds that are not replayed: %s", kinds)
    for (kind, reason), count in sorted(spool.skipped.items()):
        log.info("skipped %d %s: %s", count, kind, reason)


class ReproduceCommand:
    """A capture with the servers that it is replayed on.

    Args:
        options: The options.
        spool: The capture.
        servers: The servers.
        rng: Draws the run's name, and spreads retries.

    Attributes:
        recorder: Records the figures.
        fleet: The proxies.
        started: Set once everything is created, and all proxies have begun to connect.
    """

    def __init__(
        self,
        options: ReproduceOptions,
        spool: CaptureSpool,
        servers: Servers,
        *,
        rng: Random | None = None,
    ) -> None:
        assert servers.client is not None, "objects need an API server"
        rng = rng or Random()  # noqa: S311 - names and retries, not secrets
        self.started = asyncio.Event()
        self._options = options
        self._spool = spool
        self._servers = servers
        self._discovery = Discovery(servers.client)
        self._run_id = Names(rng).draw()
        self._created = 0
        self._started: set[str] = set()
        self.recorder = Recorder(
            command="reproduce",
            client=servers.client,
            istiod_source=servers.istiod_source,
            run_id=self._run_id,
        )
        self.writer = Writer(servers.client, self.recorder.metrics, origin=self.recorder.origin)
        self.probes = Probes.of(options.probe, recorder=self.recorder, writer=self.writer)
        self.fleet = LocalFleet(
            servers.resolver,
            delta=options.connection.delta,
            metrics=self.recorder.metrics,
            rng=rng,
            events=heard_by(self.probes),
            node=options.connection.node_options(),
            run_id=self._run_id,
        )

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and remove what was created.

        Args:
            shutdown: Ends the run early.
            servers: Owns embedded servers.
        """
        workload = Workload(
            start=self._replay,
            work=self._work,
            fleet=self.fleet,
            writer=self.writer,
            probes=self.probes,
            defaults=(STARTED,) if self._has_pods() else (),
            clean_up=self._clean_up,
            duration=self._options.duration,
        )
        return await Run(workload, self.recorder, self._options, servers).execute(shutdown)

    def _has_pods(self) -> bool:
        """Return whether the capture has pods that proxies are to be run for, or were left out."""
        skipped = any(kind == str(POD) for kind, _ in self._spool.skipped)
        return not self._options.config_only and (skipped or self._spool.count(POD) > 0)

    async def _work(self) -> str:
        return await stay(self._options.duration)

    async def _clean_up(self) -> None:
        await self.fleet.stop_all()
        await remove_all(self.writer, announce=_announce)

    async def _replay(self) -> None:
        for kind in ORDER:
            if kind == POD and not self._options.config_only:
                await self._start_proxies()
            elif self._spool.count(kind):
                await self._create_all(kind)
        log.info("All configs create (%d total)", self._created)
        self.started.set()

    async def _create_all(self, kind: GroupKind) -> None:
        resource = await self._discovery.find(kind.group, kind.kind)
        count = self._spool.count(kind)
        if resource is None:
            log.error(
                "failed to create resource: the server serves no %s (%d objects)", kind, count
            )
            for _ in range(count):
                self.recorder.metrics.object(kind.kind, "failed")
            return
        for start in range(0, count, BATCH):
            batch = self._spool.read(kind, start=start, stop=start + BATCH)
            await gather_errors(
                [self._create(resource, obj) for obj in batch], name=f"create-{kind}"
            )

    async def _create(self, resource: Resource, obj: Obj) -> None:
        obj = addressed(obj, resource, self._run_id)
        metadata = obj["metadata"]
        name = f"{resource.kind}/{metadata['name']}.{metadata.get('namespace', '')}"
        try:
            created = await self.writer.create(resource, obj)
        except PyloadError as error:
            log.error("failed to create resource: %s", error)
            return
        if created is None:
            log.info("already exists: %s", name)
        else:
            self._created += 1
            log.info("created: %s", name)

    async def _start_proxies(self) -> None:
        count = self._spool.count(POD)
        for start in range(0, count, BATCH):
            for obj in self._spool.read(POD, start=start, stop=start + BATCH):
                spec = proxy_spec(pod_record(obj), address=self._servers.address)
                # Two captures in one file may hold the same pod twice.
                if spec.key not in self._started:
                    self._started.add(spec.key)
                    self.fleet.start(spec)
                    await asyncio.sleep(self._options.delay)


def _announce(entry: Entry) -> None:
    log.info("cleaning up %s/%s.%s", entry.resource.kind, entry.name, entry.namespace)
