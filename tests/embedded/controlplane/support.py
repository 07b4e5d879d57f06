"""Kubernetes objects, and a scripted xDS client, for the control plane's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.embedded.controlplane.configs import FOLLOWED, ConfigStore
from pyload.embedded.controlplane.fragments import NameInterner
from pyload.embedded.controlplane.generate import SnapshotGenerator
from pyload.embedded.controlplane.registry import ServiceRegistry
from pyload.embedded.controlplane.snapshot import Audience
from pyload.embedded.controlplane.stream import ServerStream
from pyload.proxies.identity import node_of
from pyload.proxies.spec import ProxySpec
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.embedded.controlplane.mesh_state import InboundPort
    from pyload.embedded.controlplane.snapshot import ResourceSnapshot, View
    from pyload.kube.resources import Obj
    from pyload.xds.types import TypeUrl
    from tests.xds.dialogue import Dialogue

HTTP = {"name": "http", "port": 80, "targetPort": 80}
HTTPS = {"name": "https", "port": 443, "targetPort": 443}


def service(
    name: str,
    *,
    namespace: str = "mesh",
    ip: str = "10.0.0.1",
    selector: dict[str, str] | None = None,
    ports: Sequence[dict[str, Any]] = (HTTP, HTTPS),
) -> Obj:
    """Build a Service that selects pods with its name as ``app``, unless told otherwise."""
    chosen = {"app": name} if selector is None else selector
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "selector": chosen, "ports": [dict(port) for port in ports]},
    }


def pod(
    name: str,
    *,
    app: str,
    ip: str = "10.1.0.1",
    namespace: str = "mesh",
    node: str = "node-a",
    ready: bool = True,
    labels: dict[str, str] | None = None,
    ports: Sequence[dict[str, Any]] = (),
    annotations: dict[str, str] | None = None,
) -> Obj:
    """Build a pod that runs, and is ready unless told otherwise."""
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": app, **(labels or {})},
            "annotations": annotations or {},
        },
        "spec": {
            "nodeName": node,
            "containers": [{"name": "app", "image": "app", "ports": list(ports)}],
        },
        "status": {"phase": "Running", "podIP": ip, "conditions": [condition]},
    }


def node(name: str, region: str, zone: str) -> Obj:
    """Build a Node."""
    labels = {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def istio(kind: str, name: str, spec: dict[str, Any], *, namespace: str = "mesh") -> Obj:
    """Build an object of Istio's configuration."""
    group = {
        "AuthorizationPolicy": "security",
        "PeerAuthentication": "security",
        "RequestAuthentication": "security",
        "Telemetry": "telemetry",
    }.get(kind, "networking")
    version = "v1alpha3" if kind == "EnvoyFilter" else "v1"
    return {
        "apiVersion": f"{group}.istio.io/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def waypoint_gateway(name: str = "wp", *, namespace: str = "mesh") -> Obj:
    """Build a waypoint's Gateway."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": "istio-waypoint",
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
        },
    }


def namespace(name: str = "mesh", **labels: str) -> Obj:
    """Build a Namespace."""
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def plural_of(obj: Obj) -> str:
    """Return the kind of an object, named as its definition is."""
    kind: str = obj["kind"].lower()
    plural = kind[:-1] + "ies" if kind.endswith("y") and kind[-2] not in "aeiou" else kind
    plural = plural if plural.endswith("s") else f"{plural}s"
    group = obj.get("apiVersion", "v1").rpartition("/")[0]
    return f"{plural}.{group}" if group else plural


def mesh_of(*objects: Obj) -> ServiceRegistry:
    """Build a registry with some objects."""
    registry = ServiceRegistry()
    for obj in objects:
        registry.event(plural_of(obj), "ADDED", obj)
    return registry


def configs_of(*objects: Obj) -> ConfigStore:
    """Build a configuration of some objects."""
    configs = ConfigStore()
    for obj in objects:
        configs.event(plural_of(obj), "ADDED", obj)
    return configs


def world_of(*objects: Obj) -> tuple[ServiceRegistry, ConfigStore]:
    """Build a registry and a configuration with some objects."""
    theirs = [obj for obj in objects if plural_of(obj) in FOLLOWED]
    return mesh_of(*(obj for obj in objects if obj not in theirs)), configs_of(*theirs)


def snapshot_of(
    registry: ServiceRegistry,
    generator: SnapshotGenerator | None = None,
    *,
    configs: ConfigStore | None = None,
    version: str = "v/1",
) -> ResourceSnapshot:
    """Generate everything in one go."""
    registry.pop_changes()
    configs = configs or ConfigStore()
    configs.pop_changes()
    steps = (generator or SnapshotGenerator()).snapshot(
        registry.mesh(), configs.state, version=version
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: ResourceSnapshot = end.value
            return made


def audience(
    type_: str = "sidecar",
    *,
    namespace: str = "mesh",
    labels: dict[str, str] | None = None,
    inbound: tuple[InboundPort, ...] = (),
    verified: bool = False,
) -> Audience:
    """Build a proxy's audience."""
    return Audience(type_, namespace, frozenset((labels or {}).items()), inbound, verified)


def sidecar_view(snapshot: ResourceSnapshot) -> View:
    """Return the view of a sidecar that serves nothing."""
    return snapshot.view(audience())


def view_of(*objects: Obj, **who: Any) -> View:
    """Return a proxy's view of two services, ``app`` and ``other/web``, and some objects."""
    registry, configs = world_of(
        service("app", ports=[HTTP]),
        service("web", namespace="other", ip="10.0.0.2", ports=[HTTP]),
        *objects,
    )
    return snapshot_of(registry, configs=configs).view(audience(**who))


def proxy_node(
    name: str = "app-1",
    *,
    type_: str = "sidecar",
    ip: str = "10.1.0.1",
    namespace: str = "mesh",
    service_account: str = "default",
    labels: dict[str, str] | None = None,
) -> bytes:
    """Encode a proxy's node."""
    return node_of(
        ProxySpec(
            key=name,
            type=type_,
            ip=ip,
            name=name,
            namespace=namespace,
            service_account=service_account,
            labels=labels or {},
        )
    )


def sotw(
    type_url: str,
    names: Sequence[str] = (),
    *,
    nonce: str = "",
    version: str = "",
    node: bytes = b"",
    error: str = "",
) -> discovery_pb2.DiscoveryRequest:
    """Build a SotW request."""
    request = discovery_pb2.DiscoveryRequest(
        type_url=type_url, resource_names=names, response_nonce=nonce, version_info=version
    )
    if node:
        request.node.ParseFromString(node)
    if error:
        request.error_detail.message = error
    return request


def delta(
    type_url: str,
    subscribe: Sequence[str] = (),
    unsubscribe: Sequence[str] = (),
    *,
    nonce: str = "",
    node: bytes = b"",
    held: Sequence[str] = (),
    error: str = "",
) -> discovery_pb2.DeltaDiscoveryRequest:
    """Build a delta request."""
    request = discovery_pb2.DeltaDiscoveryRequest(
        type_url=type_url,
        resource_names_subscribe=subscribe,
        resource_names_unsubscribe=unsubscribe,
        response_nonce=nonce,
        initial_resource_versions=dict.fromkeys(held, ""),
    )
    if node:
        request.node.ParseFromString(node)
    if error:
        request.error_detail.message = error
    return request


def new_stream(*, delta: bool) -> ServerStream:
    """Build the server's side of a stream whose nonces count up."""
    count = iter(range(1_000_000))
    return ServerStream(delta=delta, new_id=lambda: f"-{next(count)}", names=NameInterner())


class Script:
    """A client whose requests and acknowledgements a test scripts."""

    def __init__(self, stream: Dialogue, *, delta: bool) -> None:
        self.stream = stream
        self._delta = delta

    async def ask(self, request: Any) -> None:
        """Send a request."""
        self.stream.send(request.SerializeToString())

    async def get(self) -> Any:
        """Wait for a response."""
        message = await self.stream.recv()
        assert message is not None, f"the stream ended: {self.stream.status}"
        response: Any = (
            discovery_pb2.DeltaDiscoveryResponse()
            if self._delta
            else discovery_pb2.DiscoveryResponse()
        )
        response.ParseFromString(message)
        return response

    async def fetch(self, type_url: TypeUrl, names: Sequence[str] = (), node: bytes = b"") -> Any:
        """Ask for a type for the first time, take the answer, and acknowledge it."""
        make: Any = delta if self._delta else sotw
        await self.ask(make(type_url, names, node=node))
        return await self.accept(names)

    async def accept(self, names: Sequence[str] = ()) -> Any:
        """Receive a response and acknowledge it."""
        response = await self.get()
        if self._delta:
            await self.ask(delta(response.type_url, nonce=response.nonce))
        else:
            await self.ask(
                sotw(response.type_url, names, nonce=response.nonce, version=response.version_info)
            )
        return response
