"""Kubernetes objects as the control plane needs them: small immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar, cast

from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyload.kube.resources import Obj

CLUSTER_ID: Final = "Kubernetes"
TLS_MODE: Final = "security.istio.io/tlsMode"
_SERVICE_NAME: Final = "kubernetes.io/service-name"
USE_WAYPOINT: Final = "istio.io/use-waypoint"
_REGION: Final = "topology.kubernetes.io/region"
_ZONE: Final = "topology.kubernetes.io/zone"
_REDIRECTION: Final = "ambient.istio.io/redirection"

# Names and application protocols that Istio serves with HTTP routes; other ports are plain TCP.
_HTTP: Final = {
    "http": "http",
    "http2": "http2",
    "kubernetes.io/h2c": "http2",
    "grpc": "grpc",
    "grpc-web": "grpc",
}
_TCP: Final = frozenset({"https", "tcp", "tls", "mongo", "mysql", "redis"})

T = TypeVar("T")
Labels = frozenset[tuple[str, str]]
Protocol = Literal["http", "http2", "grpc", "tcp", ""]
Resolution = Literal["eds", "dns", "original_dst"]


class Key(NamedTuple):
    """Namespace and name of an object; cluster-scoped objects have an empty namespace.

    The name of a host of a ServiceEntry is ``NAME/HOST``, and that of a WorkloadEntry
    ``entry/NAME``: no object has a name with a slash.
    """

    namespace: str
    name: str


class Locality(NamedTuple):
    """Where a node stands."""

    region: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """One TCP port of a Service.

    Attributes:
        name: Empty for an unnamed port.
        port: Port of the Service.
        target: Port of the pods: a number, or the name of a container's port.
        protocol: The protocol that Istio infers; empty if neither field nor name has one.
    """

    name: str
    port: int
    target: int | str
    protocol: Protocol

    @property
    def http(self) -> bool:
        """Whether Istio serves it with HTTP routes."""
        return self.protocol not in ("tcp", "")


class Address(NamedTuple):
    """One address of an Endpoints object or a ServiceEntry, with its ports by name."""

    ip: str
    node: str
    pod: str
    ports: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Service:
    """One Service, or one host of a ServiceEntry, that has clusters in Envoy's configuration.

    Attributes:
        key: Its namespace and name.
        host: Its name in DNS.
        ip: Cluster IP; empty for headless services and before one is allocated.
        resolution: How proxies find its endpoints: by EDS, by DNS, or by the client's original
            destination.
        selector: Labels of its pods; None if its endpoints are kept by hand.
        ports: Its TCP ports.
        addresses: Endpoints that it names itself.
        waypoint: What its ``istio.io/use-waypoint`` labels ask for.
    """

    key: Key
    host: str
    ip: str
    resolution: Resolution
    selector: Labels | None
    ports: tuple[Port, ...]
    addresses: tuple[Address, ...] = ()
    waypoint: WaypointRef | None = None

    @property
    def name(self) -> str:
        """The short name that telemetry shows."""
        return self.key.name.partition("/")[2] or self.key.name


class WaypointRef(NamedTuple):
    """The waypoint that the labels of a service or namespace ask for.

    Attributes:
        name: Name of the gateway; ``none`` for no waypoint.
        namespace: Its namespace; empty for that of the object.
    """

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One workload: a pod, or a WorkloadEntry.

    Attributes:
        key: Its namespace and name.
        ip: Its IP; empty unless it runs and is ready.
        node: Name of its node.
        labels: Its labels.
        ports: Numbers of its named ports.
        account: Its service account.
        tunnel: Whether ztunnel takes its traffic in through HBONE.
    """

    key: Key
    ip: str
    node: str
    labels: Labels
    ports: tuple[tuple[str, int], ...]
    account: str = "default"
    tunnel: bool = False

    @property
    def name(self) -> str:
        """Its own name."""
        return self.key.name.rpartition("/")[2]

    @property
    def uid(self) -> str:
        """Its unique name in ambient mode."""
        group, kind = ("networking.istio.io", "WorkloadEntry") if self.is_entry else ("", "Pod")
        return f"{CLUSTER_ID}/{group}/{kind}/{self.key.namespace}/{self.name}"

    @property
    def is_entry(self) -> bool:
        """Whether it is a WorkloadEntry."""
        return "/" in self.key.name

    def resolve(self, target: int | str) -> int | None:
        """Return the number of a Service's target port on this pod, or None if there is none."""
        return target if isinstance(target, int) else dict(self.ports).get(target)

    @property
    def canonical(self) -> tuple[str, str]:
        """Its canonical service and revision; either may be empty."""
        known = dict(self.labels)
        name = known.get("service.istio.io/canonical-name") or known.get("app") or ""
        revision = known.get("service.istio.io/canonical-revision") or known.get("version") or ""
        return name, revision


