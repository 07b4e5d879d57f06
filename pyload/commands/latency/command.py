"""``pyload latency``: how long a change in the API server takes until proxies have it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.commands.latency.arrivals import Arrivals
from pyload.commands.latency.change_times import ChangeHistograms, ChangeTimes, span
from pyload.commands.latency.changes import (
    BASE,
    NAMESPACE,
    Change,
    base_of,
    change_of,
    name_of,
)
from pyload.commands.latency.proxies import proxy_of
from pyload.errors import PyloadError, UsageError, WaitTimeout
from pyload.harness.claim import claim
from pyload.harness.judge import STARTED
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import Run
from pyload.harness.run_options import RunOptions
from pyload.harness.servers import (
    embedded_servers,
    external_servers,
    interruptible,
    log_target,
)
from pyload.harness.workload import Workload
from pyload.manifests.ips import IpAllocator
from pyload.mesh.api_versions import find_served
from pyload.mesh.changes import needed
from pyload.mesh.ledger import Entry
from pyload.mesh.names import Names
from pyload.mesh.writer import Writer, entry_of
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.local_fleet import LocalFleet
from pyload.tasks import Shutdown, Supervisor, clock, first_of
from pyload.xds.types import short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyload.harness.outcome import Outcome
    from pyload.harness.servers import Servers
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.changes import Kind
    from pyload.proxies.spec import ProxySpec
    from pyload.report.result import Result
    from pyload.xds.types import Push

PAUSE_SECONDS: Final = 0.25
"""Seconds after each change, so that the control plane does not merge it with the next one."""

_POLL_SECONDS: Final = 0.05
_TURN: Final = 20
"""Proxies that are started in a row before other tasks get their turn."""

_LOOKED_FOR: Final = 1000
"""Rounds whose objects are looked for before the first one."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyOptions(RunOptions):
    """Options of `run_latency`.

    Attributes:
        kind: Kind of the object that is created and deleted.
        count: Number of rounds; 0 for until stopped.
        clients: Proxies that have to see each change; 0 counts as 1.
        timeout: Seconds that a change may take until the last proxy has it.
    """

    kind: Kind = "ServiceEntry"
    count: int = 0
    clients: int = 1
    timeout: float = 60.0

    def __post_init__(self) -> None:
        for flag, value in (("--count", self.count), ("--clients", self.clients)):
            if value < 0:
                raise UsageError(f"{flag} {value} is below 0", fix="give 0 or more")


