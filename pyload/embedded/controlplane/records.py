"""What the control plane keeps of Kubernetes objects: small immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.kube.resources import Obj

TLS_MODE: Final = "security.istio.io/tlsMode"
_REGION: Final = "topology.kubernetes.io/region"
_ZONE: Final = "topology.kubernetes.io/zone"

# Names and application protocols that Istio serves with HTTP routes; other ports are plain TCP.
_HTTP: Final = frozenset({"http", "http2", "grpc", "grpc-web", "kubernetes.io/h2c"})

Labels = frozenset[tuple[str, str]]


class Key(NamedTuple):
    """Namespace and name of an object; the namespace of a node is empty."""

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
        http: Whether Istio serves it with HTTP routes.
    """

    name: str
    port: int
    target: int | str
    http: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One Service that has a cluster in Envoy's configuration.

    Attributes:
        key: Its namespace and name.
        ip: Cluster IP; empty for headless services and before one is allocated.
        headless: Whether it was declared to have no cluster IP.
        selector: Labels of its pods; None if its endpoints are kept by hand.
        ports: Its TCP ports.
    """

    key: Key
    ip: str
    headless: bool
    selector: Labels | None
    ports: tuple[Port, ...]

    @property
    def host(self) -> str:
        """Its name in DNS."""
        return f"{self.key.name}.{self.key.namespace}.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod.

    Attributes:
        key: Its namespace and name.
        ip: Its IP; empty unless it runs and is ready.
        node: Name of its node.
        labels: Its labels.
        ports: Numbers of its containers' named ports.
    """

    key: Key
    ip: str
    node: str
    labels: Labels
    ports: tuple[tuple[str, int], ...]

    def resolve(self, target: int | str) -> int | None:
        """Give the number of a Service's target port on this pod; None if it has no such port."""
        return target if isinstance(target, int) else dict(self.ports).get(target)


class Address(NamedTuple):
    """One address of an Endpoints object, with the ports that it serves by name."""

    ip: str
    node: str
    pod: str
    ports: tuple[tuple[str, int], ...]


class Endpoint(NamedTuple):
    """Where one pod serves one port of a Service.

    Attributes:
        ip: Address.
        port: Port number.
        workload: Istio's ``NAME;NAMESPACE;SERVICE;REVISION;CLUSTER``.
        tls: Whether the pod has a sidecar that speaks Istio's TLS.
        locality: Where its node stands.
    """

    ip: str
    port: int
    workload: str
    tls: bool
    locality: Locality


def service(obj: Obj) -> Service | None:
    """Reduce a Service; None if Istio has no cluster for it."""
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
            http=_is_http(port),
        )
        for port in spec.get("ports") or ()
        if (port.get("protocol") or "TCP") == "TCP"
    )
    return Service(
        key=key(obj),
        ip="" if headless else ip,
        headless=headless,
        selector=frozenset(selector.items()) if selector else None,
        ports=ports,
    )


def pod(obj: Obj) -> Pod:
    """Reduce a Pod."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    metadata = obj["metadata"]
    ready = (
        status.get("phase") == "Running"
        and "deletionTimestamp" not in metadata
        and any(
            condition.get("type") == "Ready" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        )
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
    )


def addresses(obj: Obj) -> tuple[Address, ...]:
    """Reduce an Endpoints object to its ready addresses, sorted."""
    return tuple(sorted(_addresses(obj.get("subsets") or ())))


def _addresses(subsets: Iterable[Mapping[str, Any]]) -> Iterable[Address]:
    for subset in subsets:
        ports = tuple(
            (port.get("name") or "", port["port"])
            for port in subset.get("ports") or ()
            if (port.get("protocol") or "TCP") == "TCP"
        )
        for address in subset.get("addresses") or ():
            target = address.get("targetRef") or {}
            name = target.get("name") if target.get("kind") == "Pod" else ""
            yield Address(address["ip"], address.get("nodeName") or "", name or "", ports)


def locality(obj: Obj) -> Locality:
    """Reduce a Node."""
    labels = obj["metadata"].get("labels") or {}
    return Locality(labels.get(_REGION, ""), labels.get(_ZONE, ""))


def key(obj: Obj) -> Key:
    """Name an object."""
    metadata = obj["metadata"]
    return Key(metadata.get("namespace") or "", metadata["name"])


def _is_http(port: Mapping[str, Any]) -> bool:
    protocol = port.get("appProtocol")
    if protocol:
        return protocol.lower() in _HTTP
    name: str = (port.get("name") or "").lower()
    return name in _HTTP or name.partition("-")[0] in _HTTP
