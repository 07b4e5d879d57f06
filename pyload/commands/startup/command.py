"""``pyload startup``: starts pods one after another, and measures how long each takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.commands.startup.pod_spec import numbered
from pyload.commands.startup.pod_times import (
    COLUMNS,
    PodTimes,
    Totals,
    report_line,
    unready_text,
)
from pyload.errors import PyloadError, UsageError
from pyload.harness.claim import claim
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import DURATION_OVER, Run, stay
from pyload.harness.run_options import RunOptions
from pyload.harness.servers import (
    connect_api_server,
    embedded_servers,
    interruptible,
    log_target,
)
from pyload.harness.workload import Workload
from pyload.kube.resources import NAMESPACES, NODES, PODS
from pyload.kube.watch import Reflector
from pyload.manifests.kwok import kwok_node
from pyload.manifests.objects import RUN_LABEL, namespace
from pyload.mesh.conflicts import find_conflicts
from pyload.mesh.ledger import Entry
from pyload.mesh.names import Names
from pyload.mesh.writer import Writer, entry_of
from pyload.report.counts import StartedPods
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.tasks import Shutdown, Supervisor, clock, first_error, first_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.harness.outcome import Outcome
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj
    from pyload.report.result import Result

STARTING_SECONDS: Final = 5.0
"""How long a pod may take to become ready, at least, before it counts as late."""

_NODE: Final = "startup"

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupOptions(RunOptions):
    """Options of `run_startup`.

    Attributes:
        pod: The pod to start.
        namespace: The namespace of the pods.
        concurrency: Pods that start at the same time; 0 counts as 1.
        cooldown: Seconds between a pod's end and the next one's creation.
        inject: Whether Istio is to inject a sidecar.
        duration: Seconds to go on; None until stopped.
    """

    pod: Obj
    namespace: str
    concurrency: int = 1
    cooldown: float = 0.01
    inject: bool = False
    duration: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 0:
            raise UsageError(f"--concurrency {self.concurrency} is below 0", fix="give 0 or more")


async def run_startup(options: StartupOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Start pods until stopped, and remove them.

    Raises:
        PyloadError: The run could not begin; nothing was created.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    async with Supervisor() as background, contextlib.AsyncExitStack() as stack:
        if options.embedded:
            opened = embedded_servers(options.connection, background, proxies=0, kwok="fast")
            client = (await stack.enter_async_context(interruptible(opened, shutdown))).client
            assert client is not None
            await _prepare_server(client, options.namespace)
        else:
            await log_target(options.connection)
            opened_server = interruptible(connect_api_server(options.connection), shutdown)
            client = await stack.enter_async_context(opened_server)
        command = StartupCommand(options, client)
        if not options.embedded:
            await _warn_of_another_run(client, options.namespace)
        claimed = claim(client, command.recorder.origin)
        await stack.enter_async_context(interruptible(claimed, shutdown))
        return await command.run(shutdown, background)


async def _warn_of_another_run(client: Client, name: str) -> None:
    """Warn of a namespace that a run has made, as it goes with that run and takes the pods along.

    It is not refused: the user has named it, and only the pods are deleted at the end.
    """
    for conflict in await find_conflicts(client, [Entry(NAMESPACES, "", name)], ""):
        log.warning("%s goes when run %s ends", conflict.entry, conflict.record.run_id)


async def _prepare_server(client: Client, name: str) -> None:
    """Create a node and the namespace in an embedded API server, which ends with the run."""
    node = kwok_node(_NODE, index=0, run_id="embedded")
    # Any pod is welcome here, whatever it tolerates.
    del node["spec"]["taints"]
    await client.create(NODES.path(), node)
    if name != "default":
        await client.create(NAMESPACES.path(), namespace(name, run_id="embedded"))


class StartupCommand:
    """Starts pods on one API server.

    Args:
        options: The options.
        client: The API server.
        now: Returns the time in UTC; by default the system's clock at the start, continued by the
            loop's.
        rng: Draws names.
    """

    def __init__(
        self,
        options: StartupOptions,
        client: Client,
        *,
        now: Callable[[], datetime] | None = None,
        rng: Random | None = None,
    ) -> None:
        self._options = options
        self._client = client
        self._now = now or _steady_clock()
        self._names = Names(rng or Random())  # noqa: S311 - names, not secrets
        self._run_id = self._names.draw()
        self._pods: dict[str, _Watched] = {}
        self._reflector: Reflector[Obj] = Reflector(
            client,
            PODS,
            self,
            namespace=options.namespace,
            label_selector=f"{RUN_LABEL}={self._run_id}",
        )
        self._histograms = {column: Histogram() for column in COLUMNS}
        self._failed = 0
        # The pods that the run did not wait for any longer at its end, by name.
        self._abandoned: dict[str, PodTimes] = {}
        self.totals = Totals()
        self.recorder = Recorder(command="startup", client=client, run_id=self._run_id)
        self.writer = Writer(client, self.recorder.metrics, origin=self.recorder.origin)

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and remove the pods that are still there.

        Args:
            shutdown: Ends the run early.
            servers: Owns an embedded API server.
        """
        workload = Workload(
            start=self._reflector.synced.wait,
            work=self._work,
            writer=self.writer,
            spawn=lambda background: background.spawn(self._reflector.run(), name="pods"),
            verdict=self._verdict,
            defaults=("pods.ready >= 1", "pods.failed == 0"),
            extend=self._with_times,
            duration=self._options.duration,
            listing=self._listing,
        )
        return await Run(workload, self.recorder, self._options, servers).execute(shutdown)

    def replace(self, objects: list[Obj]) -> None:
        """Handle a list of all pods of the run."""
        listed = {pod["metadata"]["name"]: pod for pod in objects}
        for name, watched in self._pods.items():
            if name in listed:
                watched.update(listed[name], self._now())
            else:
                watched.on_missing()

    def event(self, type_: str, obj: Obj) -> None:
        """Handle an event of the watch."""
        watched = self._pods.get(obj["metadata"]["name"])
        if watched is None:
            return
        if type_ == "DELETED":
            watched.on_missing()
        else:
            watched.update(obj, self._now())

    async def _work(self) -> str:
        await first_of(stay(self._options.duration), self._start_workers(), name="startup")
        return DURATION_OVER

    async def _start_workers(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for index in range(max(1, self._options.concurrency)):
                    group.create_task(self._start_pods(), name=f"startup-worker[{index}]")
                    await asyncio.sleep(self._options.cooldown)
        except* PyloadError as errors:
            raise first_error(errors) from None

    def _verdict(self) -> PyloadError | None:
        if not self._failed or self.totals.count:
            return None
        return PyloadError(
            f"none of {self._failed} pods became ready", fix="see the warnings above"
        )

    async def _start_pods(self) -> None:
        while True:
            await self._start_pod()
            await asyncio.sleep(self._options.cooldown)

    async def _start_pod(self) -> None:
        """Start one pod, wait for it, and remove it."""
        options = self._options
        name = self._names.draw("startup")
        pod = numbered(
            options.pod,
            name,
            namespace=options.namespace,
            inject=options.inject,
            run_id=self._run_id,
        )
        watched = self._pods[name] = _Watched(PodTimes(created=self._now()))
        try:
            try:
                await self.writer.create(PODS, pod)
            except PyloadError as error:
                self._on_refused(error)
                return
            await watched.done.wait()
        except asyncio.CancelledError:
            if not watched.times.done:
                self._abandoned[name] = watched.times
            raise
        finally:
            del self._pods[name]
        if watched.times.failure:
            self._failed += 1
            log.warning("pod %s did not become ready: %s", name, watched.times.failure)
        try:
            await self.writer.delete(entry_of(PODS, pod))
        except PyloadError as error:
            log.warning("pod cleanup: %s", error)
        if not watched.times.failure:
            self._report(watched.times)

    def _on_refused(self, error: PyloadError) -> None:
        """Count a pod that was not created; if it is the first, the spec is to blame.

        Raises:
            PyloadError: No pod could be created so far.
        """
        if not self._failed and not self.recorder.metrics.snapshot().objects_with("created"):
            raise error.during("pod creation failed")
        self._failed += 1
        log.warning("pod creation failed: %s", error)

    def _report(self, times: PodTimes) -> None:
        report = times.report()
        self.totals.add(report)
        for column, seconds in zip(COLUMNS, report.columns, strict=True):
            self._histograms[column].record(seconds)
        log.info("%s", report_line(report.columns, title="Report", name=report.name))

    def _listing(self, result: Result) -> str:
        texts = [self.totals.text()]
        if self._abandoned:
            texts.append(unready_text(self._abandoned))
        return "\n\n".join([*texts, result.to_text()])

    def _with_times(self, result: Result) -> Result:
        times = {column: Latency.of(each) for column, each in self._histograms.items()}
        return replace(result, times=times, pods=self._counts())

    def _counts(self) -> StartedPods:
        """Count the pods; one that is not ready is late if it had the time that others took."""
        ready, pending = self.totals.count, self._unfinished
        complete = self._histograms["complete"]
        usual = complete.percentile(99) if ready else 0.0
        since = self._now() - timedelta(seconds=max(STARTING_SECONDS, usual))
        starting = sum(created > since for created in pending)
        return StartedPods(
            started=ready + self._failed + len(pending),
            ready=ready,
            failed=self._failed + len(pending) - starting,
            starting=starting,
        )

    @property
    def _unfinished(self) -> list[datetime]:
        """When each pod was created whose fate is not known."""
        pending = (*self._abandoned.values(), *(one.times for one in self._pods.values()))
        return [one.created for one in pending if not one.done]


class _Watched:
    """A pod that a worker waits for."""

    def __init__(self, times: PodTimes) -> None:
        self.times = times
        self.done = asyncio.Event()
        self._seen = False

    def update(self, pod: Obj, now: datetime) -> None:
        """Record the state of the pod."""
        self._seen = True
        self.times.update(pod, now)
        if self.times.done:
            self.done.set()

    def on_missing(self) -> None:
        """Record that the pod does not exist; ignored before its first event."""
        if self._seen:
            self.times.on_deleted()
            self.done.set()


def _steady_clock() -> Callable[[], datetime]:
    """Return a clock that is set once and then runs steadily, whatever happens to the system's."""
    ticks = clock()
    begun, started = datetime.now(UTC), ticks()
    return lambda: begun + timedelta(seconds=ticks() - started)
