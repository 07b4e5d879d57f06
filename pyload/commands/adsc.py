"""``pyload adsc``: xDS connections that belong to no pod."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.harness.climb import Rungs
from pyload.harness.fleets import create_fleet, workers_of
from pyload.harness.judge import STARTED
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import Run, stay
from pyload.harness.run_options import RunOptions
from pyload.harness.sample_mesh import SampleMesh, check_config
from pyload.harness.servers import embedded_servers, external_servers, interruptible
from pyload.harness.workload import Workload
from pyload.manifests.ips import IpAllocator
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.spec import ProxySpec
from pyload.tasks import Shutdown, Supervisor
from pyload.xds.node import SIDECAR

if TYPE_CHECKING:
    from pyload.config.parse import Loaded
    from pyload.harness.ladder_options import LadderOptions
    from pyload.harness.outcome import Outcome
    from pyload.harness.servers import Servers

_ACCOUNT: Final = ("default", "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdscOptions(RunOptions):
    """Options of `run_adsc`.

    Attributes:
        count: Connections to open; under the name pilot-load, 0 counts as 1.
        delay: Seconds between two starts.
        namespace: Namespace of the proxies.
        duration: Seconds to stay connected once all are ready; None until stopped.
        workers: Processes that the proxies run in: 0 for this one, None for as many as it takes.
        behavior: How the proxies behave.
        loaded: The mesh in the embedded API server; None for a small one.
        ladder: Numbers of connections, one after the other, in place of `count` and `duration`.
    """

    count: int = 1
    delay: float = 0.01
    namespace: str = "default"
    duration: float | None = None
    workers: int | None = None
    behavior: ProxyBehavior = DEFAULT
    loaded: Loaded | None = None
    ladder: LadderOptions | None = None

    def __post_init__(self) -> None:
        if self.ladder is not None:
            self.ladder.check(duration=self.duration, start=self.start)
            if self.count != 1:
                raise UsageError("--count does not go with --steps", fix="leave --count out")
        if self.count < 0:
            raise UsageError(f"--count {self.count} is below 0", fix="give 1 or more")
        if not (self.count or self.as_pilot_load):
            raise UsageError("--count 0 opens no connection", fix="give 1 or more")

    @property
    def proxies(self) -> int:
        """The number of connections, at the end."""
        return max(1, self.count) if self.ladder is None else self.ladder.last

    @property
    def processes(self) -> int:
        """The number of workers; 0 keeps the connections in this process."""
        return workers_of(self.workers, proxies=self.proxies)


async def run_adsc(options: AdscOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Open the connections one after another, and keep them until stopped.

    A connection that fails is retried for ever. The run fails if there are such at its end.

    Raises:
        PyloadError: The control plane cannot be reached, or the flags make no sense.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    check_config(options.loaded, embedded=options.embedded)
    async with Supervisor() as background:
        if options.embedded:
            opened = embedded_servers(
                options.connection,
                background,
                proxies=options.proxies,
                workers=options.processes,
                prepare=SampleMesh(options.loaded).create,
            )
        else:
            opened = external_servers(
                options.connection,
                proxies=options.proxies,
                workers=options.processes,
                objects=False,
                account=_ACCOUNT,
            )
        async with interruptible(opened, shutdown) as servers:
            return await AdscCommand(options, servers).run(shutdown, background)


class AdscCommand:
    """Opens connections to one control plane.

    Args:
        options: The options.
        servers: The servers.

    Attributes:
        recorder: Records the figures.
        fleet: The proxies.
    """

    def __init__(self, options: AdscOptions, servers: Servers) -> None:
        self._options = options
        self._ips = IpAllocator()
        self._started = 0
        self.recorder = Recorder(
            command="adsc", client=servers.client, istiod_source=servers.istiod_source
        )
        self.fleet = create_fleet(
            servers,
            options.connection,
            workers=options.processes,
            metrics=self.recorder.metrics,
            rng=Random(),  # noqa: S311 - spreads retries
            behavior=options.behavior,
        )

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and close all connections.

        Args:
            shutdown: Ends the run early.
            servers: Owns embedded servers.
        """
        options = self._options
        ladder = options.ladder
        first = options.proxies if ladder is None else ladder.first
        workload = Workload(
            start=lambda: self._connect(first),
            work=lambda: stay(options.duration),
            fleet=self.fleet,
            defaults=(STARTED,),
            duration=options.duration,
            expected=lambda: self._started,
            rungs=None if ladder is None else Rungs(options=ladder, grow=self._connect),
            config=None if options.loaded is None else options.loaded.file,
        )
        return await Run(workload, self.recorder, options, servers=servers).execute(shutdown)

    async def _connect(self, proxies: int) -> None:
        """Start connections until there are so many."""
        labels = dict(self._options.connection.metadata)
        more, self._started = proxies - self._started, proxies
        for _ in range(more):
            ip = self._ips.allocate()
            name = f"adsc-{ip}"
            self.fleet.start(
                ProxySpec(
                    key=name,
                    type=SIDECAR,
                    ip=ip,
                    name=name,
                    namespace=self._options.namespace,
                    labels=labels,
                )
            )
            await asyncio.sleep(self._options.delay)
