"""A plan's objects as they are written to the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.kube.resources import DEPLOYMENTS, ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES
from pyload.manifests import istio, objects, pods
from pyload.manifests.certificates import tls_secret
from pyload.manifests.kwok import Placement, deployment
from pyload.mesh.istio_objects import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pyload.gotemplate.sprig.certificates import Pair
    from pyload.kube.resources import Obj, Resource
    from pyload.mesh.cluster_types import Traits
    from pyload.mesh.istio_objects import IstioObjectPlan, Kind
    from pyload.mesh.plan import AppPlan, PodPlan


class ObjectBuilder:
    """Builds the objects of one run.

    Args:
        run_id: Value of the run label.
        traits: What the type of cluster needs.
        placement: Where the pods of deployments go.
        pairs: Gives the key pairs between which the Secrets of gateways alternate.

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

    def app(self, app: AppPlan) -> Iterator[tuple[Resource, Obj]]:
        """Build what an application has besides its pods and its Istio objects."""
        if not app.has_service:
            return
        waypoint = app.type == "waypoint"
        yield (
            SERVICES,
            objects.service(
                app.name,
                app.namespace,
                labels=app.labels,
                selector=self._traits.selector,
                cluster_ip=app.cluster_ip,
                waypoint=waypoint,
                run_id=self.run_id,
            ),
        )
        yield from self.endpoints(app, app.pods)
        if self._traits.pods == "deployment":
            built = deployment(
                app.name,
                app.namespace,
                type_=app.type,
                replicas=len(app.pods),
                placement=self._placement,
                run_id=self.run_id,
            )
            yield DEPLOYMENTS, built

    def endpoints(self, app: AppPlan, pods: Sequence[PodPlan]) -> Iterator[tuple[Resource, Obj]]:
        """Build an application's endpoints, where the run has to write them."""
        if not (self._traits.endpoints and app.has_service):
            return
        addresses = [(pod.ip, pod.node, pod.name) for pod in pods]
        ports = objects.ports(waypoint=app.type == "waypoint")
        yield (
            ENDPOINTS,
            objects.endpoints(
                app.name,
                app.namespace,
                addresses=addresses,
                ports=ports,
                target_refs=self._traits.pods == "bare",
                run_id=self.run_id,
            ),
        )
        if self._traits.slices:
            piece = objects.endpoint_slice(
                app.name, app.namespace, addresses=addresses, ports=ports, run_id=self.run_id
            )
            yield ENDPOINT_SLICES, piece

    def pod(self, app: AppPlan, pod: PodPlan, now: datetime) -> tuple[Resource, Obj]:
        """Build a pod that runs from `now` (UTC) on, or that the kubelet will start."""
        if self._traits.pods == "bare":
            built = pods.bare_pod(
                pod.name,
                app.namespace,
                app=app.name,
                type_=app.type,
                node=pod.node,
                ip=pod.ip,
                now=now,
                run_id=self.run_id,
            )
        else:
            built = pods.pod(
                pod.name,
                app.namespace,
                app=app.name,
                type_=app.type,
                node=pod.node,
                run_id=self.run_id,
            )
        return PODS, built

    def istio_object(self, plan: IstioObjectPlan) -> tuple[Resource, Obj]:
        """Build an Istio object, or the Secret of a Gateway, in its newest version."""
        if plan.kind == "secret":
            pair = self._pairs()[plan.value]
            secret = tls_secret(plan.name, plan.namespace, pair=pair, run_id=self.run_id)
            return RESOURCES["secret"], secret
        return RESOURCES[plan.kind], _BUILDERS[plan.kind](plan, self.run_id)


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
