"""All controllers of one embedded cluster, started together."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import DEPLOYMENT, JOB, REPLICA_SET
from pyload.embedded.controllers.control_loop import ControlLoop
from pyload.embedded.controllers.event_expiry import EventExpiry
from pyload.embedded.controllers.garbage import GarbageCollector
from pyload.embedded.controllers.owners import OwnerIndex
from pyload.embedded.controllers.pod_scheduler import PodScheduler
from pyload.kube.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.embedded.apiserver.api import ApiServer
    from pyload.embedded.apiserver.store import Event
    from pyload.kube.resources import Obj


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
    _Workloads(loop, owners)
    GarbageCollector(loop, owners, server.kinds)
    PodScheduler(loop)
    EventExpiry(loop)
    if whole:
        _start_whole(loop)
    if leases:
        _start_leases(loop)
    owners.start(loop, server.kinds)
    return loop


def _start_whole(loop: ControlLoop) -> None:
    from pyload.embedded.controllers.endpoint_controller import (  # noqa: PLC0415 - few runs
        EndpointController,
    )
    from pyload.embedded.controllers.node_controller import PodCollector  # noqa: PLC0415 - likewise

    EndpointController(loop)
    PodCollector(loop)


def _start_leases(loop: ControlLoop) -> None:
    from pyload.embedded.controllers.node_controller import NodeController  # noqa: PLC0415

    NodeController(loop)


class _Workloads:
    """Starts the controllers of workloads with the first object that is one, or has one.

    Args:
        loop: The loop of the controllers.
        owners: The dependents of each owner.
    """

    def __init__(self, loop: ControlLoop, owners: OwnerIndex) -> None:
        self._loop = loop
        self._owners = owners
        self._started = False
        for kind in _WORKLOADS.values():
            loop.follow(kind, self._on_workload)
        owners.listeners.append(self._on_dependent)

    def _on_workload(self, _: Event) -> None:
        if not self._started:
            self._start()

    def _on_dependent(self, owner: Obj, _: str) -> None:
        # The listeners that are added then hear of this dependent, too.
        if owner["kind"] in _WORKLOADS and not self._started:
            self._start()

    def _start(self) -> None:
        from pyload.embedded.controllers.deployment_controller import (  # noqa: PLC0415 - few runs
            DeploymentController,
        )
        from pyload.embedded.controllers.job_controller import (  # noqa: PLC0415 - likewise
            JobController,
        )
        from pyload.embedded.controllers.replica_sets import (  # noqa: PLC0415 - likewise
            ReplicaSetController,
        )

        self._started = True
        DeploymentController(self._loop, self._owners)
        ReplicaSetController(self._loop, self._owners)
        JobController(self._loop, self._owners)


_WORKLOADS: Final = {kind.kind: kind for kind in (DEPLOYMENT, REPLICA_SET, JOB)}
