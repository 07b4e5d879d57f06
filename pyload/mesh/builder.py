"""The objects of a plan's steps, as they are written to the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.kube.resources import DEPLOYMENTS, ENDPOINT_SLICES, SERVICE_ACCOUNTS, SERVICES
from pyload.manifests import istio, objects, pods
from pyload.manifests.certificates import tls_secret
from pyload.manifests.kwok import Placement, deployment, kwok_node
from pyload.manifests.rbac import secret_reader
from pyload.mesh.istio_objects import IstioObjectPlan
from pyload.mesh.plan import AppPlan, NamespacePlan, NodePlan
from pyload.mesh.steps import ObjectStep, PodStep, TemplateStep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pyload.gotemplate.sprig.certificates import Pair
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.cluster_types import Traits
    from pyload.mesh.istio_objects import Kind
    from pyload.mesh.plan import PodPlan
    from pyload.mesh.steps import Step


class ObjectBuilder:
    """Builds the objects of one run.

    Args:
        run_id: Value of the run label.
        traits: What a run does in this type of cluster.
        placement: Where the pods of deployments go.
        pairs: Returns the key pairs between which the Secrets of gateways alternate.

    Attributes:
        run_id: Value of the run label.
    """

    def __init__(
        self,
        run_id: str,
        traits: Traits,
        *,
        placement: Placement,
        pairs: Callable[[], Sequence[Pair]],
    ) -> None:
        self.run_id = run_id
        self._traits = traits
        self._placement = placement
        self._pairs = pairs

    def build_all(self, step: Step, now: datetime) -> tuple[Obj, ...]:
        """Build the objects of a step, in the versions that this program and templates name.

        Args:
            step: The step; a pod may have no object, and a template has any number of them.
            now: Since when nodes are ready and pods run, in UTC.

        Raises:
            TemplateError: A template cannot be rendered.
            ConfigError: A template yields what is no Kubernetes object.
        """
        match step:
            case ObjectStep():
                return (self.build(step, now),)
            case PodStep():
                return (self.pod(step.app, step.pod, now),) if step.entry else ()
            case TemplateStep():
                return step.instance.objects(self.run_id)

    def build(self, step: ObjectStep, now: datetime) -> Obj:
        """Build the object of a step; a node is ready since `now` (UTC)."""
        resource, namespace, name = step.entry.resource, step.entry.namespace, step.entry.name
        match step.plan:
            case NodePlan(index=index):
                return self._node(name, index, now)
            case NamespacePlan(waypoint=waypoint):
                return objects.namespace(name, waypoint=waypoint, run_id=self.run_id)
            case AppPlan() as app:
                return self.app_object(resource, app, app.pods)
            case IstioObjectPlan() as plan:
                return self.istio_object(plan)
            case None if resource == SERVICE_ACCOUNTS:
                return objects.service_account(name, namespace, run_id=self.run_id)
            case None:
                return dict(secret_reader(namespace, "default", run_id=self.run_id))[resource]

    def _node(self, name: str, index: int, now: datetime) -> Obj:
        if self._traits.nodes == "kwok":
            return kwok_node(name, index=index, run_id=self.run_id)
        full = self._traits.nodes == "full"
        return objects.node(name, now=now, run_id=self.run_id, full=full)

    def app_object(self, resource: Resource, app: AppPlan, pods: Sequence[PodPlan]) -> Obj:
        """Build an object of which an application has one, such as its Service.

        Args:
            resource: One of `pyload.mesh.steps.app_resources`.
            app: The application.
            pods: The pods that it has now.
        """
        waypoint = app.type.is_waypoint
        if resource == SERVICES:
            return objects.service(
                app.name,
                app.namespace,
                labels=app.labels,
                selector=self._traits.selector,
                cluster_ip=app.cluster_ip,
                waypoint=waypoint,
                run_id=self.run_id,
            )
        if resource == DEPLOYMENTS:
            return deployment(
                app.name,
                app.namespace,
                type_=app.type,
                replicas=len(app.pods),
                placement=self._placement,
                run_id=self.run_id,
            )
        addresses = [(pod.ip, pod.node, pod.name) for pod in pods]
        ports = objects.ports(waypoint=waypoint)
        if resource == ENDPOINT_SLICES:
            return objects.endpoint_slice(
                app.name, app.namespace, addresses=addresses, ports=ports, run_id=self.run_id
            )
        return objects.endpoints(
            app.name,
            app.namespace,
            addresses=addresses,
            ports=ports,
            target_refs=self._traits.pods == "bare",
            run_id=self.run_id,
        )

    def pod(self, app: AppPlan, pod: PodPlan, now: datetime) -> Obj:
        """Build a pod that runs from `now` (UTC) on, or that the kubelet will start."""
        if self._traits.pods == "bare":
            return pods.bare_pod(
                pod.name,
                app.namespace,
                app=app.name,
                type_=app.type,
                node=pod.node,
                ip=pod.ip,
                now=now,
                run_id=self.run_id,
            )
        return pods.pod(
            pod.name,
            app.namespace,
            app=app.name,
            type_=app.type,
            node=pod.node,
            run_id=self.run_id,
        )

    def istio_object(self, plan: IstioObjectPlan) -> Obj:
        """Build an Istio object, or the Secret of a Gateway, in its newest version."""
        if plan.kind == "secret":
            pair = self._pairs()[plan.value]
            return tls_secret(plan.name, plan.namespace, pair=pair, run_id=self.run_id)
        return _BUILDERS[plan.kind](plan, self.run_id)


_BUILDERS: Final[Mapping[Kind, Callable[[IstioObjectPlan, str], Obj]]] = {
    "virtualService": lambda one, run_id: istio.virtual_service(
        one.name,
        one.namespace,
        app=one.app,
        gateways=one.gateways,
        subset=one.subset,
        weight=one.value,
        run_id=run_id,
    ),
    "destinationRule": lambda one, run_id: istio.destination_rule(
        one.name, one.namespace, app=one.app, balancer=istio.BALANCERS[one.value], run_id=run_id
    ),
    "sidecar": lambda one, run_id: istio.sidecar(
        one.name, one.namespace, app=one.app, allow_any=bool(one.value), run_id=run_id
    ),
    "envoyFilter": lambda one, run_id: istio.envoy_filter(
        one.name, one.namespace, app=one.app, sampling=one.value, run_id=run_id
    ),
    "telemetry": lambda one, run_id: istio.telemetry(
        one.name, one.namespace, app=one.app, sampling=one.value, run_id=run_id
    ),
    "authorizationPolicy": lambda one, run_id: istio.authorization_policy(
        one.name,
        one.namespace,
        scope=one.scope,
        app=one.app,
        method=istio.METHODS[one.value],
        run_id=run_id,
    ),
    "peerAuthentication": lambda one, run_id: istio.peer_authentication(
        one.name, one.namespace, app=one.app, mode=istio.MTLS_MODES[one.value], run_id=run_id
    ),
    "requestAuthentication": lambda one, run_id: istio.request_authentication(
        one.name, one.namespace, scope=one.scope, app=one.app, run_id=run_id
    ),
    "gateway": lambda one, run_id: istio.gateway(
        one.name, one.namespace, app=one.app, run_id=run_id
    ),
    "serviceEntry": lambda one, run_id: istio.service_entry(
        one.name, one.namespace, workloads=bool(one.app), run_id=run_id
    ),
    "workloadGroup": lambda one, run_id: istio.workload_group(
        one.name, one.namespace, run_id=run_id
    ),
    "workloadEntry": lambda one, run_id: istio.workload_entry(
        one.name, one.namespace, address=one.address, weight=one.value, run_id=run_id
    ),
    "waypoint": lambda one, run_id: istio.waypoint(one.name, one.namespace, run_id=run_id),
}
