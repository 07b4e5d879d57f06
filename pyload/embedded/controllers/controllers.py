"""All controllers of one embedded cluster, started together."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from pyload.embedded.controllers.control_loop import ControlLoop
from pyload.embedded.controllers.deployment_controller import DeploymentController
from pyload.embedded.controllers.endpoint_controller import EndpointController
from pyload.embedded.controllers.event_expiry import EventExpiry
from pyload.embedded.controllers.garbage import GarbageCollector
from pyload.embedded.controllers.job_controller import JobController
from pyload.embedded.controllers.node_controller import NodeController, PodCollector
from pyload.embedded.controllers.owners import OwnerIndex
from pyload.embedded.controllers.pod_scheduler import PodScheduler
from pyload.embedded.controllers.replica_sets import ReplicaSetController
from pyload.kube.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.embedded.apiserver.api import ApiServer


def controllers(
    server: ApiServer,
    *,
    whole: bool = False,
    leases: bool = False,
    rng: Random | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ControlLoop:
    """Return the controllers of an API server, and its scheduler; they act once the loop runs.

    Args:
        server: The API server.
        whole: Whether services get endpoints, and the pods of nodes that are gone are deleted: not
            beside a run that writes these itself, as on a server without controllers.
        leases: Whether a node that shows no sign of life is lost: not where nobody renews Leases.
        rng: Chooses names, delays and reused addresses; for tests that repeat exactly.
        now: Returns the time in UTC; for tests in virtual time.
    """
    rng = rng or Random()  # noqa: S311 - names and delays
    loop = ControlLoop(server.store, Client(server.transport(), rng=rng), rng=rng, now=now)
    owners = OwnerIndex()
    DeploymentController(loop, owners)
    ReplicaSetController(loop, owners)
    JobController(loop, owners)
    GarbageCollector(loop, owners, server.kinds)
    PodScheduler(loop)
    EventExpiry(loop)
    if whole:
        EndpointController(loop)
        PodCollector(loop)
    if leases:
        NodeController(loop)
    owners.start(loop, server.kinds)
    return loop