class Endpoint(NamedTuple):
    """Where one pod serves one port of a Service.

    Attributes:
        ip: Address.
        port: Port number.
        workload: Istio's ``NAME;NAMESPACE;SERVICE;REVISION;CLUSTER``.
        tls: Whether the pod has a sidecar that speaks Istio's TLS.
        locality: Where its node stands.
        labels: The workload's, by which subsets choose.
        tunnel: Whether ztunnel takes its traffic in through HBONE.
    """

    ip: str
    port: int
    workload: str
    tls: bool
    locality: Locality
    labels: Labels = frozenset()
    tunnel: bool = False


def parse_or_none(parse: Callable[[Obj], T], obj: Obj) -> T | None:
    """Parse an object; return None if it is malformed.

    In a real cluster, schemas keep malformed objects of Istio out.
    """
    try:
        return parse(obj)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def service(obj: Obj) -> Service | None:
    """Parse a Service; None if Istio has no cluster for it."""
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return None
    ip = spec.get("clusterIP") or ""
    headless = ip == "None"
    selector = spec.get("selector")
    ports = tuple(
        Port(
            name=port.get("name") or "",
            port=port["port"],
            target=port.get("targetPort") or port["port"],
            protocol=protocol_of(port.get("appProtocol") or port.get("name") or ""),
        )
        for port in spec.get("ports") or ()
        if (port.get("protocol") or "TCP") == "TCP"
    )
    found = key(obj)
    return Service(
        key=found,
        host=f"{found.name}.{found.namespace}.svc.cluster.local",
        ip="" if headless else ip,
        resolution="original_dst" if headless else "eds",
        selector=frozenset(selector.items()) if selector else None,
        ports=ports,
        waypoint=waypoint_ref(obj),
    )


def pod(obj: Obj) -> Pod:
    """Parse a Pod."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    metadata = obj["metadata"]
    ready = (
        status.get("phase") == "Running"
        and "deletionTimestamp" not in metadata
        and has_condition(obj)
    )
    return Pod(
        key=key(obj),
        ip=(status.get("podIP") or "") if ready else "",
        node=spec.get("nodeName") or "",
        labels=frozenset((metadata.get("labels") or {}).items()),
        ports=tuple(
            (port["name"], port["containerPort"])
            for container in spec.get("containers") or ()
            for port in container.get("ports") or ()
            if port.get("name")
        ),
        account=spec.get("serviceAccountName") or "default",
        tunnel=(metadata.get("annotations") or {}).get(_REDIRECTION) == "enabled",
    )


def waypoint_ref(obj: Obj) -> WaypointRef | None:
    """Read the waypoint that the labels of a Service or Namespace ask for."""
    labels = obj["metadata"].get("labels") or {}
    name = labels.get(USE_WAYPOINT)
    return WaypointRef(name, labels.get(f"{USE_WAYPOINT}-namespace") or "") if name else None


def addresses(obj: Obj) -> tuple[Address, ...]:
    """Parse an Endpoints object to its ready addresses, sorted."""
    return tuple(sorted(_addresses(obj.get("subsets") or ())))


def _addresses(subsets: Iterable[Mapping[str, Any]]) -> Iterable[Address]:
    for subset in subsets:
        ports = _ports_of(subset)
        for address in subset.get("addresses") or ():
            yield _address(address["ip"], address, ports)


def _ports_of(subset: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (port.get("name") or "", port["port"])
        for port in subset.get("ports") or ()
        if (port.get("protocol") or "TCP") == "TCP"
    )


def _address(ip: str, obj: Mapping[str, Any], ports: tuple[tuple[str, int], ...]) -> Address:
    target = obj.get("targetRef") or {}
    name = target.get("name") if target.get("kind") == "Pod" else ""
    return Address(ip, obj.get("nodeName") or "", name or "", ports)


class SliceRecord(NamedTuple):
    """The Service and addresses of an EndpointSlice.

    Attributes:
        service: Its Service; one without a name if it has none.
        addresses: Its ready addresses, sorted.
    """

    service: Key
    addresses: tuple[Address, ...]


def endpoint_slice(obj: Obj) -> SliceRecord:
    """Parse an EndpointSlice."""
    metadata = obj["metadata"]
    name = (metadata.get("labels") or {}).get(_SERVICE_NAME) or ""
    ports = _ports_of(obj)
    found = [
        _address(address, endpoint, ports)
        for endpoint in obj.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    ]
    return SliceRecord(Key(metadata.get("namespace") or "", name), tuple(sorted(found)))


def locality(obj: Obj) -> Locality:
    """Parse a Node."""
    labels = obj["metadata"].get("labels") or {}
    return Locality(labels.get(_REGION, ""), labels.get(_ZONE, ""))


def key(obj: Obj) -> Key:
    """Return an object's namespace and name."""
    metadata = obj["metadata"]
    return Key(metadata.get("namespace") or "", metadata["name"])


def protocol_of(text: str) -> Protocol:
    """Return the protocol that an application protocol, or the name of a port, stands for."""
    text = text.lower()
    for candidate in (text, text.partition("-")[0]):
        if candidate in _HTTP:
            return cast("Protocol", _HTTP[candidate])
        if candidate in _TCP:
            return "tcp"
    return ""
