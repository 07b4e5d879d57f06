"""The resources of ambient mode: addresses of workloads and services, and policies.

The messages are ``istio.workload.Address`` and ``istio.security.Authorization``, put together
field by field: envoy-data-plane does not have them. Field numbers are those that a recorded
istiod used. Every workload and service is encoded once and kept until it changes; each has a
version, a hash of its bytes, by which a ztunnel that reconnects learns what it has missed.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from hashlib import blake2b
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.embedded.controlplane.hbone import HBONE_PORT
from pyload.embedded.controlplane.istio_model import ROOT
from pyload.embedded.controlplane.model import CLUSTER_ID
from pyload.embedded.controlplane.resource_batch import ResourceBatch
from pyload.embedded.controlplane.wire import any_of, field, number
from pyload.xds.types import ADDRESS, AUTHORIZATION, WORKLOAD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.configs import IstioConfig
    from pyload.embedded.controlplane.istio_model import AuthorizationPolicy, Waypoint
    from pyload.embedded.controlplane.mesh_state import MeshState, WorkloadInfo
    from pyload.embedded.controlplane.model import Key, Port, Service

_IPV4_ONLY: Final = 1
_POD: Final = 2
_HBONE: Final = 1
_DENY: Final = 1
_GLOBAL, _NAMESPACE, _SELECTED = 0, 1, 2
# How Service ports' protocols are numbered.
_PROTOCOLS: Final = {"http": 1, "http2": 2, "grpc": 3, "tcp": 5}


def service_name(service: Service) -> str:
    """Return the name of a service's resource."""
    return f"{service.key.namespace}/{service.host}"


def encode_service(service: Service, waypoint: Waypoint | None) -> bytes:
    """Encode a service as an ``Address``, not wrapped in an ``Any``."""
    body = (
        field(1, service.name.encode())
        + field(2, service.key.namespace.encode())
        + field(3, service.host.encode())
    )
    address = _packed(service.ip)
    if address:
        body += field(4, field(2, address))
    body += b"".join(field(5, _service_port(port)) for port in service.ports)
    if waypoint is not None:
        named = field(1, waypoint.key.namespace.encode()) + field(2, waypoint.host.encode())
        body += field(7, number(3, HBONE_PORT) + field(1, named))
    return field(2, body + number(9, _IPV4_ONLY) + number(11, 1))


def encode_workload(workload: WorkloadInfo, hosts: Mapping[Key, Service]) -> bytes:
    """Encode a workload as a ``Workload``, not wrapped in an ``Any``.

    Args:
        workload: The workload.
        hosts: Services by key.
    """
    pod = workload.pod
    canonical, revision = pod.canonical
    body = field(1, pod.name.encode()) + field(2, pod.key.namespace.encode())
    address = _packed(pod.ip)
    if address:
        body += field(3, address)
    if pod.tunnel:
        body += number(5, _HBONE)
    body += field(7, pod.account.encode())
    if pod.node:
        body += field(9, pod.node.encode())
    body += field(10, (canonical or pod.name).encode()) + field(11, (revision or "latest").encode())
    body += number(12, _POD) + field(13, pod.name.encode()) + field(18, CLUSTER_ID.encode())
    body += field(20, pod.uid.encode())
    for key, ports in workload.services:
        pairs = b"".join(field(1, number(1, port) + number(2, target)) for port, target in ports)
        body += field(22, field(1, service_name(hosts[key]).encode()) + field(2, pairs))
    region, zone = workload.locality
    if region or zone:
        body += field(24, field(1, region.encode()) + field(2, zone.encode()))
    return body


class AddressEntry(NamedTuple):
    """One encoded address.

    Attributes:
        name: Name of the resource.
        address: The ``Address``, wrapped in an ``Any``.
        version: The version of both resources: a hash of the address.
        workload: The ``Workload``, not wrapped; empty for a service.
    """

    name: str
    address: bytes
    version: str
    workload: bytes


class AddressBook:
    """All addresses of one state of the mesh.

    Args:
        services: Encoded services, in the order of the mesh.
        workloads: Encoded workloads.
        mesh: The state from which they were encoded.
    """

    def __init__(
        self,
        services: Mapping[Key, AddressEntry],
        workloads: Mapping[Key, AddressEntry],
        mesh: MeshState,
    ) -> None:
        self._services = services
        self._workloads = workloads
        self._mesh = mesh

    @cached_property
    def addresses(self) -> ResourceBatch:
        """Services and workloads, as ``Address``."""
        found = (*self._services.values(), *self._workloads.values())
        return ResourceBatch(
            {entry.name: entry.address for entry in found},
            {entry.name: entry.version for entry in found},
        )

    @cached_property
    def workloads(self) -> ResourceBatch:
        """Workloads alone, as ``Workload``."""
        found = self._workloads.values()
        return ResourceBatch(
            {entry.name: any_of(WORKLOAD, entry.workload) for entry in found},
            {entry.name: entry.version for entry in found},
        )

    def resolve(self, name: str) -> tuple[str, ...]:
        """Return the names of the resources that answer an on-demand subscription.

        Args:
            name: A resource, or ``NETWORK/IP``; the one network here is called nothing. With a
                service come its workloads.
        """
        return self._names.get(name, (name,))

    @cached_property
    def _names(self) -> Mapping[str, tuple[str, ...]]:
        names: defaultdict[str, list[str]] = defaultdict(list)
        for key, entry in self._services.items():
            names[entry.name].append(entry.name)
            ip = self._mesh.services[key].ip
            if ip:
                # One list under two names.
                names[f"/{ip}"] = names[entry.name]
        for key, workload in self._mesh.workloads.items():
            uid = self._workloads[key].name
            names[f"/{workload.pod.ip}"].append(uid)
            for service, _ in workload.services:
                names[self._services[service].name].append(uid)
        return {name: tuple(found) for name, found in names.items()}


