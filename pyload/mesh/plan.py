"""The plan of a mesh: every name, address and placement, decided before anything is created.

`pyload.mesh.planner` makes it of a config. Nothing in a plan changes; `pyload.mesh.apps` keeps what
churn makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.mesh.cluster_types import TRAITS
from pyload.xds.node import ZTUNNEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyload.config.app_types import AppType
    from pyload.mesh.cluster_types import ClusterType, Traits
    from pyload.mesh.istio_objects import IstioObjectPlan
    from pyload.mesh.template_instance import TemplateInstance


@dataclass(frozen=True, slots=True)
class PodPlan:
    """One pod, or a node's ztunnel, which is no object.

    Attributes:
        name: Pod name.
        ip: Its one IP, the same in its status, its endpoints and its proxy's identity.
        node: Name of its node.
    """

    name: str
    ip: str
    node: str


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node.

    Attributes:
        index: Position among the run's nodes.
        ztunnel: Its ztunnel; None if it has none.
    """

    index: int
    ztunnel: PodPlan | None


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One application: a Service, its pods and its Istio objects.

    Attributes:
        name: Name of the Service and value of the ``app`` label.
        namespace: Namespace.
        type: Application type.
        labels: Labels of the Service.
        cluster_ip: The Service's IP where the run must choose it, else empty.
        pods: Pods at the start; churn replaces them one by one.
        istio_objects: Istio objects at the start; churn changes them one by one.
        templates: Its templates, with their values at the start.
    """

    name: str
    namespace: str
    type: AppType
    labels: Mapping[str, str]
    cluster_ip: str
    pods: tuple[PodPlan, ...]
    istio_objects: tuple[IstioObjectPlan, ...] = ()
    templates: tuple[TemplateInstance, ...] = ()

    @property
    def proxy_type(self) -> str:
        """Type of its pods' xDS nodes; empty if they have no xDS client."""
        return self.type.proxy

    @property
    def has_service(self) -> bool:
        """Whether it is inside the cluster."""
        return self.type.in_cluster


@dataclass(frozen=True, slots=True)
class NamespacePlan:
    """One namespace with its applications.

    Attributes:
        name: Name of the namespace.
        apps: Applications, in the order of creation.
        waypoint: Namespace and name of the waypoint that serves it; an empty namespace is its own,
            an empty name means none.
        istio_objects: Istio objects for all of it, in the order of creation.
        templates: Its own templates, with their values at the start.
        grace: Seconds to wait after each application.
    """

    name: str
    apps: tuple[AppPlan, ...]
    waypoint: tuple[str, str] = ("", "")
    istio_objects: tuple[IstioObjectPlan, ...] = ()
    templates: tuple[TemplateInstance, ...] = ()
    grace: float = 0.0

    @property
    def has_gateways(self) -> bool:
        """Whether proxies of it ask for Secrets."""
        return any(app.type.is_gateway for app in self.apps)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run creates.

    Attributes:
        run_id: Value of the label ``pyload.dev/run`` on every object.
        cluster_type: Type of the cluster that the objects are made for.
        nodes: Node names; nodes are objects for all types but ``real``.
        namespaces: Namespaces in the order of creation.
        ztunnels: Proxies of the nodes that have one, in the order of the nodes.
        ztunnel_account: Name of their service account.
        istio_objects: Istio objects for the whole mesh, in the order of creation.
        grace: Seconds to wait after each namespace.
    """

    run_id: str
    cluster_type: ClusterType
    nodes: tuple[str, ...]
    namespaces: tuple[NamespacePlan, ...]
    ztunnels: tuple[PodPlan, ...] = ()
    ztunnel_account: str = ZTUNNEL
    istio_objects: tuple[IstioObjectPlan, ...] = ()
    grace: float = 0.0

    @property
    def traits(self) -> Traits:
        """What a run does in its type of cluster."""
        return TRAITS[self.cluster_type]

    @property
    def apps(self) -> Iterator[AppPlan]:
        """All applications, in the order of creation."""
        return (app for namespace in self.namespaces for app in namespace.apps)

    @property
    def all_istio_objects(self) -> Iterator[IstioObjectPlan]:
        """All Istio objects, in the order of creation."""
        yield from self.istio_objects
        for namespace in self.namespaces:
            yield from namespace.istio_objects
            for app in namespace.apps:
                yield from app.istio_objects

    @property
    def all_templates(self) -> Iterator[TemplateInstance]:
        """All templates with their values, in the order of creation."""
        for namespace in self.namespaces:
            yield from namespace.templates
            for app in namespace.apps:
                yield from app.templates

    @property
    def pod_count(self) -> int:
        """Pods of all applications."""
        return sum(len(app.pods) for app in self.apps)

    @property
    def proxy_count(self) -> int:
        """Pods with an xDS client, and ztunnels."""
        return len(self.ztunnels) + sum(len(app.pods) for app in self.apps if app.proxy_type)
