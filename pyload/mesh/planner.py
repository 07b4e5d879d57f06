"""Makes the plan of a mesh from a config: every name, IP and placement.

The order in which names and addresses are drawn is part of the interface: with the same seed, a
config makes the same mesh again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyload.config.model import WAYPOINT_SUFFIX
from pyload.errors import PyloadError, UsageError
from pyload.mesh.cluster_types import TRAITS
from pyload.mesh.istio_objects import (
    ROOT_NAMESPACE,
    app_objects,
    bind,
    gateway_objects,
    shared_objects,
    type_objects,
)
from pyload.mesh.plan import AppPlan, NamespacePlan, Plan, PodPlan
from pyload.mesh.template_instance import Templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyload.config.model import Application, ClusterConfig, Namespace
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.istio_objects import IstioObjectPlan
    from pyload.mesh.names import Names

PODS_PER_NODE: Final = 255
"""Capacity that a fake node announces."""


def plan_cluster(
    config: ClusterConfig,
    cluster_type: ClusterType,
    *,
    names: Names,
    next_ip: Callable[[], str],
) -> Plan:
    """Decide every name, IP and placement of a mesh.

    Pods are spread over the nodes evenly, where pilot-load throws dice and may overfill a node.

    Args:
        config: The mesh as the user describes it.
        cluster_type: Type of the cluster that the objects are made for.
        names: Draws random names.
        next_ip: Allocates an unused IP.

    Raises:
        PyloadError: There are more pods than the nodes can hold, or a template cannot be used.
    """
    _check_possible(config, cluster_type)
    check_capacity(config, cluster_type)
    groups = [group for group in config.nodes for _ in range(group.count)]
    nodes = tuple(names.draw(group.name) for group in groups)
    templates = Templates(config.templates, config.environ)
    planner = _Planner(config, cluster_type, nodes, names, next_ip, templates)
    namespaces = _bound(tuple(planner.namespaces()))
    return Plan(
        run_id=names.draw(),
        cluster_type=cluster_type,
        nodes=nodes,
        namespaces=namespaces,
        ztunnels=tuple(
            PodPlan(f"ztunnel-{node}", next_ip(), node)
            for node, group in zip(nodes, groups, strict=True)
            if group.ztunnel and TRAITS[cluster_type].nodes
        ),
        istio_objects=shared_objects(config.istio, ROOT_NAMESPACE),
        grace=config.grace_period.seconds,
    )


def _check_possible(config: ClusterConfig, cluster_type: ClusterType) -> None:
    """Refuse proxies whose pods Istio itself makes in a cluster with kwok."""
    if TRAITS[cluster_type].proxies:
        return
    if any(group.ztunnel for group in config.nodes):
        raise UsageError(
            "nodes cannot have a `ztunnel` with --cluster-type kwok, where proxies follow pods",
            fix="install Istio's ztunnel: pyload runs a client for each of its pods",
        )
    if any(app.type.is_waypoint for one in config.namespaces for app in one.applications):
        raise UsageError(
            "applications cannot be of `type: waypoint` with --cluster-type kwok, where Istio "
            "makes the pods of a waypoint",
            fix="apply a Gateway of class istio-waypoint: pyload runs a client for each of its "
            "pods",
        )


def _bound(namespaces: tuple[NamespacePlan, ...]) -> tuple[NamespacePlan, ...]:
    """Make VirtualServices refer to the Gateways that the config means."""
    gateways: dict[str, tuple[IstioObjectPlan, ...]] = {}
    for namespace in namespaces:
        for app in namespace.apps:
            for one in app.istio_objects:
                if one.kind == "gateway":
                    gateways[one.scope] = (*gateways.get(one.scope, ()), one)
    if not gateways:
        return namespaces
    return tuple(
        replace(
            namespace,
            apps=tuple(
                replace(app, istio_objects=tuple(bind(one, gateways) for one in app.istio_objects))
                if any(one.gateways for one in app.istio_objects)
                else app
                for app in namespace.apps
            ),
        )
        for namespace in namespaces
    )


def check_capacity(config: ClusterConfig, cluster_type: ClusterType) -> None:
    """Check that the nodes can hold the pods.

    Raises:
        PyloadError: There are more pods than the nodes can hold.
    """
    have = sum(group.count for group in config.nodes)
    pods = sum(
        namespace.replicas * app.replicas * app.pods
        for namespace in config.namespaces
        for app in namespace.applications
        if app.type.in_cluster
    )
    need = -(-pods // PODS_PER_NODE)
    if TRAITS[cluster_type].nodes in ("full", "kwok") and have < need:
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
    templates: Templates
    placed: int = 0

    def namespaces(self) -> Iterator[NamespacePlan]:
        for index, namespace in enumerate(self.config.namespaces):
            for replica in range(namespace.replicas):
                name = self._name_of_namespace(namespace, index, replica)
                yield NamespacePlan(
                    name,
                    tuple(self._apps(namespace, name)),
                    waypoint=_waypoint(namespace.waypoint),
                    istio_objects=shared_objects(namespace.istio, name),
                    templates=tuple(
                        self.templates.for_namespace(ref, namespace=name, rng=self.names.rng)
                        for ref in namespace.configs
                    ),
                    grace=namespace.grace_period.seconds,
                )

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
                yield self._app(app, self._name_of_app(app, index, replica), name)

    def _name_of_app(self, app: Application, index: int, replica: int) -> str:
        if app.type.is_waypoint:
            # The namespace's label names the waypoint before there is one.
            return f"{app.name}{WAYPOINT_SUFFIX}" + (f"-{replica}" if replica else "")
        return self._suffixed(app.name, index, replica)

    def _app(self, app: Application, name: str, namespace: str) -> AppPlan:
        return AppPlan(
            name=name,
            namespace=namespace,
            type=app.type,
            labels=app.labels,
            pods=tuple(self._pod(name) for _ in range(app.pods)) if app.type.in_cluster else (),
            # A bare API server has no controller that would give the Service an address.
            cluster_ip=self.next_ip()
            if TRAITS[self.cluster_type].cluster_ip and app.type.in_cluster
            else "",
            istio_objects=tuple(self._istio_objects(app, name, namespace)),
            templates=tuple(
                self.templates.for_app(ref, app=name, namespace=namespace, rng=self.names.rng)
                for ref in app.configs
            ),
        )

    def _istio_objects(
        self, app: Application, name: str, namespace: str
    ) -> Iterator[IstioObjectPlan]:
        yield from type_objects(name, namespace, type_=app.type, next_ip=self.next_ip)
        if app.type.gateways:
            prefix = app.gateways.name or name
            names = [self.names.draw(prefix) for _ in range(app.gateways.replicas)]
            label = app.gateways.name or app.name
            yield from gateway_objects(name, namespace, label=label, names=names)
        yield from app_objects(app.istio, name, namespace, type_=app.type)

    def _pod(self, app: str) -> PodPlan:
        node = self.nodes[self.placed % len(self.nodes)] if self.nodes else ""
        self.placed += 1
        return PodPlan(self.names.draw(app), self.next_ip(), node)


def _waypoint(text: str) -> tuple[str, str]:
    """Split ``APP`` or ``NAMESPACE/APP``, and complete the name of the waypoint."""
    namespace, _, app = text.rpartition("/")
    return namespace, f"{app}{WAYPOINT_SUFFIX}" if app else ""


def replace_pod(app: AppPlan, pod: PodPlan, *, names: Names, ip: str) -> PodPlan:
    """Plan the pod that takes another's place: a new name and IP on the same node."""
    return PodPlan(names.draw(app.name), ip, pod.node)