class AddressBuilder:
    """Builds one `AddressBook` after the other, and encodes again only what has changed."""

    def __init__(self) -> None:
        self._services: dict[Key, tuple[Service, Waypoint | None, AddressEntry]] = {}
        self._workloads: dict[Key, tuple[WorkloadInfo, AddressEntry]] = {}

    def build(self, mesh: MeshState, config: IstioConfig) -> AddressBook:
        """Encode the addresses of a mesh.

        Args:
            mesh: Its services and workloads.
            config: Says which services are behind waypoints.
        """
        services, workloads = self._services, self._workloads
        self._services = {
            key: _service(service, config.waypoint_for(service), services.get(key))
            for key, service in mesh.services.items()
        }
        self._workloads = {
            key: _workload(workload, mesh.services, workloads.get(key))
            for key, workload in mesh.workloads.items()
        }
        return AddressBook(
            {key: entry for key, (_, _, entry) in self._services.items()},
            {key: entry for key, (_, entry) in self._workloads.items()},
            mesh,
        )


def policies_of(config: IstioConfig) -> ResourceBatch:
    """Encode all AuthorizationPolicies for ztunnels."""
    return ResourceBatch(
        {
            f"{key.namespace}/{key.name}": any_of(AUTHORIZATION, encode_policy(policy))
            for key, policy in config.policies.items()
        }
    )


def encode_policy(policy: AuthorizationPolicy) -> bytes:
    """Encode a policy as an ``Authorization``, not wrapped in an ``Any``.

    A ztunnel sees no requests, so a rule that allows by properties of requests allows nothing.
    """
    if policy.selector:
        scope = _SELECTED
    else:
        scope = _GLOBAL if policy.key.namespace == ROOT else _NAMESPACE
    body = field(1, policy.key.name.encode()) + field(2, policy.key.namespace.encode())
    if scope:
        body += number(3, scope)
    if policy.deny:
        body += number(4, _DENY)
    for rule in policy.rules:
        if rule.about_requests and not policy.deny:
            continue
        match = b"".join(
            field(tag, _string_match(text))
            for tag, texts in ((1, rule.namespaces), (3, rule.principals))
            for text in texts
        ) + b"".join(number(9, port) for port in rule.ports)
        body += field(5, field(1, field(2, match)))
    return body


def _service(
    service: Service,
    waypoint: Waypoint | None,
    known: tuple[Service, Waypoint | None, AddressEntry] | None,
) -> tuple[Service, Waypoint | None, AddressEntry]:
    if known is not None and known[0] is service and known[1] == waypoint:
        return known
    encoded = encode_service(service, waypoint)
    entry = AddressEntry(service_name(service), any_of(ADDRESS, encoded), _version(encoded), b"")
    return service, waypoint, entry


def _workload(
    workload: WorkloadInfo,
    services: Mapping[Key, Service],
    known: tuple[WorkloadInfo, AddressEntry] | None,
) -> tuple[WorkloadInfo, AddressEntry]:
    if known is not None and known[0] is workload:
        return known
    encoded = encode_workload(workload, services)
    wrapped = any_of(ADDRESS, field(1, encoded))
    return workload, AddressEntry(workload.pod.uid, wrapped, _version(encoded), encoded)


def _version(encoded: bytes) -> str:
    return f"{int.from_bytes(blake2b(encoded, digest_size=8).digest()):x}"


def _service_port(port: Port) -> bytes:
    target = port.target if isinstance(port.target, int) else 0
    body = number(1, port.port) + (number(2, target) if target else b"")
    protocol = _PROTOCOLS.get(port.protocol)
    return body if protocol is None else body + number(3, protocol)


def _packed(ip: str) -> bytes:
    try:
        return ip_address(ip).packed
    except ValueError:
        return b""  # A WorkloadEntry may have a name for an address.


def _string_match(text: str) -> bytes:
    if text == "*":
        return field(4, b"")
    if text.endswith("*"):
        return field(2, text[:-1].encode())
    if text.startswith("*"):
        return field(3, text[1:].encode())
    return field(1, text.encode())