async def run_latency(options: LatencyOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Create and delete an object again and again, and time its way to the proxies.

    Raises:
        PyloadError: The run could not begin; nothing was created.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    proxies = max(1, options.clients)
    async with Supervisor() as background, contextlib.AsyncExitStack() as stack:
        if options.embedded:
            opened = embedded_servers(options.connection, background, proxies=proxies)
        else:
            await log_target(options.connection)
            opened = external_servers(options.connection, proxies=proxies)
        servers = await stack.enter_async_context(interruptible(opened, shutdown))
        command = LatencyCommand(options, servers)
        claimed = claim(command.writer.client, command.recorder.origin, written_by(options))
        await stack.enter_async_context(interruptible(claimed, shutdown))
        return await command.run(shutdown, background)


def written_by(options: LatencyOptions) -> Iterator[Entry]:
    """Yield the objects of a measurement, and of one without an end those of the first rounds."""
    rounds = min(options.count, _LOOKED_FOR) or _LOOKED_FOR
    names = [BASE, *(name_of(index) for index in range(rounds + 1))]
    return (Entry(kind, NAMESPACE, name) for kind in needed(options.kind) for name in names)


class LatencyCommand(FleetEvents):
    """Times changes on one pair of servers.

    Args:
        options: The options.
        servers: The servers.
        rng: Draws the run's name, and spreads retries.
    """

    def __init__(
        self, options: LatencyOptions, servers: Servers, *, rng: Random | None = None
    ) -> None:
        assert servers.client is not None, "changes need an API server"
        rng = rng or Random()  # noqa: S311 - a name and retries, not secrets
        connection = options.connection
        self._options = options
        self._client = servers.client
        self._run_id = Names(rng).draw()
        self._clock = clock()
        self._debug = log.isEnabledFor(logging.DEBUG)
        self._arrivals: Arrivals | None = None
        self._served: Mapping[Resource, Resource] = {}
        self._histograms = ChangeHistograms()
        ips = IpAllocator()
        self._specs = [
            proxy_of(ips.allocate(), bare=connection.node == "bare")
            for _ in range(max(1, options.clients))
        ]
        self.recorder = Recorder(
            command="latency",
            client=servers.client,
            istiod_source=servers.istiod_source,
            run_id=self._run_id,
        )
        self.writer = Writer(servers.client, self.recorder.metrics, origin=self.recorder.origin)
        self.fleet = LocalFleet(
            servers.resolver,
            delta=connection.delta,
            metrics=self.recorder.metrics,
            rng=rng,
            events=self,
            node=connection.node_options(),
            with_resources=True,
        )

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and remove what was created.

        Args:
            shutdown: Ends the run early.
            servers: Owns embedded servers.
        """
        workload = Workload(
            start=self._start,
            work=self._work,
            fleet=self.fleet,
            writer=self.writer,
            defaults=(STARTED, f"times.last.count >= {max(1, self._options.count)}"),
            extend=self._with_times,
        )
        return await Run(workload, self.recorder, self._options, servers).execute(shutdown)

    async def _start(self) -> None:
        self._served = await find_served(self._client, needed(self._options.kind))
        base = base_of(self._options.kind, run_id=self._run_id)
        if base is not None:
            await self._create(*base)
        self.recorder.phase = "connecting"
        await self._connect()

    async def _work(self) -> str:
        await first_of(self._rounds(), self._closed(), name="rounds")
        return "all changes were measured"

    async def _connect(self) -> None:
        """Start the proxies; the run waits for them."""
        for index, spec in enumerate(self._specs):
            self.fleet.start(spec)
            if index % _TURN == 0:
                await asyncio.sleep(0)

    async def _closed(self) -> None:
        """Wait for a proxy to lose its stream: the first response on the next one is no push.

        Raises:
            PyloadError: A stream has ended.
        """
        counts = self.fleet.counts
        reconnects, connected = counts.reconnects, 0
        # Only the sum over all proxies is known; it grows while some were not waited for.
        while counts.connected_now >= connected and counts.reconnects == reconnects:
            connected = counts.connected_now
            await asyncio.sleep(_POLL_SECONDS)
        reasons = self.recorder.metrics.snapshot().disconnects
        raise PyloadError(
            f"close event: a stream has ended ({', '.join(sorted(reasons)) or 'unknown'})",
            fix="see the log of the control plane, or `--log_output_level adsc:info`",
        )

    async def _rounds(self) -> None:
        # The first is not counted: it waits for the pushes of the base and of the connections.
        await self._round(0)
        for index in itertools.count(1):
            await self._round(index)
            if index == self._options.count:
                return

    async def _round(self, index: int) -> None:
        """Create and delete one object, and record when it arrived, except in round 0."""
        change = change_of(self._options.kind, index, run_id=self._run_id)
        arrivals = self._watch(change, present=True)
        begun = self._clock()
        resource, obj = await self._create(change.resource, change.obj)
        written = self._clock()
        await self._wait(arrivals, change, "arrived")
        if index:
            self._record(index, ChangeTimes(begun, written, arrivals.spread()))
        await asyncio.sleep(PAUSE_SECONDS)
        gone = self._watch(change, present=False)
        await self.writer.delete(entry_of(resource, obj))
        await self._wait(gone, change, "was gone")
        await asyncio.sleep(PAUSE_SECONDS)

    def _record(self, index: int, times: ChangeTimes) -> None:
        took, after_answer = times.texts()
        if self._options.as_pilot_load:
            log.error("completed %d in %s %s", index, took, after_answer)
        else:
            text = "change %d took %s, %s of them after the API server's answer"
            log.info(text, index, took, after_answer)
        self._histograms.record(times)
        if len(self._specs) > 1:
            texts = map(span, times.columns[1:])
            log.info("cfg-%d: first proxy %s, median %s, last %s", index, *texts)

    async def _create(self, wanted: Resource, obj: Obj) -> tuple[Resource, Obj]:
        """Create an object in the version that is served; return its kind and the object."""
        resource = self._served.get(wanted, wanted)
        obj = {**obj, "apiVersion": resource.api_version}
        if await self.writer.create(resource, obj) is None:
            name = obj["metadata"]["name"]
            remove = f"kubectl -n {NAMESPACE} delete {resource.plural} {name}"
            raise PyloadError(
                f"{resource.kind} {NAMESPACE}/{name} is there already",
                fix=f"if another run has left it, `{remove}`",
            )
        return resource, obj

    def _watch(self, change: Change, *, present: bool) -> Arrivals:
        keys = [spec.key for spec in self._specs]
        delta = self._options.connection.delta
        self._arrivals = Arrivals(change.expectation, present=present, keys=keys, delta=delta)
        return self._arrivals

    async def _wait(self, arrivals: Arrivals, change: Change, what: str) -> None:
        try:
            async with asyncio.timeout(self._options.timeout):
                await arrivals.done.wait()
        except TimeoutError:
            name = f"{change.resource.kind} {change.obj['metadata']['name']}"
            raise WaitTimeout(
                f"{name} {what} at {len(self._specs) - len(arrivals.waiting)} of "
                f"{len(self._specs)} proxies in {self._options.timeout:g} s",
                fix=(
                    f"look at istiod, and whether a Sidecar hides namespace {NAMESPACE}; "
                    "or raise --timeout"
                ),
            ) from None

    def on_push(self, spec: ProxySpec, push: Push) -> None:
        """Record the arrival of a response."""
        if self._debug:
            log.debug("Got update: %s", short(push.type_url))
        if self._arrivals is not None:
            self._arrivals.on_push(spec.key, push, self._clock())

    def _with_times(self, result: Result) -> Result:
        return replace(result, times=self._histograms.latencies())
