"""What a run will create, decided before anything is touched."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.cluster.types import TRAITS
from pyload.errors import PyloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

    from pyload.cluster.types import ClusterType, Traits
    from pyload.config.model import Application, ClusterConfig, Namespace

PODS_PER_NODE: Final = 255
"""Capacity that a fake node announces (contract §4.3)."""

PROXY_TYPES: Final = frozenset({"sidecar"})
"""Application types whose pods have an xDS client."""


@dataclass(frozen=True, slots=True)
class PodPlan:
    """One pod.

    Attributes:
        name: Pod name.
        ip: Its one IP, the same in its status, its endpoints and its proxy's identity.
        node: Name of its node.
    """

    name: str
    ip: str
    node: str


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One application: a Service and its pods.

    Attributes:
        name: Name of the Service and value of the ``app`` label.
        namespace: Namespace.
        type: Application type, such as ``sidecar``.
        labels: Labels of the Service.
        cluster_ip: The Service's IP where the run must choose it, else empty.
        pods: Pods at the start; churn replaces them one by one.
    """

    name: str
    namespace: str
    type: str
    labels: Mapping[str, str]
    cluster_ip: str
    pods: tuple[PodPlan, ...]

    @property
    def has_proxies(self) -> bool:
        """Whether its pods have an xDS client."""
        return self.type in PROXY_TYPES


@dataclass(frozen=True, slots=True)
class NamespacePlan:
    """One namespace and its applications, in the order of creation."""

    name: str
    apps: tuple[AppPlan, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run creates.

    Attributes:
        run_id: Value of the label ``pyload.dev/run`` on every object.
        cluster_type: What kind of cluster the objects are made for.
        nodes: Node names; nodes are objects for all types but ``real``.
        namespaces: Namespaces in the order of creation.
    """

    run_id: str
    cluster_type: ClusterType
    nodes: tuple[str, ...]
    namespaces: tuple[NamespacePlan, ...]

    @property
    def traits(self) -> Traits:
        """What its type of cluster needs."""
        return TRAITS[self.cluster_type]

    @property
    def apps(self) -> Iterator[AppPlan]:
        """All applications, in the order of creation."""
        return (app for namespace in self.namespaces for app in namespace.apps)

    @property
    def pod_count(self) -> int:
        """Pods of all applications."""
        return sum(len(app.pods) for app in self.apps)

    @property
    def proxy_count(self) -> int:
        """Pods with an xDS client."""
        return sum(len(app.pods) for app in self.apps if app.has_proxies)


@dataclass(slots=True)
class Names:
    """Draws names with random suffixes of eight letters, none of them twice."""

    rng: Random
    taken: set[str] = field(default_factory=set)

    def draw(self, prefix: str = "") -> str:
        """Draw ``PREFIX-UID``, or ``UID`` without a prefix."""
        while True:
            uid = "".join(self.rng.choices(string.ascii_lowercase, k=8))
            if uid not in self.taken:
                self.taken.add(uid)
                return f"{prefix}-{uid}" if prefix else uid


def plan_cluster(
    config: ClusterConfig,
    cluster_type: ClusterType,
    *,
    names: Names,
    next_ip: Callable[[], str],
) -> Plan:
    """Decide every name, IP and placement of a run (contract §3.5 to §3.8).

    Pods are spread over the nodes evenly, where pilot-load throws dice and may overfill a node.

    Args:
        config: What the user wrote.
        cluster_type: What kind of cluster the objects are made for.
        names: Draws random names.
        next_ip: Gives an unused IP.

    Raises:
        PyloadError: There are more pods than the nodes can hold.
    """
    nodes = tuple(names.draw(group.name) for group in config.nodes for _ in range(group.count))
    planner = _Planner(config, cluster_type, nodes, names, next_ip)
    plan = Plan(
        run_id=names.draw(),
        cluster_type=cluster_type,
        nodes=nodes,
        namespaces=tuple(planner.namespaces()),
    )
    _check_capacity(plan)
    return plan


def _check_capacity(plan: Plan) -> None:
    have, pods = len(plan.nodes), plan.pod_count
    need = -(-pods // PODS_PER_NODE)
    if plan.traits.nodes in ("full", "kwok") and have < need:
        raise PyloadError(
            f"have {have} nodes, but need {need} for {pods} pods",
            fix=f"a node holds {PODS_PER_NODE} pods: raise a count under `nodes`",
        )
    if pods and not have:
        raise PyloadError("have 0 nodes, but need 1", fix="raise a count under `nodes`")


@dataclass(slots=True)
class _Planner:
    config: ClusterConfig
    cluster_type: ClusterType
    nodes: tuple[str, ...]
    names: Names
    next_ip: Callable[[], str]
    placed: int = 0

    def namespaces(self) -> Iterator[NamespacePlan]:
        for index, namespace in enumerate(self.config.namespaces):
            for replica in range(namespace.replicas):
                name = self._name_of_namespace(namespace, index, replica)
                yield NamespacePlan(name, tuple(self._apps(namespace, name)))

    def _name_of_namespace(self, namespace: Namespace, index: int, replica: int) -> str:
        if namespace.replicas <= 1:
            return namespace.name
        return self._suffixed(namespace.name, index, replica)

    def _suffixed(self, name: str, index: int, replica: int) -> str:
        if self.config.stable_names:
            return f"{name}-{index}-{replica}"
        return self.names.draw(name)

    def _apps(self, namespace: Namespace, name: str) -> Iterator[AppPlan]:
        for index, app in enumerate(namespace.applications):
            for replica in range(app.replicas):
                yield self._app(app, self._suffixed(app.name, index, replica), name)

    def _app(self, app: Application, name: str, namespace: str) -> AppPlan:
        pods = tuple(self._pod(name) for _ in range(app.pods))
        return AppPlan(
            name=name,
            namespace=namespace,
            type=app.type,
            labels=app.labels,
            # A bare API server has nobody who would give the Service an address.
            cluster_ip=self.next_ip() if TRAITS[self.cluster_type].cluster_ip else "",
            pods=pods,
        )

    def _pod(self, app: str) -> PodPlan:
        node = self.nodes[self.placed % len(self.nodes)] if self.nodes else ""
        self.placed += 1
        return PodPlan(self.names.draw(app), self.next_ip(), node)


def replace_pod(app: AppPlan, pod: PodPlan, *, names: Names, ip: str) -> PodPlan:
    """Plan the pod that takes another's place: a new name and IP on the same node."""
    return PodPlan(names.draw(app.name), ip, pod.node)
