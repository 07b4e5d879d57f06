"""A run of a planned mesh on servers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pyload.commands.cluster.planning import Planned, plan_run
from pyload.harness.claim import claim
from pyload.harness.climb import Rungs
from pyload.harness.dry_run import NOTHING_RUN, dry_run_outcome
from pyload.harness.fleets import create_fleet
from pyload.harness.host import requirements_of, shortfalls
from pyload.harness.judge import LISTED, STARTED
from pyload.harness.probes import Probes
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable
from pyload.harness.run import DURATION_OVER, Run, stay
from pyload.harness.servers import (
    embedded_servers,
    external_servers,
    interruptible,
    log_target,
)
from pyload.harness.workload import Workload
from pyload.mesh.churn import Churn, What
from pyload.mesh.conflicts import find_template_entries
from pyload.mesh.growth import with_proxies
from pyload.mesh.kubelet import Kubelet
from pyload.mesh.mesh import Mesh
from pyload.mesh.pause import Pause
from pyload.mesh.preview import json_of, preview, text_of
from pyload.mesh.steps import entries_of
from pyload.mesh.writer import Writer
from pyload.proxies.fleet import heard_by
from pyload.tasks import Shutdown, Supervisor, cancel, first_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.commands.cluster.options import ClusterOptions
    from pyload.harness.following import Following
    from pyload.harness.outcome import Outcome
    from pyload.harness.servers import Servers
    from pyload.report.result import Result
    from pyload.units import Duration

SETTLE_SECONDS: Final = 1.0
"""Seconds that the end of a run waits for proxies that were started in its last moments."""

_WAYS: Final = (
    "--name-prefix NAME- lets both runs live side by side",
    "--adopt takes it over",
)
"""What the user can do about objects of other runs, besides cleaning up."""

log = logging.getLogger("pyload")


async def run_cluster(options: ClusterOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Build a mesh, run it, and clean up whatever happens in between.

    Args:
        options: The options.
        shutdown: Ends the run early.

    Returns:
        The result, with the error that ended the run, if one did.

    Raises:
        PyloadError: The run could not begin; nothing was created.
    """
    shutdown = shutdown or Shutdown()
    check_writable(options.out)
    if not (options.embedded or options.dry_run):
        await log_target(options.connection)
    planned = plan_run(options)
    if options.dry_run:
        return await _dry_run(options, planned)
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
                early=True,
            )
        else:
            opened = external_servers(
                options.connection, proxies=count, workers=workers, open_ended=follows
            )
        servers = await stack.enter_async_context(interruptible(opened, shutdown))
        claimed = interruptible(claimed_mesh(options, planned, servers), shutdown)
        command = await stack.enter_async_context(claimed)
        return await command.run(shutdown, background)


@contextlib.asynccontextmanager
async def claimed_mesh(
    options: ClusterOptions, planned: Planned, servers: Servers
) -> AsyncIterator[ClusterCommand]:
    """Claim the names and addresses of a mesh, and return the command that runs it.

    Args:
        options: The options.
        planned: The mesh, with addresses that another run may have.
        servers: The servers that it runs on.

    Raises:
        UsageError: Objects of another run are in the way; nothing was written.
    """
    command = ClusterCommand(options, planned, servers)
    entries = list(entries_of(planned.plan, authenticated=servers.authenticated))
    follows = ""
    if options.cluster_type == "kwok":
        follows = options.kwok.selection(options.connection.pilot_address)
    if options.kwok.dry_run or not (entries or follows or command.probes):
        # Nothing will be written.
        yield command
        return
    wanted = planned.ips.needed() if planned.plan.traits.proxies else None
    if entries:
        entries += await find_template_entries(command.writer.client, planned.plan)
    async with claim(
        command.writer.client,
        command.recorder.origin,
        entries,
        adopts=options.adopt,
        ways=_WAYS,
        addresses=wanted,
        follows=follows,
    ) as addresses:
        if addresses is not None and addresses != wanted:
            log.info("other runs have addresses up to there, so this one has %s", addresses)
            command = ClusterCommand(options, planned.starting_at(addresses.first), servers)
        yield command


