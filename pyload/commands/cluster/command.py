"""``pyload cluster``: one run of a mesh, from its config to its result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pyload.config.dump import dump
from pyload.config.parse import Loaded, default_config, empty_config
from pyload.errors import CleanupIncomplete, ControlPlaneUnreachable, Interrupted, PyloadError
from pyload.harness.connection import Connection
from pyload.harness.fleets import create_fleet, workers_of
from pyload.harness.follow_options import FollowOptions
from pyload.harness.host import requirements_of, shortfalls
from pyload.harness.outcome import Outcome
from pyload.harness.result_file import check_writable, write_result
from pyload.harness.run import Measurement
from pyload.harness.servers import embedded_servers, external_servers, interruptible
from pyload.manifests.ips import IpAllocator
from pyload.mesh.churn import Churn, What
from pyload.mesh.kubelet import Kubelet
from pyload.mesh.mesh import Mesh
from pyload.mesh.names import Names
from pyload.mesh.planner import plan_cluster
from pyload.mesh.preview import preview, text_of
from pyload.mesh.writer import Writer
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.fleet import NO_EVENTS
from pyload.tasks import Shutdown, Supervisor, cancel, first_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path

    from pyload.harness.following import Following
    from pyload.harness.servers import Servers
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.plan import Plan
    from pyload.report.summary import Result
    from pyload.units import Duration

SETTLE_SECONDS: Final = 1.0
"""How long the end of a run waits for proxies that were started in its last moments."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What `run_cluster` needs to know.

    Attributes:
        loaded: The config; None for none, which is a small mesh, or for kwok nothing.
        cluster_type: ``fake-node``, ``fake``, ``real`` or ``kwok``.
        embedded: Use a built-in API server and control plane.
        duration: Seconds to run once everything is started; None until stopped.
        out: File for the result as JSON, or None.
        connection: Servers, credentials and rates.
        kwok: The flags of kwok mode. There, an empty address in `connection` means the one that
            each pod names.
        seed: Makes names, placement and churn repeat; None for random ones.
        dry_run: Only say what would be done; kwok mode has its own.
        workers: Processes that the proxies run in: 0 for this one, None for as many as it takes.
        behavior: How the proxies behave.
    """

    loaded: Loaded | None = None
    cluster_type: ClusterType = "fake-node"
    embedded: bool = False
    duration: float | None = None
    out: Path | None = None
    connection: Connection = field(default_factory=Connection)
    kwok: FollowOptions = field(default_factory=FollowOptions)
    seed: int | None = None
    dry_run: bool = False
    workers: int | None = None
    behavior: ProxyBehavior = DEFAULT

    @property
    def config(self) -> Loaded:
        """The config, or what stands in for it."""
        if self.loaded is not None:
            return self.loaded
        return empty_config() if self.cluster_type == "kwok" else default_config()

    def workers_for(self, proxies: int) -> int:
        """Decide how many workers a run with so many planned proxies has."""
        if self.kwok.dry_run:
            return 0
        open_ended = self.cluster_type == "kwok"
        return workers_of(self.workers, proxies=proxies, open_ended=open_ended)


async def run_cluster(options: ClusterOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Build a mesh, run it, and clean up, whatever happens in between.

    Args:
        options: What to run.
        shutdown: Ends the run early.

    Returns:
        The result, with the error that ended the run, if one did.

    Raises:
        PyloadError: The run could not begin; nothing was created.
    """
    shutdown = shutdown or Shutdown()
    if options.out is not None:
        check_writable(options.out)
    planned = plan_run(options)
    if options.dry_run:
        return _dry_run(options, planned)
    async with Supervisor() as background, contextlib.AsyncExitStack() as stack:
        count, follows = planned.plan.proxy_count, options.cluster_type == "kwok"
        workers = options.workers_for(count)
        if options.embedded:
            opened = embedded_servers(
                options.connection,
                background,
                proxies=count,
                workers=workers,
                open_ended=follows,
                kwok=options.kwok.stages if follows else None,
            )
        else:
            opened = external_servers(
                options.connection, proxies=count, workers=workers, open_ended=follows
            )
        servers = await stack.enter_async_context(interruptible(opened, shutdown))
        return await background.guard(
            ClusterCommand(options, planned, servers).run(shutdown), name="cluster"
        )


