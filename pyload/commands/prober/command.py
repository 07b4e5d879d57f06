"""``pyload prober``: adds routes to a gateway, and measures when it serves each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.commands.prober import probes
from pyload.commands.prober.embedded_gateway import SPEC, EmbeddedGateway
from pyload.commands.prober.gateway import connect_gateway, find_ingress
from pyload.commands.prober.probes import Probe, ProbeObjects
from pyload.errors import (
    PyloadError,
    ThresholdFailed,
    UnreachableError,
    UsageError,
    WaitTimeout,
)
from pyload.harness.claim import claim
from pyload.harness.connection import split_address
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import Run
from pyload.harness.run_options import RunOptions
from pyload.harness.servers import (
    connect_api_server,
    embedded_servers,
    interruptible,
    log_target,
)
from pyload.harness.workload import Workload
from pyload.kube.resources import (
    GATEWAYS,
    NAMESPACES,
    SERVICE_ENTRIES,
    VIRTUAL_SERVICES,
)
from pyload.manifests.objects import namespace
from pyload.mesh.api_versions import find_served
from pyload.mesh.ledger import Entry
from pyload.mesh.names import Names
from pyload.mesh.writer import Writer
from pyload.proxies.local_fleet import LocalFleet
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.report.metrics import Metrics
from pyload.tasks import Shutdown, Supervisor, clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pyload.harness.outcome import Outcome
    from pyload.harness.servers import Servers
    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource
    from pyload.report.result import Result

PAUSE_SECONDS: Final = 0.005
"""Between two requests for a route: the resolution of the measurement."""

_WAYS: Final = ("--namespace NAME uses another one",)
_KINDS: Final = (GATEWAYS, SERVICE_ENTRIES, VIRTUAL_SERVICES)

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProberOptions(RunOptions):
    """Options of `run_prober`.

    Attributes:
        replicas: Routes to add.
        delay: Seconds between one route's readiness and the next one.
        threshold: Seconds that a route may take at most.
        gateway: ``HOST:PORT`` of the gateway; empty to ask the cluster for the ingress gateway's.
        namespace: Namespace of the objects; it is created, and removed again, unless it is there.
    """

    replicas: int = 1
    delay: float = 1.0
    threshold: float = 60.0
    gateway: str = ""
    namespace: str = probes.NAMESPACE

    def __post_init__(self) -> None:
        if self.replicas < 0:
            raise UsageError(f"--replicas {self.replicas} is below 0", fix="give 0 or more")


async def run_prober(
    options: ProberOptions, *, write: Callable[[str], None], shutdown: Shutdown | None = None
) -> Outcome:
    """Add routes one after another, and remove them all at the end.

    Args:
        options: The options.
        write: Called with each line of the measurement.
        shutdown: Ends the run early.

    Raises:
        PyloadError: The run could not begin; nothing was created.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    if options.gateway:
        try:
            split_address(options.gateway)
        except UsageError as error:
            raise error.during("--gateway-address") from None
    if options.embedded and options.gateway:
        raise UsageError(
            "--gateway-address and --embedded contradict each other",
            fix="leave one: the embedded servers have a gateway",
        )
    async with Supervisor() as background, contextlib.AsyncExitStack() as stack:
        if options.embedded:
            opened = embedded_servers(options.connection, background, proxies=1)
            servers = await stack.enter_async_context(interruptible(opened, shutdown))
            assert servers.client is not None
            client, address = servers.client, servers.address
            ask = await stack.enter_async_context(_embedded_gateway(options, servers, background))
        else:
            await log_target(options.connection)
            connected = connect_api_server(options.connection)
            client = await stack.enter_async_context(interruptible(connected, shutdown))
            address = options.gateway or await find_ingress(client)
            ask = await stack.enter_async_context(connect_gateway(address))
        command = ProberCommand(options, client, ask, write, address=address)
        entries, ways = (
            [Entry(NAMESPACES, "", options.namespace)],
            ["--namespace takes another one"],
        )
        claimed = claim(client, command.recorder.origin, entries, ways=ways)
        await stack.enter_async_context(interruptible(claimed, shutdown))
        return await command.run(shutdown, background)


@contextlib.asynccontextmanager
async def _embedded_gateway(
    options: ProberOptions, servers: Servers, background: Supervisor
) -> AsyncIterator[Callable[[str], Awaitable[int | None]]]:
    """Run the gateway of the embedded servers, and return what asks it."""
    delta = options.connection.delta
    gateway = EmbeddedGateway(delta=delta)
    fleet = LocalFleet(
        servers.resolver,
        delta=delta,
        metrics=Metrics(),
        rng=Random(),  # noqa: S311 - spreads retries
        events=gateway,
        node=options.connection.node_options(),
        with_resources=True,
    )
    async with fleet:
        background.spawn(fleet.run(), name="gateway")
        fleet.start(SPEC)
        yield gateway.ask


