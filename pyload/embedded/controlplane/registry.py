"""The mesh as Kubernetes describes it: services joined with the pods that serve them.

Pure: raw objects go in, changes come out, grouped as pushes need them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane import records
from pyload.embedded.controlplane.records import TLS_MODE, Endpoint, Key, Locality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyload.embedded.controlplane.records import Address, Labels, Pod, Service
    from pyload.kube.resources import Obj

CLUSTER_ID: Final = "Kubernetes"

# Endpoints by the port of the Service.
Ports = dict[int, tuple[Endpoint, ...]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since the last push.

    Attributes:
        services: Services that came, went or changed: everything is pushed.
        endpoints: Services of which only the endpoints changed: their EDS is pushed.
        pods: Pods whose labels changed: their proxies may serve other services now.
    """

    services: frozenset[Key] = frozenset()
    endpoints: frozenset[Key] = frozenset()
    pods: frozenset[Key] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.services or self.endpoints or self.pods)


@dataclass(frozen=True, slots=True)
class Mesh:
    """All that shared resources are generated from; never changes.

    Attributes:
        services: Every service, sorted by key.
        endpoints: Their endpoints by service port.
    """

    services: Mapping[Key, Service]
    endpoints: Mapping[Key, Ports]


@dataclass(frozen=True, slots=True, order=True)
class Inbound:
    """One port on which a proxy's own pod serves.

    Attributes:
        target: Port of the pod.
        http: Whether it is served with HTTP routes.
        service: The Service, the first one by name if several lead to this port.
        port: The Service's port.
    """

    target: int
    http: bool
    service: Key
    port: int


