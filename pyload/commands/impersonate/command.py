"""``pyload impersonate``: proxies for the pods of a cluster, for as long as the pods live."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Final, Literal

from pyload.commands.impersonate.replicas import Replicas
from pyload.errors import UsageError
from pyload.harness.claim import claim
from pyload.harness.fleets import create_fleet, workers_of
from pyload.harness.follow_options import FollowOptions
from pyload.harness.following import Following
from pyload.harness.judge import LISTED, STARTED
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.probes import Probes
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import Run, stay
from pyload.harness.run_options import RunOptions
from pyload.harness.sample_mesh import SampleMesh, check_config
from pyload.harness.servers import embedded_servers, external_servers, interruptible
from pyload.harness.workload import Workload
from pyload.mesh.names import Names
from pyload.mesh.writer import Writer
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.fleet import FleetEvents, heard_by
from pyload.tasks import Shutdown, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.config.parse import Loaded
    from pyload.harness.outcome import Outcome
    from pyload.harness.servers import Servers
    from pyload.proxies.late import Late
    from pyload.proxies.spec import ProxySpec
    from pyload.report.result import Result

Selector = Literal["sidecar", "external", "both"]

SELECTORS: Final[dict[str, str]] = {
    "sidecar": "security.istio.io/tlsMode",
    "external": "!security.istio.io/tlsMode",
    "both": "",
}
"""The label selector of each choice: Istio's injector labels pods that have a sidecar."""

_LABELS: Final = {"labels": {"controller": "pods"}}

log = logging.getLogger("pyload")
queue_log = logging.getLogger("pyload.controllers")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpersonateOptions(RunOptions):
    """Options of `run_impersonate`.

    Attributes:
        selector: Pods with a sidecar, those without, or both.
        namespace: Namespace of the pods; empty for all.
        replicas: Connections for each pod.
        delay: Seconds between the starts of two connections.
        duration: Seconds to stay once the proxies of all pods are ready; None until stopped.
        workers: Processes that the proxies run in: 0 for this one, None for one per core.
        behavior: How the proxies behave.
        probe: How often the way of a change to every proxy is measured.
        loaded: The mesh in the embedded API server; None for a small one.
    """

    selector: Selector = "sidecar"
    namespace: str = ""
    replicas: int = 1
    delay: float = 0.0
    duration: float | None = None
    workers: int | None = None
    behavior: ProxyBehavior = DEFAULT
    probe: ProbeOptions = field(default_factory=ProbeOptions)
    loaded: Loaded | None = None

    def __post_init__(self) -> None:
        if self.replicas < 0:
            raise UsageError(f"--replicas {self.replicas} is below 0", fix="give 0 or more")

    @property
    def processes(self) -> int:
        """The number of workers; 0 keeps the proxies in this process."""
        return workers_of(self.workers, proxies=0, open_ended=True)


async def run_impersonate(
    options: ImpersonateOptions, *, shutdown: Shutdown | None = None
) -> Outcome:
    """Follow the pods of a cluster until stopped, with proxies for those that are selected.

    Raises:
        PyloadError: A server cannot be reached, or the flags make no sense.
    """
    check_writable(options.out)
    shutdown = shutdown or Shutdown()
    check_config(options.loaded, embedded=options.embedded)
    async with Supervisor() as background:
        if options.embedded:
            opened = embedded_servers(
                options.connection,
                background,
                proxies=1,
                workers=options.processes,
                open_ended=True,
                prepare=SampleMesh(options.loaded).create,
            )
        else:
            opened = external_servers(
                options.connection, proxies=1, workers=options.processes, open_ended=True
            )
        async with contextlib.AsyncExitStack() as stack:
            servers = await stack.enter_async_context(interruptible(opened, shutdown))
            command = ImpersonateCommand(options, servers)
            if command.probes is not None:
                claimed = claim(command.writer.client, command.recorder.origin)
                await stack.enter_async_context(interruptible(claimed, shutdown))
            return await command.run(shutdown, background)


class ImpersonateCommand(FleetEvents):
    """Follows the pods of one cluster.

    Args:
        options: The options.
        servers: The servers.
        rng: Spreads retries.
    """

    def __init__(
        self, options: ImpersonateOptions, servers: Servers, *, rng: Random | None = None
    ) -> None:
        assert servers.client is not None, "pods need an API server"
        rng = rng or Random()  # noqa: S311 - spreads retries
        connection = options.connection
        self._options = options
        # Only probes are written; without them the run has no objects, and so no name.
        run_id = Names(rng).draw() if options.probe.seconds() else ""
        self.recorder = Recorder(
            command="impersonate",
            client=servers.client,
            istiod_source=servers.istiod_source,
            run_id=run_id,
        )
        self.writer = Writer(servers.client, self.recorder.metrics, origin=self.recorder.origin)
        self.probes = Probes.of(options.probe, recorder=self.recorder, writer=self.writer)
        self.fleet = create_fleet(
            servers,
            connection,
            workers=options.processes,
            metrics=self.recorder.metrics,
            rng=rng,
            events=heard_by(self, self.probes),
            behavior=options.behavior,
            run_id=run_id,
        )
        if self.probes is not None:
            self.probes.attach(self.fleet)
        self.replicas = Replicas(
            self.fleet,
            count=options.replicas,
            delay=options.delay,
        )
        self.following = Following(
            servers.client,
            FollowOptions(pod_selector=SELECTORS[options.selector], namespace=options.namespace),
            address=servers.address,
            rng=rng,
            any_pod=True,
        )
        self.following.attach(self.replicas)

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and close all connections.

        Args:
            shutdown: Ends the run early.
            servers: Owns embedded servers.
        """
        options = self._options
        workload = Workload(
            start=self._start,
            work=lambda: stay(options.duration),
            fleet=self.fleet,
            source=self,
            writer=None if self.probes is None else self.writer,
            probes=self.probes,
            defaults=(STARTED, *LISTED),
            duration=options.duration,
            config=None if options.loaded is None else options.loaded.file,
            spawn=self._spawn,
            extend=self._with_pods,
        )
        run = Run(workload, self.recorder, options, servers=servers)
        outcome = await run.execute(shutdown)
        queue_log.info("stopped", extra=_LABELS)
        return outcome

    def _spawn(self, background: Supervisor) -> None:
        background.spawn(self.following.run(), name="follower")
        background.spawn(self.replicas.run(), name="replicas")

    async def _start(self) -> None:
        queue_log.info("starting", extra=_LABELS)
        now = asyncio.get_running_loop().time
        began = now()
        await self.following.follower.synced.wait()
        seconds = now() - began
        for name in ("pods", "queue"):
            labels = {"name": name, "attempt": 1, "time": f"{seconds:.3f}s"}
            log.info("sync complete", extra={"labels": labels})

    def on_configured(self, spec: ProxySpec) -> None:
        """Record that a replica is configured; a pod's time is that of its first replica."""
        key = self.replicas.original(spec.key)
        if key is not None:
            self.following.follower.on_configured(key)

    def missing(self, *, with_pods: bool) -> str:
        """Return what has to come before all replicas are started; see `Source`."""
        queued, missing = self.replicas.queued, self.following.missing(with_pods=with_pods)
        return missing or (f"{queued:,} replicas to start" if queued else "")

    def late(self) -> Iterator[Late]:
        """Yield the pods that wait for something; see `Source`."""
        return self.following.late()

    def _with_pods(self, result: Result) -> Result:
        counts = self.following.counts()
        return replace(result, kwok=replace(counts, queued=counts.queued + self.replicas.queued))