class ProberCommand:
    """Adds routes and asks a gateway for them.

    Args:
        options: The options.
        client: The API server.
        ask: Sends the gateway a request for a host; returns the status, or None without an answer.
        write: Called with each line of the measurement.
        address: The gateway's address, for messages.
        rng: Draws the run's name.
    """

    def __init__(
        self,
        options: ProberOptions,
        client: Client,
        ask: Callable[[str], Awaitable[int | None]],
        write: Callable[[str], None],
        *,
        address: str,
        rng: Random | None = None,
    ) -> None:
        self._options = options
        self._client = client
        self._ask = ask
        self._write = write
        self._address = address
        self._clock = clock()
        self._run_id = Names(rng or Random()).draw()  # noqa: S311 - a name, not a secret
        self._objects = ProbeObjects(options.namespace, self._run_id)
        self._kinds: dict[str, Resource] = {}
        self._written = Histogram()
        self._ready = Histogram()
        self._late = 0
        self.recorder = Recorder(command="prober", client=client, run_id=self._run_id)
        self.writer = Writer(client, self.recorder.metrics, origin=self.recorder.origin)

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and remove what was created.

        Args:
            shutdown: Ends the run early.
            servers: Owns embedded servers.
        """
        workload = Workload(
            start=self._start,
            work=self._work,
            writer=self.writer,
            verdict=self._verdict,
            extend=self._with_times,
        )
        return await Run(workload, self.recorder, self._options, servers=servers).execute(shutdown)

    async def _start(self) -> None:
        for resource in (await find_served(self._client, _KINDS)).values():
            self._kinds[resource.kind] = resource
        name = self._options.namespace
        await self.writer.create(NAMESPACES, namespace(name, run_id=self._run_id))
        api_version = self._kinds["Gateway"].api_version
        await self._add("Gateway", self._objects.gateway(api_version=api_version))
        self._print(probes.HEADER)
        await self._warm_up()

    async def _work(self) -> str:
        for index in range(self._options.replicas):
            if index:
                await asyncio.sleep(self._options.delay)
            self._record(await self._probe(index, f"probe-{index}"))
        return "all routes were measured"

    def _verdict(self) -> PyloadError | None:
        if not self._late:
            return None
        total = self._late + self._ready.count
        return ThresholdFailed(
            f"{self._late} of {total} routes were not ready in {self._options.threshold:g} s",
            fix="raise --delay-threshold, or look at the gateway and istiod",
        )

    async def _warm_up(self) -> None:
        """Wait for a first route, so that the opening of the listener is not measured.

        Raises:
            UnreachableError: The gateway never answered.
            WaitTimeout: It answered, but not with the route.
        """
        statuses: set[int | None] = set()
        if (await self._probe(-1, "warm-up", statuses)).ready is not None:
            return
        if statuses == {None}:
            raise UnreachableError(
                f"the gateway at {self._address} does not answer", fix="check --gateway-address"
            )
        raise WaitTimeout(
            f"the gateway at {self._address} does not serve a new route, and answers "
            + ", ".join(str(status) for status in sorted(filter(None, statuses))),
            fix="check that it is the one whose pods have the label istio=ingressgateway",
        )

    async def _probe(self, index: int, name: str, statuses: set[int | None] | None = None) -> Probe:
        """Add one route, and ask the gateway for it until it is served."""
        versions = {kind: each.api_version for kind, each in self._kinds.items()}
        entry = self._objects.service_entry(name, api_version=versions["ServiceEntry"])
        await self._add("ServiceEntry", entry)
        route = self._objects.virtual_service(name, api_version=versions["VirtualService"])
        begun = self._clock()
        await self._add("VirtualService", route)
        written = self._clock() - begun
        attempts = 0
        while True:
            attempts += 1
            status = await self._ask(self._objects.host(name))
            passed = self._clock() - begun
            if status == probes.TEAPOT:
                return Probe(index, written, passed, attempts)
            if statuses is not None:
                statuses.add(status)
            if passed >= self._options.threshold:
                return Probe(index, written, None, attempts)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _add(self, kind: str, obj: Obj) -> None:
        if await self.writer.create(self._kinds[kind], obj) is None:
            where, name = self._options.namespace, obj["metadata"]["name"]
            remove = f"kubectl -n {where} delete {self._kinds[kind].plural} {name}"
            raise PyloadError(
                f"{kind} {where}/{name} is there already",
                fix=f"give another --namespace, or, if an earlier run has left it, `{remove}`",
            )

    def _print(self, line: str) -> None:
        try:
            self._write(line)
        except OSError as error:
            # Such as that of `pyload prober | head`; what was created is to be removed first.
            raise PyloadError(f"cannot write the lines: {error.strerror or error}") from error

    def _record(self, probe: Probe) -> None:
        self._print(probe.to_csv())
        self._written.record(probe.written)
        if probe.ready is None:
            self._late += 1
        else:
            self._ready.record(probe.ready)

    def _with_times(self, result: Result) -> Result:
        times = {"written": Latency.of(self._written), "ready": Latency.of(self._ready)}
        return replace(result, times=times)