class Registry:
    """Follows services, pods, endpoints and nodes, and remembers what changed."""

    def __init__(self) -> None:
        self._services: dict[Key, Service] = {}
        self._pods: dict[Key, Pod] = {}
        self._addresses: dict[Key, tuple[Address, ...]] = {}
        self._localities: dict[Key, Locality] = {}
        self._endpoints: dict[Key, Ports] = {}
        # Services by one entry of their selector: a pod need only ask for its own labels.
        self._by_selector: defaultdict[tuple[str, str, str], set[Key]] = defaultdict(set)
        self._members: defaultdict[Key, dict[Key, Pod]] = defaultdict(dict)
        self._pods_of: defaultdict[str, dict[Key, Pod]] = defaultdict(dict)
        self._changed_services: set[Key] = set()
        self._stale: set[Key] = set()
        self._changed_pods: set[Key] = set()
        self._kinds: Final[Mapping[str, _Kind]] = {
            "services": _Kind(self._services, records.service, self._put_service),
            "pods": _Kind(self._pods, records.pod, self._put_pod),
            "endpoints": _Kind(self._addresses, records.addresses, self._put_addresses),
            "nodes": _Kind(self._localities, records.locality, self._put_locality),
        }

    def replace(self, plural: str, objects: Iterable[Obj]) -> None:
        """Take a whole list; what is not in it is gone.

        Args:
            plural: ``services``, ``pods``, ``endpoints`` or ``nodes``.
            objects: Raw objects.
        """
        kind = self._kinds[plural]
        found = {records.key(obj): kind.reduce(obj) for obj in objects}
        for key in [key for key in kind.table if key not in found]:
            kind.put(key, None)
        for key, record in found.items():
            kind.put(key, record)

    def event(self, plural: str, type_: str, obj: Obj) -> None:
        """Take one watch event: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        kind = self._kinds[plural]
        kind.put(records.key(obj), None if type_ == "DELETED" else kind.reduce(obj))

    @property
    def dirty(self) -> bool:
        """Whether anything may have changed since the last `take`."""
        return bool(self._changed_services or self._stale or self._changed_pods)

    def take(self) -> Changes:
        """Say what has changed since the last call."""
        services = frozenset(self._changed_services)
        pods = frozenset(self._changed_pods)
        endpoints = set()
        for key in self._stale:
            if key not in self._services:
                self._endpoints.pop(key, None)
                continue
            fresh = self._joined(key)
            # Whoever generates resources looks at the identity: keep what has not changed.
            if key in services or fresh != self._endpoints.get(key):
                self._endpoints[key] = fresh
                endpoints.add(key)
        self._changed_services.clear()
        self._changed_pods.clear()
        self._stale.clear()
        return Changes(services, frozenset(endpoints - services), pods)

    def mesh(self) -> Mesh:
        """Copy the state as of the last `take`; call it directly afterwards."""
        services = {key: self._services[key] for key in sorted(self._services)}
        return Mesh(services, dict(self._endpoints))

    def inbound(self, pod: Key, labels: Labels) -> tuple[Inbound, ...]:
        """Say which ports a proxy serves.

        Args:
            pod: The pod that the proxy says it runs in.
            labels: What the proxy says are the pod's labels; used only if there is no such pod.
        """
        record = self._pods.get(pod)
        if record is not None:
            labels = record.labels
        ports: dict[int, Inbound] = {}
        for key in sorted(self._selecting(pod.namespace, labels)):
            for port in self._services[key].ports:
                if record is not None:
                    target = record.resolve(port.target)
                else:
                    target = port.target if isinstance(port.target, int) else None
                if target is not None:
                    ports.setdefault(target, Inbound(target, port.http, key, port.port))
        return tuple(ports[target] for target in sorted(ports))

    def _put_service(self, key: Key, new: Service | None) -> None:
        old = self._services.get(key)
        if new == old:
            return
        self._changed_services.add(key)
        self._stale.add(key)
        if old is not None:
            for entry in _index(old):
                self._by_selector[entry].discard(key)
                if not self._by_selector[entry]:
                    del self._by_selector[entry]
        if new is None:
            del self._services[key]
            self._members.pop(key, None)
            return
        self._services[key] = new
        for entry in _index(new):
            self._by_selector[entry].add(key)
        if old is None or old.selector != new.selector:
            self._members[key] = {
                pod.key: pod
                for pod in self._pods_of[key.namespace].values()
                if new.selector is not None and new.selector <= pod.labels
            }

    def _put_pod(self, key: Key, new: Pod | None) -> None:
        old = self._pods.get(key)
        if new == old:
            return
        if old is None or new is None or old.labels != new.labels or old.ports != new.ports:
            self._changed_pods.add(key)
        before = self._selecting(key.namespace, old.labels) if old is not None else set()
        after = self._selecting(key.namespace, new.labels) if new is not None else set()
        for gone in before - after:
            self._members[gone].pop(key, None)
        if new is None:
            del self._pods[key]
            del self._pods_of[key.namespace][key]
        else:
            self._pods[key] = self._pods_of[key.namespace][key] = new
            for service in after:
                self._members[service][key] = new
        # A pod that was not ready before and is not now is in nobody's endpoints.
        if (old is not None and old.ip) or (new is not None and new.ip):
            self._stale |= before | after

    def _put_addresses(self, key: Key, new: tuple[Address, ...] | None) -> None:
        if new == self._addresses.get(key):
            return
        if new is None:
            del self._addresses[key]
        else:
            self._addresses[key] = new
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
                self._stale |= self._selecting(pod.key.namespace, pod.labels)
        for service, found in self._addresses.items():
            if service in self._services and any(one.node == key.name for one in found):
                self._stale.add(service)

    def _selecting(self, namespace: str, labels: Labels) -> set[Key]:
        found = set()
        for name, value in labels:
            for key in self._by_selector.get((namespace, name, value), ()):
                selector = self._services[key].selector
                if selector is not None and selector <= labels:
                    found.add(key)
        return found

    def _joined(self, key: Key) -> Ports:
        service = self._services.get(key)
        if service is None:
            return {}
        if service.selector is None:
            return self._from_addresses(service)
        ports: Ports = {}
        members = sorted(
            (pod for pod in self._members[key].values() if pod.ip), key=lambda pod: pod.key
        )
        for port in service.ports:
            ports[port.port] = tuple(
                Endpoint(
                    pod.ip,
                    number,
                    _workload(pod.key, pod.labels),
                    (TLS_MODE, "istio") in pod.labels,
                    self._localities.get(Key("", pod.node), Locality()),
                )
                for pod in members
                if (number := pod.resolve(port.target)) is not None
            )
        return ports

    def _from_addresses(self, service: Service) -> Ports:
        ports: Ports = {}
        for port in service.ports:
            found = []
            for address in self._addresses.get(service.key, ()):
                number = dict(address.ports).get(port.name)
                if number is None:
                    continue
                where = self._localities.get(Key("", address.node), Locality())
                key = Key(service.key.namespace, address.pod)
                pod = self._pods.get(key)
                labels: Labels = pod.labels if pod is not None else frozenset()
                tls = (TLS_MODE, "istio") in labels
                workload = _workload(key, labels) if address.pod else ""
                found.append(Endpoint(address.ip, number, workload, tls, where))
            ports[port.port] = tuple(found)
        return ports


@dataclass(frozen=True, slots=True)
class _Kind:
    table: Mapping[Key, Any]
    reduce: Callable[[Obj], Any]
    put: Callable[[Key, Any], None]


def _index(service: Service) -> list[tuple[str, str, str]]:
    """Pick one entry of the selector, always the same."""
    if service.selector is None:
        return []
    name, value = min(service.selector)
    return [(service.key.namespace, name, value)]


def _workload(pod: Key, labels: Labels) -> str:
    known = dict(labels)
    name = known.get("service.istio.io/canonical-name") or known.get("app") or pod.name
    revision = known.get("service.istio.io/canonical-revision") or known.get("version") or ""
    return f"{pod.name};{pod.namespace};{name};{revision};{CLUSTER_ID}"
