"""The mesh's services, joined with the workloads that serve them.

Raw objects go in by watch events, and `MeshChanges` come out, grouped as pushes need them. An
event updates one table and marks as stale the services and pods whose joins it may change; the
joins themselves are made only in `pop_changes`, once per push however many events there were.
Two indexes keep an event from walking the whole mesh: `SelectorIndex` finds the services of a
pod, and `_members` the pods of a service.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane import model, parse_service_entries
from pyload.embedded.controlplane.listed_addresses import ListedAddresses
from pyload.embedded.controlplane.mesh_state import (
    InboundPort,
    MeshChanges,
    MeshState,
    Ports,
    WorkloadInfo,
    target_port,
    workload_name,
)
from pyload.embedded.controlplane.model import TLS_MODE, Endpoint, Key, Locality
from pyload.embedded.selector_index import SelectorIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyload.embedded.controlplane.model import Address, Labels, Pod, Service, SliceRecord
    from pyload.kube.resources import Obj

_SERVICE_ENTRIES: Final = "serviceentries.networking.istio.io"
_WORKLOAD_ENTRIES: Final = "workloadentries.networking.istio.io"

_SLICES: Final = "endpointslices.discovery.k8s.io"

FOLLOWED: Final = (
    "services",
    "pods",
    "endpoints",
    _SLICES,
    "nodes",
    _SERVICE_ENTRIES,
    _WORKLOAD_ENTRIES,
)
"""The kinds that a registry follows, named as their definitions are."""


class ServiceRegistry:
    """Follows services, workloads and nodes, and collects their changes."""

    def __init__(self) -> None:
        self._services: dict[Key, Service] = {}
        self._pods: dict[Key, Pod] = {}
        self._listed = ListedAddresses()
        self._localities: dict[Key, Locality] = {}
        self._entries: dict[Key, tuple[Service, ...]] = {}
        self._endpoints: dict[Key, Ports] = {}
        self._workloads: dict[Key, WorkloadInfo] = {}
        self._selectors: SelectorIndex[Key] = SelectorIndex()
        self._members: defaultdict[Key, dict[Key, Pod]] = defaultdict(dict)
        self._pods_of: defaultdict[str, dict[Key, Pod]] = defaultdict(dict)
        self._changed_services: set[Key] = set()
        self._stale: set[Key] = set()
        self._changed_pods: set[Key] = set()
        self._stale_pods: set[Key] = set()
        self._kinds: Final[Mapping[str, _Table]] = {
            "services": _Table(self._services, model.key, model.service, self._put_service),
            "pods": _Table(self._pods, model.key, model.pod, self._put_pod),
            "endpoints": _Table(
                self._listed.endpoints, model.key, model.addresses, self._put_endpoints
            ),
            _SLICES: _Table(self._listed.slices, model.key, model.endpoint_slice, self._put_slice),
            "nodes": _Table(self._localities, model.key, model.locality, self._put_locality),
            _SERVICE_ENTRIES: _Table(
                self._entries, model.key, parse_service_entries.service_entry, self._put_entry
            ),
            _WORKLOAD_ENTRIES: _Table(
                self._pods,
                parse_service_entries.entry_key,
                parse_service_entries.workload_entry,
                self._put_pod,
            ),
        }

    def replace(self, kind_name: str, objects: Iterable[Obj]) -> None:
        """Replace all objects of a kind by those of a list.

        Args:
            kind_name: One of `FOLLOWED`.
            objects: Raw objects.
        """
        kind = self._kinds[kind_name]
        found = {kind.key(obj): model.parse_or_none(kind.parse, obj) for obj in objects}
        # Hosts of ServiceEntries and WorkloadEntries are in the tables of services and pods.
        foreign = kind_name in ("services", "pods")
        slashes = kind_name == _WORKLOAD_ENTRIES
        for key in [key for key in kind.table if key not in found]:
            if (not foreign and not slashes) or ("/" in key.name) == slashes:
                kind.put(key, None)
        for key, record in found.items():
            kind.put(key, record)

    def event(self, kind_name: str, type_: str, obj: Obj) -> None:
        """Handle one watch event: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        kind = self._kinds[kind_name]
        kind.put(
            kind.key(obj), None if type_ == "DELETED" else model.parse_or_none(kind.parse, obj)
        )

    @property
    def dirty(self) -> bool:
        """Whether anything may have changed since the last `pop_changes`."""
        return bool(self._changed_services or self._stale or self._changed_pods or self._stale_pods)

    def pop_changes(self) -> MeshChanges:
        """Bring the joins up to date, and return the changes since the last call."""
        services = set(self._changed_services)
        endpoints: set[Key] = set()
        for key in self._stale:
            service = self._services.get(key)
            if service is None:
                self._endpoints.pop(key, None)
                continue
            fresh = self._endpoints_of(service)
            # Generation compares by identity: keep the object while it is equal.
            if key in services or fresh != self._endpoints.get(key):
                self._endpoints[key] = fresh
                # The endpoints of a DNS service are part of its cluster.
                (services if service.resolution == "dns" else endpoints).add(key)
        workloads = self._pop_changed_workloads()
        changes = MeshChanges(
            frozenset(services),
            frozenset(endpoints - services),
            frozenset(self._changed_pods),
            frozenset(workloads),
        )
        self._changed_services.clear()
        self._changed_pods.clear()
        self._stale.clear()
        return changes

    def mesh(self) -> MeshState:
        """Copy the state as of the last `pop_changes`; call it directly afterwards."""
        services = {key: self._services[key] for key in sorted(self._services)}
        return MeshState(services, dict(self._endpoints), dict(self._workloads))

    def labels(self, pod: Key, claimed: Labels) -> Labels:
        """Return a pod's labels, or those that its proxy claims if there is no such pod."""
        record = self._pods.get(pod)
        return claimed if record is None else record.labels

    def inbound(self, pod: Key, labels: Labels) -> tuple[InboundPort, ...]:
        """Return the service ports that lead to a proxy's pod.

        Args:
            pod: The pod that the proxy claims to run in.
            labels: The labels that it claims, for when there is no such pod.
        """
        record = self._pods.get(pod)
        if record is not None:
            labels = record.labels
        ports: dict[int, InboundPort] = {}
        for key in sorted(self._selectors.selecting(pod.namespace, labels)):
            for port in self._services[key].ports:
                if record is not None:
                    target = record.resolve(port.target)
                else:
                    target = port.target if isinstance(port.target, int) else None
                if target is not None:
                    host = self._services[key].host
                    ports.setdefault(target, InboundPort(target, port.http, key, port.port, host))
        return tuple(ports[target] for target in sorted(ports))

    def _put_service(self, key: Key, new: Service | None) -> None:
        old = self._services.get(key)
        if new == old:
            return
        self._changed_services.add(key)
        self._stale.add(key)
        self._stale_pods.update(self._members.get(key, ()))
        if old is not None:
            self._selectors.remove(key, old.selector)
        if new is None:
            del self._services[key]
            self._members.pop(key, None)
            return
        self._services[key] = new
        self._selectors.add(key, new.selector)
        if old is None or old.selector != new.selector:
            self._members[key] = {
                pod.key: pod
                for pod in self._pods_of[key.namespace].values()
                if new.selector is not None and new.selector <= pod.labels
            }
            self._stale_pods.update(self._members[key])

    def _put_entry(self, key: Key, new: tuple[Service, ...] | None) -> None:
        old = self._entries.pop(key, ())
        if new:
            self._entries[key] = new
        kept = {service.key: service for service in new or ()}
        for service in old:
            if service.key not in kept:
                self._put_service(service.key, None)
        for service_key, service in kept.items():
            self._put_service(service_key, service)

    def _put_pod(self, key: Key, new: Pod | None) -> None:
        old = self._pods.get(key)
        if new == old:
            return
        if old is None or new is None or old.labels != new.labels or old.ports != new.ports:
            self._changed_pods.add(key)
        before = self._selectors.selecting(key.namespace, old.labels) if old is not None else set()
        after = self._selectors.selecting(key.namespace, new.labels) if new is not None else set()
        for gone in before - after:
            self._members[gone].pop(key, None)
        if new is None:
            del self._pods[key]
            del self._pods_of[key.namespace][key]
        else:
            self._pods[key] = self._pods_of[key.namespace][key] = new
            for service in after:
                self._members[service][key] = new
        # A pod that was not ready before and is not now is in no endpoints.
        if (old is not None and old.ip) or (new is not None and new.ip):
            self._stale |= before | after
            self._stale_pods.add(key)

    def _put_endpoints(self, key: Key, new: tuple[Address, ...] | None) -> None:
        self._on_listed_addresses(self._listed.put_endpoints(key, new))

    def _put_slice(self, key: Key, new: SliceRecord | None) -> None:
        self._on_listed_addresses(self._listed.put_slice(key, new))

    def _on_listed_addresses(self, changed: set[Key]) -> None:
        """Mark services as stale whose Endpoints or EndpointSlices have changed."""
        for key in changed:
            service = self._services.get(key)
            if service is not None and service.selector is None:
                self._stale.add(key)

    def _put_locality(self, key: Key, new: Locality | None) -> None:
        if new == self._localities.get(key):
            return
        if new is None:
            del self._localities[key]
        else:
            self._localities[key] = new
        for pod in self._pods.values():
            if pod.node == key.name and pod.ip:
                self._stale |= self._selectors.selecting(pod.key.namespace, pod.labels)
                self._stale_pods.add(pod.key)
        self._stale |= self._listed.on_node(key.name) & self._services.keys()

    def _endpoints_of(self, service: Service) -> Ports:
        if service.selector is None:
            found = service.addresses or self._listed.of(service.key)
            return self._endpoints_at(service, found)
        ports: Ports = {}
        members = sorted(
            (pod for pod in self._members[service.key].values() if pod.ip),
            key=lambda pod: pod.key,
        )
        for port in service.ports:
            ports[port.port] = tuple(
                Endpoint(
                    pod.ip,
                    number,
                    workload_name(pod.name, pod),
                    (TLS_MODE, "istio") in pod.labels,
                    self._locality(pod.node),
                    pod.labels,
                    pod.tunnel,
                )
                for pod in members
                if (number := target_port(pod, port)) is not None
            )
        return ports

    def _pop_changed_workloads(self) -> set[Key]:
        """Join the workloads that may have changed, and return the keys of those that did."""
        changed: set[Key] = set()
        for key in self._stale_pods:
            pod = self._pods.get(key)
            if pod is None or not pod.ip:
                if self._workloads.pop(key, None) is not None:
                    changed.add(key)
                continue
            fresh = self._workload(pod)
            moved = fresh != self._workloads.get(key)
            if moved:
                self._workloads[key] = fresh
            if moved or any(service in self._changed_services for service, _ in fresh.services):
                changed.add(key)
        self._stale_pods.clear()
        return changed

    def _workload(self, pod: Pod) -> WorkloadInfo:
        services = []
        for key in sorted(self._selectors.selecting(pod.key.namespace, pod.labels)):
            ports = tuple(
                (port.port, number)
                for port in self._services[key].ports
                if (number := target_port(pod, port)) is not None
            )
            services.append((key, ports))
        return WorkloadInfo(pod, self._locality(pod.node), tuple(services))

    def _locality(self, node: str) -> Locality:
        return self._localities.get(Key("", node), Locality())

    def _endpoints_at(self, service: Service, addresses: Iterable[Address]) -> Ports:
        found = [
            (address, self._pods.get(Key(service.key.namespace, address.pod)))
            for address in addresses
        ]
        return {
            port.port: tuple(
                Endpoint(
                    address.ip,
                    number,
                    workload_name(address.pod, pod, service.key.namespace) if address.pod else "",
                    pod is not None and (TLS_MODE, "istio") in pod.labels,
                    self._locality(address.node),
                    pod.labels if pod is not None else frozenset(),
                    pod is not None and pod.tunnel,
                )
                for address, pod in found
                if (number := dict(address.ports).get(port.name)) is not None
            )
            for port in service.ports
        }


@dataclass(frozen=True, slots=True)
class _Table:
    table: Mapping[Key, Any]
    key: Callable[[Obj], Key]
    parse: Callable[[Obj], Any]
    put: Callable[[Key, Any], None]