def _dry_run(options: ClusterOptions, planned: Planned) -> Outcome:
    connection, plan = options.connection, planned.plan
    auth = replace(connection, auth="plaintext").check() if options.embedded else connection.check()
    address = connection.pilot_address
    requirements = requirements_of(
        connection, auth, address=address, proxies=plan.proxy_count, served_here=options.embedded
    )
    found = preview(plan, authenticated=auth != "plaintext")
    measurement = Measurement(command="cluster", client=None, cluster_type=options.cluster_type)
    return Outcome(
        measurement.result(left=0, exit_reason="nothing was run"),
        listing=text_of(found, qps=connection.qps, problems=shortfalls(requirements)),
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what draws further names and addresses like those in it."""

    plan: Plan
    names: Names
    ips: IpAllocator
    rng: Random


def plan_run(options: ClusterOptions) -> Planned:
    """Decide what to create, and log it as pilot-load does.

    Raises:
        PyloadError: The nodes cannot hold the pods.
    """
    loaded = options.config
    for warning in loaded.warnings:
        log.warning("%s", warning)
    rng = Random(options.seed)  # noqa: S311 - names and placement, not secrets
    names, ips = Names(rng), IpAllocator()
    try:
        plan = plan_cluster(loaded.config, options.cluster_type, names=names, next_ip=ips.allocate)
    except PyloadError as error:
        log.critical("%s", error.what)
        raise
    log.info("%s", loaded.reason)
    log.info("Starting simulation with config:\n%s", dump(loaded.config, loaded.dialect))
    log.info(
        "Initial configuration: %d namespaces, %d applications, and %d pods",
        len(plan.namespaces),
        sum(1 for _ in plan.apps),
        plan.pod_count,
    )
    log.info("Starting cluster, total size: %d pods", plan.pod_count)
    return Planned(plan, names, ips, rng)


class ClusterCommand:
    """A planned mesh with the servers that it runs on.

    Args:
        options: What to run.
        planned: The mesh.
        servers: Where it runs.

    Attributes:
        measurement: The figures.
        fleet: The proxies.
        started: Set once everything is created, and all proxies have begun to connect.
    """

    def __init__(self, options: ClusterOptions, planned: Planned, servers: Servers) -> None:
        self.started = asyncio.Event()
        self._options = options
        self._loaded = options.config
        # Churn keeps the mesh at its size; a shard does not know how much of it is its own.
        self._expected = planned.plan.proxy_count if options.kwok.shard.count == 1 else 0
        self._rng = planned.rng
        self._ips = planned.ips
        plan = planned.plan
        assert servers.client is not None, "a mesh needs an API server"
        client = servers.client
        self.measurement = Measurement(
            command="cluster",
            cluster_type=options.cluster_type,
            run_id=plan.run_id,
            client=client,
        )
        self.following: Following | None = None
        if options.cluster_type == "kwok":
            from pyload.harness.following import Following  # noqa: PLC0415 - kwok mode only

            address = servers.address
            flags = options.kwok
            if options.embedded and flags.pod_selector is None:
                # There are no others' pods here that it would be a waste to look at.
                flags = replace(flags, pod_selector="")
            self.following = Following(client, flags, address=address, rng=planned.rng)
        self.fleet = create_fleet(
            servers,
            options.connection,
            workers=options.workers_for(plan.proxy_count),
            metrics=self.measurement.metrics,
            rng=planned.rng,
            events=self.following or NO_EVENTS,
            behavior=options.behavior,
        )
        if self.following is not None:
            self.following.attach(self.fleet)
        self.kubelet = Kubelet(client, ips=self._pod_ip)
        self.writer = Writer(client, self.measurement.metrics)
        self.cluster = Mesh(
            plan,
            writer=self.writer,
            fleet=self.fleet,
            names=planned.names,
            ips=planned.ips,
            node_metadata=self._node_metadata(),
            placement=options.kwok.placement,
            authenticated=servers.authenticated,
        )

    def _pod_ip(self, _uid: str, namespace: str, name: str) -> str:
        """Give a pod its IP: the planned one, or a new one to a pod that somebody else made."""
        return self.cluster.pod_ip(namespace, name) or self._ips.allocate()

    def _node_metadata(self) -> Mapping[str, str]:
        return self._loaded.config.node_metadata or self._options.connection.metadata

    async def run(self, shutdown: Shutdown) -> Outcome:
        """Run to the end and clean up.

        The result is written before cleanup too, so that nothing that goes wrong there loses
        what was measured.
        """
        async with (
            self.measurement.running(self._options.connection.metrics_addr, self.fleet),
            self.fleet,
            Supervisor() as background,
        ):
            if self.cluster.plan.traits.kubelet:
                background.spawn(self.kubelet.run(), name="kubelet")
            if self.following is not None:
                background.spawn(self.following.run(), name="follower")
            leases = background.spawn(self.cluster.leases.run(), name="leases")
            background.spawn(self.fleet.run(), name="proxies")
            error, reason = await self._live(background, shutdown)
            await self.fleet.refresh()
            error = error or self._unserved()
            result = self._result(reason)
            await write_result(self._options.out, result)
            self.measurement.phase = "cleaning up"
            # A renewed lease would outlive its node.
            await cancel([leases])
            error = await self._clean_up(shutdown, error)
            result = replace(result, objects=self._result(reason).objects)
            unwritten = await write_result(self._options.out, result)
        listing = self.following.listing if self.following is not None else ""
        return Outcome(result, error or unwritten, listing)

    async def _live(
        self, background: Supervisor, shutdown: Shutdown
    ) -> tuple[PyloadError | None, str]:
        """Run until something ends it; give the error, if it was one, and the reason."""
        try:
            reason = await background.guard(self._start_and_churn(shutdown), name="mesh")
        except Interrupted as interrupted:
            log.warning("exiting early; context cancelled")
            return interrupted, "interrupted during start-up"
        except PyloadError as failure:
            log.error("failed: %s, starting cleanup", failure)
            return failure, "failed"
        except Exception as bug:
            # The mesh must go, whatever this is.
            log.exception("failed, starting cleanup")
            fix = "report it with the log, which says where it happened"
            return PyloadError(f"internal error: {bug!r}", fix=fix), "failed"
        return None, reason

    def _unserved(self) -> PyloadError | None:
        """Give the error of a run whose proxies all failed to get anything."""
        disconnects = self.measurement.metrics.snapshot().disconnects
        reasons = {name: count for name, count in disconnects.items() if name != "local"}
        if not reasons or not len(self.fleet) or self.fleet.counts.configured:
            return None
        most = max(reasons, key=lambda name: reasons[name])
        fix = "check --pilot-address and --auth (every port but 15010 means jwt, over TLS)"
        if most == "token":
            fix = "grant the account `create` on serviceaccounts/token, or use port 15010"
        elif most == "certificate":
            fix = (
                "check that the CA, at --ca-address or --pilot-address, signs for service accounts"
            )
        return ControlPlaneUnreachable(
            f"no proxy ever got its config: {sum(reasons.values())} attempts failed, most of "
            f"them with `{most}`",
            fix=f"{fix}; `--log_output_level adsc:info` shows each attempt",
        )

    async def _start(self) -> None:
        await self.cluster.start()
        if self.following is not None:
            await self.following.wait(self.fleet, at_least=self._expected)

    async def _start_and_churn(self, shutdown: Shutdown) -> str:
        if self.following is not None and self._options.kwok.dry_run:
            await first_of(self.following.list_pods(), shutdown.requested.wait(), name="dry-run")
            return "nothing was run"
        if await first_of(self._start(), shutdown.requested.wait(), name="start") != 0:
            raise Interrupted("interrupted before start-up was complete")
        log.info('cluster "primary" synced, starting cluster scaler')
        self.started.set()
        self.measurement.phase = "running"
        ends: list[Coroutine[Any, Any, Any]] = [shutdown.requested.wait()]
        if self._options.duration is not None:
            ends.append(asyncio.sleep(self._options.duration))
        intervals = self._intervals()
        if intervals:
            churn = Churn(
                self.cluster,
                intervals,
                rng=self._rng,
                metrics=self.measurement.metrics,
                current=self._loaded.dialect == "current",
            )
            ends.append(churn.run())
        await first_of(*ends, name="run")
        if shutdown.requested.is_set():
            return "stopped by a signal"
        if intervals:
            await self._settle()
        return "its duration was over"

    def _intervals(self) -> dict[What, float]:
        jitter = self._loaded.config.jitter
        spans: dict[What, Duration] = {
            "workloads": jitter.workloads,
            "configs": jitter.config,
            "secrets": jitter.secrets,
        }
        return {what: span.seconds for what, span in spans.items() if span > 0}

    async def _settle(self) -> None:
        """Give proxies that churn has just started the time that a start takes."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            whole = len(self.fleet) >= self._expected
            if whole and self.fleet.counts.configured_now == len(self.fleet):
                return
            await asyncio.sleep(0.02)

    async def _clean_up(self, shutdown: Shutdown, error: PyloadError | None) -> PyloadError | None:
        async def clean() -> None:
            await self.writer.drain()
            await self.cluster.clean_up()

        if await first_of(clean(), shutdown.forced.wait(), name="cleanup") != 0:
            log.warning("cleanup stopped by a second signal")
        left = tuple(str(entry) for entry in self.writer.ledger)
        if not left:
            return error
        if error is not None:
            log.error("%s", error)
        fix = f"remove them with `pyload cleanup --run-id {self.cluster.plan.run_id}`"
        return CleanupIncomplete(left, fix=fix)

    def _result(self, reason: str) -> Result:
        left = len(self.writer.ledger)
        result = self.measurement.result(self.fleet, left=left, exit_reason=reason)
        return result if self.following is None else replace(result, kwok=self.following.counts())