async def _dry_run(options: ClusterOptions, planned: Planned) -> Outcome:
    connection, plan = options.connection, planned.plan
    auth = replace(connection, auth="plaintext").check() if options.embedded else connection.check()
    address = connection.pilot_address
    requirements = requirements_of(
        connection, auth, address=address, proxies=plan.proxy_count, served_here=options.embedded
    )
    found = preview(plan, authenticated=auth != "plaintext")
    problems = shortfalls(requirements)
    return await dry_run_outcome(
        Recorder(command="cluster", cluster_type=options.cluster_type),
        json_of(found, problems=problems),
        listing=text_of(found, qps=connection.qps, problems=problems),
        out=options.out,
    )


class ClusterCommand:
    """A planned mesh with the servers that it runs on.

    Args:
        options: The options.
        planned: The mesh.
        servers: The servers that it runs on.

    Attributes:
        recorder: Records the figures.
        fleet: The proxies.
        started: Set once everything is created, and all proxies have begun to connect.
    """

    def __init__(self, options: ClusterOptions, planned: Planned, servers: Servers) -> None:
        self.started = asyncio.Event()
        self._pause = Pause()
        self._options = options
        self._leases: list[asyncio.Task[Any]] = []
        self._loaded = options.config
        self._planned = planned
        # Churn keeps the mesh at its size; a shard does not know how much of it is its own.
        self._expected = planned.first.proxy_count if options.kwok.shard.count == 1 else 0
        self._rng = planned.rng
        # What waits draw depends on the servers; churn is to draw the same in each run of a seed.
        waits = Random(options.seed)  # noqa: S311 - spreads retries
        self._ips = planned.ips
        plan = planned.plan
        assert servers.client is not None, "a mesh needs an API server"
        client = servers.client
        self.recorder = Recorder(
            command="cluster",
            cluster_type=options.cluster_type,
            run_id=plan.run_id,
            client=client,
            istiod_source=servers.istiod_source,
        )
        self.writer = Writer(
            client, self.recorder.metrics, origin=self.recorder.origin, adopts=options.adopt
        )
        self.probes: Probes | None = None
        if not options.kwok.dry_run:
            self.probes = Probes.of(
                options.probe,
                options.config.config.probe,
                recorder=self.recorder,
                writer=self.writer,
            )
        self.following: Following | None = None
        if options.cluster_type == "kwok":
            from pyload.harness.following import Following  # noqa: PLC0415 - kwok mode only

            address = servers.address
            flags = options.kwok
            if options.embedded and flags.pod_selector is None:
                # There are no others' pods here that it would be a waste to look at.
                flags = replace(flags, pod_selector="")
            self.following = Following(
                client, flags, address=address, rng=waits, expected=self._expected
            )
        self.fleet = create_fleet(
            servers,
            options.connection,
            workers=options.workers_for(plan.proxy_count),
            metrics=self.recorder.metrics,
            rng=waits,
            events=heard_by(self.following, self.probes),
            behavior=options.behavior,
            metadata=self._loaded.config.node_metadata or None,
            run_id=plan.run_id,
        )
        if self.following is not None:
            self.following.attach(self.fleet)
        if self.probes is not None:
            self.probes.attach(self.fleet)
        self.kubelet = Kubelet(client, ips=self._pod_ip, run_id=plan.run_id)
        self.cluster = Mesh(
            planned.first,
            writer=self.writer,
            fleet=self.fleet,
            names=planned.names,
            ips=planned.ips,
            placement=options.kwok.placement,
            authenticated=servers.authenticated,
        )

    def _pod_ip(self, _uid: str, namespace: str, name: str) -> str:
        """Return the IP of a pod: the planned one, or a new one for a pod of somebody else's."""
        return self.cluster.pod_ip(namespace, name) or self._ips.allocate()

    async def run(self, shutdown: Shutdown, servers: Supervisor | None = None) -> Outcome:
        """Run to the end, and clean up.

        Args:
            shutdown: Ends the run early.
            servers: Owns embedded servers.
        """
        options = self._options
        workload = Workload(
            start=self._start,
            work=self._work,
            fleet=self.fleet,
            source=self.following,
            writer=self.writer,
            probes=self.probes,
            spawn=self._spawn,
            clean_up=self._clean_up,
            defaults=self._defaults(),
            thresholds=self._loaded.config.thresholds,
            rungs=self._rungs(),
            duration=options.duration,
            expected=lambda: self._expected,
            pause=self._pause if self._intervals() else None,
            config=self._loaded.file,
            only_lists=options.kwok.dry_run,
            extend=self._with_pods,
            listing=lambda _: "" if self.following is None else self.following.listing,
        )
        return await Run(workload, self.recorder, self._options, servers).execute(shutdown)

    def _spawn(self, background: Supervisor) -> None:
        if self.cluster.plan.traits.kubelet:
            background.spawn(self.kubelet.run(), name="kubelet")
        if self.following is not None:
            background.spawn(self.following.run(), name="follower")
        self._leases.append(background.spawn(self.cluster.leases.run(), name="leases"))

    def _defaults(self) -> tuple[str, ...]:
        """Return the default thresholds of meshes; pods may be another shard's, or only shown."""
        options = self._options
        if self.following is None:
            return () if options.may_be_empty else (STARTED,)
        return (*LISTED, *((STARTED,) if options.kwok.shard.count == 1 else ()))

    async def _start(self) -> None:
        if self._options.kwok.dry_run:
            return
        await self.cluster.start()
        self.started.set()

    async def _work(self) -> str:
        if self.following is not None and self._options.kwok.dry_run:
            await self.following.list_pods()
            return NOTHING_RUN
        log.info('cluster "primary" synced, starting cluster scaler')
        churn = self._churn()
        if churn is None:
            return await stay(self._options.duration)
        await first_of(stay(self._options.duration), churn.run(), name="churn")
        await self._wait_for_proxies()
        return DURATION_OVER

    def _churn(self) -> Churn | None:
        intervals = self._intervals()
        if not intervals:
            return None
        return Churn(
            self.cluster,
            intervals,
            rng=self._rng,
            metrics=self.recorder.metrics,
            current=self._loaded.dialect == "current",
            grows=self._options.ladder is not None,
            pause=self._pause,
        )

    def _rungs(self) -> Rungs | None:
        if self._options.ladder is None:
            return None
        churn = self._churn()

        async def hold(seconds: float) -> None:
            await (asyncio.sleep(seconds) if churn is None else churn.run(seconds))
            await self._wait_for_proxies()

        return Rungs(options=self._options.ladder, grow=self._grow, hold=hold)

    async def _grow(self, proxies: int) -> None:
        more, self._expected = proxies - self._expected, proxies
        if self.following is not None:
            self.following.expect_more(more)
        await self.cluster.grow(with_proxies(self._planned.plan, proxies))

    def _intervals(self) -> dict[What, float]:
        jitter = self._loaded.config.jitter
        spans: dict[What, Duration] = {
            "workloads": jitter.workloads,
            "configs": jitter.config,
            "secrets": jitter.secrets,
        }
        return {what: span.seconds for what, span in spans.items() if span > 0}

    async def _wait_for_proxies(self) -> None:
        """Wait for the proxies that churn has just started."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            whole = len(self.fleet) >= self._expected
            if whole and self.fleet.counts.configured_now == len(self.fleet):
                return
            await asyncio.sleep(0.02)

    async def _clean_up(self) -> None:
        # A renewed lease would outlive its node.
        await cancel(self._leases)
        await self.writer.drain()
        await self.cluster.clean_up()

    def _with_pods(self, result: Result) -> Result:
        return result if self.following is None else replace(result, kwok=self.following.counts())
