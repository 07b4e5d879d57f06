"""The state of services and workloads from which resources are generated, and its changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.embedded.controlplane.model import CLUSTER_ID, Endpoint, Key, Locality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.model import Pod, Port, Service

# Endpoints by the port of the Service.
Ports = dict[int, tuple[Endpoint, ...]]


@dataclass(frozen=True, slots=True)
class MeshChanges:
    """Changes of services and workloads since the last push.

    Attributes:
        services: Services that were added, removed or changed: all types are pushed.
        endpoints: Services of which only the endpoints changed: their EDS is pushed.
        pods: Pods whose labels changed: their proxies may serve other services now.
        workloads: Workloads whose address in ambient mode changed, or whose services did.
    """

    services: frozenset[Key] = frozenset()
    endpoints: frozenset[Key] = frozenset()
    pods: frozenset[Key] = frozenset()
    workloads: frozenset[Key] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.services or self.endpoints or self.pods or self.workloads)


@dataclass(frozen=True, slots=True)
class WorkloadInfo:
    """A running workload as ambient mode describes it.

    Attributes:
        pod: The workload.
        locality: Where its node stands.
        services: Its services, each with pairs of a service port and the workload's port.
    """

    pod: Pod
    locality: Locality
    services: tuple[tuple[Key, tuple[tuple[int, int], ...]], ...]


@dataclass(frozen=True, slots=True)
class MeshState:
    """Services, endpoints and workloads of a mesh at one time; immutable.

    Attributes:
        services: Every service, sorted by key.
        endpoints: Their endpoints by service port.
        workloads: Every workload that runs.
    """

    services: Mapping[Key, Service]
    endpoints: Mapping[Key, Ports]
    workloads: Mapping[Key, WorkloadInfo]


@dataclass(frozen=True, slots=True, order=True)
class InboundPort:
    """One port on which a proxy's own pod serves.

    Attributes:
        target: Port of the pod.
        http: Whether it is served with HTTP routes.
        service: The Service, the first one by name if several lead to this port.
        port: The Service's port.
        host: The Service's name in DNS.
    """

    target: int
    http: bool
    service: Key
    port: int
    host: str


def target_port(pod: Pod, port: Port) -> int | None:
    """Return the number of the workload's port that a service's port leads to, or None."""
    # A WorkloadEntry has its own numbers for a service's ports, by their names.
    own = dict(pod.ports).get(port.name) if pod.is_entry else None
    return own if own is not None else pod.resolve(port.target)


def workload_name(name: str, pod: Pod | None, namespace: str = "") -> str:
    """Return a workload as endpoints name it: ``NAME;NAMESPACE;SERVICE;REVISION;CLUSTER``."""
    canonical, revision = pod.canonical if pod is not None else ("", "")
    where = pod.key.namespace if pod is not None else namespace
    return f"{name};{where};{canonical or name};{revision};{CLUSTER_ID}"
