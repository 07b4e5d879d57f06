"""The plan of a run, drawn from its config and logged as pilot-load does."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from pyload.config.dump import dump
from pyload.errors import PyloadError
from pyload.manifests.ips import IpAllocator
from pyload.mesh.names import Names
from pyload.mesh.planner import plan_cluster

if TYPE_CHECKING:
    from pyload.commands.cluster.options import ClusterOptions
    from pyload.mesh.plan import Plan

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the sources of further names and addresses like those in it."""

    plan: Plan
    names: Names
    ips: IpAllocator
    rng: Random


def plan_run(options: ClusterOptions) -> Planned:
    """Draw the plan of a run, and log it as pilot-load does.

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
