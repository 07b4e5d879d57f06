"""The plan of a run, drawn from its config and logged as pilot-load does."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from pyload.config.dump import dump
from pyload.config.prefix import prefixed
from pyload.errors import ConfigError, PyloadError, UsageError
from pyload.manifests.ips import IpAllocator
from pyload.mesh.growth import with_proxies
from pyload.mesh.names import Names
from pyload.mesh.planner import plan_cluster
from pyload.xds.node import ZTUNNEL

if TYPE_CHECKING:
    from pyload.commands.cluster.options import ClusterOptions
    from pyload.config.model import ClusterConfig
    from pyload.harness.ladder_options import LadderOptions
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.plan import Plan

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the sources of further names and addresses like those in it.

    Attributes:
        plan: The plan.
        names: Draws names.
        ips: Allocates addresses.
        rng: Draws what churn changes.
        config: The config that it was made of.
        cluster_type: Type of the cluster that it is made for.
        state: State of `rng` before the first draw.
        ladder: The steps in which its proxies are started; None for all at once.
    """

    plan: Plan
    names: Names
    ips: IpAllocator
    rng: Random
    config: ClusterConfig
    cluster_type: ClusterType
    state: object
    ladder: LadderOptions | None = None

    @property
    def first(self) -> Plan:
        """The plan that the run begins with."""
        return self.plan if self.ladder is None else with_proxies(self.plan, self.ladder.first)

    def starting_at(self, first: str) -> Planned:
        """Return the same plan with other addresses, counted up from `first`."""
        rng = Random()  # noqa: S311 - names and placement, not secrets
        rng.setstate(self.state)  # type: ignore[arg-type]
        ips = IpAllocator(first=first)
        planned = _planned(
            self.config,
            self.cluster_type,
            rng,
            ips,
            run_id=self.plan.run_id,
            ztunnel_account=self.plan.ztunnel_account,
        )
        return planned if self.ladder is None else planned.in_steps(self.ladder)

    def in_steps(self, ladder: LadderOptions) -> Planned:
        """Return the plan with as many proxies as the last step of a ladder has.

        Raises:
            UsageError: The config has fewer.
        """
        has = self.plan.proxy_count
        if has < ladder.last:
            raise UsageError(
                f"a step has {ladder.last:,} proxies, and the mesh only {has:,}",
                fix="raise `replicas` or `instances` (`pods`) in the config of -c"
                if has
                else "give the config of a mesh with -c",
            )
        return replace(self, plan=with_proxies(self.plan, ladder.last), ladder=ladder)


def plan_run(options: ClusterOptions) -> Planned:
    """Draw the plan of a run, and log it as pilot-load does.

    Raises:
        ConfigError: There is nothing to run.
        PyloadError: The nodes cannot hold the pods.
    """
    loaded = options.config
    if loaded.nothing_to_run is not None and options.cluster_type != "kwok":
        # Proxies may follow pods that others make, and use a mesh that is served for others.
        if not options.may_be_empty:
            raise ConfigError((loaded.nothing_to_run,))
        log.warning("%s", loaded.nothing_to_run)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    if options.name_prefix:
        loaded = replace(loaded, config=prefixed(loaded.config, options.name_prefix))
    rng = Random(options.seed)  # noqa: S311 - names and placement, not secrets
    # Two runs of one seed are two runs all the same.
    run_id = Names(Random()).draw()  # noqa: S311 - a name, not a secret
    account = options.name_prefix + ZTUNNEL
    try:
        planned = _planned(
            loaded.config,
            options.cluster_type,
            rng,
            IpAllocator(),
            run_id=run_id,
            ztunnel_account=account,
        )
        if options.ladder is not None:
            planned = planned.in_steps(options.ladder)
    except PyloadError as error:
        log.critical("%s", error.what)
        raise
    plan = planned.plan
    log.info("%s", loaded.reason)
    log.info("Starting simulation with config:\n%s", dump(loaded.config, loaded.dialect))
    log.info(
        "Initial configuration: %d namespaces, %d applications, and %d pods",
        len(plan.namespaces),
        sum(1 for _ in plan.apps),
        plan.pod_count,
    )
    log.info("Starting cluster, total size: %d pods", plan.pod_count)
    return planned


def _planned(
    config: ClusterConfig,
    cluster_type: ClusterType,
    rng: Random,
    ips: IpAllocator,
    *,
    run_id: str,
    ztunnel_account: str,
) -> Planned:
    state, names = rng.getstate(), Names(rng)
    plan = plan_cluster(config, cluster_type, names=names, next_ip=ips.allocate)
    plan = replace(plan, run_id=run_id, ztunnel_account=ztunnel_account)
    return Planned(plan, names, ips, rng, config, cluster_type, state)
