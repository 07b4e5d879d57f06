"""The endpoints of services: which pods serve them, and the slices and Endpoints that list those.

Pods whose ports have the same numbers share slices, of at most `MOST` endpoints each. Slices are
changed as little as possible: an endpoint stays in the slice that it is in.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import has_ended
from pyload.embedded.controllers.owners import reference_to
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.kube.resources import Obj

MOST: Final = 100
"""Endpoints of a slice."""

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"
OF_ENDPOINTS: Final = "endpoints.kubernetes.io/managed-by"
OF_ENDPOINTS_MANAGER: Final = "endpoint-controller"

_HEADLESS: Final = "service.kubernetes.io/headless"

Ports = tuple[tuple[str, int, str, str], ...]
"""Name, number, protocol and application protocol of each port."""


@dataclass(frozen=True, slots=True)
class ServingPod:
    """A pod with the fields that endpoints need.

    Attributes:
        name: Its name.
        uid: Its UID.
        ip: Its address; empty while it has none, or when it has ended.
        node: Name of its node.
        hostname: Its own name within its subdomain, or empty.
        subdomain: That subdomain, or empty.
        ready: Whether it is ready.
        terminating: Whether its deletion has begun.
        ports: Numbers of its named ports, by name and protocol.
    """

    name: str
    uid: str
    ip: str
    node: str
    hostname: str
    subdomain: str
    ready: bool
    terminating: bool
    ports: tuple[tuple[tuple[str, str], int], ...]

    @classmethod
    def read(cls, obj: Obj) -> ServingPod:
        """Read a pod object."""
        metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
        beside = [
            one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"
        ]
        named = {
            (port["name"], port.get("protocol", "TCP")): port["containerPort"]
            for container in (*spec.get("containers", ()), *beside)
            for port in container.get("ports") or ()
            if port.get("name")
        }
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            ip="" if has_ended(obj) else status.get("podIP", ""),
            node=spec.get("nodeName", ""),
            hostname=spec.get("hostname", ""),
            subdomain=spec.get("subdomain", ""),
            ready=has_condition(obj),
            terminating="deletionTimestamp" in metadata,
            ports=tuple(named.items()),
        )


def ports_of(service: Obj, pod: ServingPod) -> Ports:
    """Return the ports at which a pod serves a service, without those that it does not have."""
    numbers = dict(pod.ports)
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        target = port.get("targetPort") or port["port"]
        number = numbers.get((target, protocol)) if isinstance(target, str) else target
        if number:
            found.append((port.get("name", ""), number, protocol, port.get("appProtocol", "")))
    return tuple(found)


def by_ports(service: Obj, pods: Iterable[ServingPod]) -> dict[Ports, dict[str, Obj]]:
    """Return the endpoints of a service by their ports, and by the UID of their pod."""
    headless = service["spec"].get("clusterIP") == "None"
    found: defaultdict[Ports, dict[str, Obj]] = defaultdict(dict)
    for pod in pods:
        ports = ports_of(service, pod)
        if pod.ip and (ports or headless):
            found[ports][pod.uid] = _endpoint(service, pod)
    return dict(found)


def _endpoint(service: Obj, pod: ServingPod) -> Obj:
    metadata = service["metadata"]
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: Obj = {
        "addresses": [pod.ip],
        "conditions": {
            "ready": published or (pod.ready and not pod.terminating),
            "serving": pod.ready,
            "terminating": pod.terminating,
        },
        "targetRef": _target(pod, metadata["namespace"]),
    }
    if pod.node:
        endpoint["nodeName"] = pod.node
    if pod.hostname and pod.subdomain == metadata["name"]:
        endpoint["hostname"] = pod.hostname
    return endpoint


def _target(pod: ServingPod, namespace: str) -> Obj:
    return {"kind": "Pod", "namespace": namespace, "name": pod.name, "uid": pod.uid}


@dataclass(frozen=True, slots=True)
class SliceChanges:
    """What has to be written for the slices of a service to be right.

    Attributes:
        create: Slices to create.
        update: Slices to replace.
        delete: Names of those to delete.
    """

    create: list[Obj]
    update: list[Obj]
    delete: list[str]


def change_slices(
    service: Obj, wanted: Mapping[Ports, Mapping[str, Obj]], slices: Iterable[Obj]
) -> SliceChanges:
    """Decide what becomes of the slices of a service.

    Args:
        service: The service.
        wanted: Its endpoints by ports and UID of the pod.
        slices: Its slices that the controller has made.
    """
    groups = dict(wanted) or {(): {}}
    there: defaultdict[tuple[str, Ports], list[Obj]] = defaultdict(list)
    for one in slices:
        there[one["addressType"], _ports_in(one)].append(one)
    changes = SliceChanges([], [], [])
    for ports, endpoints in groups.items():
        for family, members in _by_family(service, endpoints).items():
            _fill(changes, service, (family, ports), members, there.pop((family, ports), []))
    changes.delete.extend(one["metadata"]["name"] for rest in there.values() for one in rest)
    return changes


def _by_family(service: Obj, endpoints: Mapping[str, Obj]) -> dict[str, dict[str, Obj]]:
    found: defaultdict[str, dict[str, Obj]] = defaultdict(dict)
    for uid, endpoint in endpoints.items():
        found["IPv6" if ":" in endpoint["addresses"][0] else "IPv4"][uid] = endpoint
    families = service["spec"].get("ipFamilies") or ["IPv4"]
    return dict(found) or {families[0]: {}}


def _fill(
    changes: SliceChanges,
    service: Obj,
    group: tuple[str, Ports],
    members: Mapping[str, Obj],
    slices: list[Obj],
) -> None:
    """Put the endpoints of one group into its slices, and into new ones what does not fit."""
    left = dict(members)
    kept = []
    for one in slices:
        uids = [str((item.get("targetRef") or {}).get("uid")) for item in one["endpoints"]]
        kept.append([left.pop(uid) for uid in uids if uid in left])
    fresh = list(left.values())
    for at, one in enumerate(slices):
        room = MOST - len(kept[at])
        listed = [*kept[at], *fresh[:room]]
        fresh = fresh[room:]
        if not listed and (members or at):
            changes.delete.append(one["metadata"]["name"])
            continue
        built = _slice(service, group, listed)
        metadata = {**one["metadata"], **built["metadata"]}
        changed = {**one, **built, "metadata": metadata}
        if changed != one:
            changes.update.append(changed)
    if not slices and not members:
        changes.create.append(_slice(service, group, []))
    for at in range(0, len(fresh), MOST):
        changes.create.append(_slice(service, group, fresh[at : at + MOST]))


def _slice(service: Obj, group: tuple[str, Ports], endpoints: list[Obj]) -> Obj:
    family, ports = group
    metadata = service["metadata"]
    labels = {**_labels(service), SERVICE_NAME: metadata["name"], MANAGED_BY: MANAGER}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [reference_to(service)],
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": [_port(*port) for port in ports],
    }


def _labels(service: Obj) -> dict[str, str]:
    labels = dict(service["metadata"].get("labels") or {})
    if service["spec"].get("clusterIP") == "None":
        labels[_HEADLESS] = ""
    return labels


def _port(name: str, number: int, protocol: str, application: str) -> Obj:
    port: Obj = {"name": name, "port": number, "protocol": protocol}
    return {**port, "appProtocol": application} if application else port


def _ports_in(one: Obj) -> Ports:
    return tuple(
        (
            port.get("name", ""),
            port.get("port", 0),
            port.get("protocol", "TCP"),
            port.get("appProtocol", ""),
        )
        for port in one.get("ports") or ()
    )


def endpoints_of(service: Obj, pods: Iterable[ServingPod]) -> Obj:
    """Build the Endpoints of a service, which list ready and other pods apart."""
    metadata, spec = service["metadata"], service["spec"]
    published = bool(spec.get("publishNotReadyAddresses"))
    subsets: defaultdict[Ports, tuple[list[Obj], list[Obj]]] = defaultdict(lambda: ([], []))
    for pod in sorted(pods, key=lambda one: one.ip):
        ports = ports_of(service, pod)
        headless = spec.get("clusterIP") == "None"
        if not pod.ip or (pod.terminating and not published) or not (ports or headless):
            continue
        address: Obj = {"ip": pod.ip, "targetRef": _target(pod, metadata["namespace"])}
        if pod.node:
            address["nodeName"] = pod.node
        if pod.hostname and pod.subdomain == metadata["name"]:
            address["hostname"] = pod.hostname
        subsets[ports][0 if published or pod.ready else 1].append(address)
    obj: Obj = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {**_labels(service), OF_ENDPOINTS: OF_ENDPOINTS_MANAGER},
        },
    }
    listed = []
    for ports, (ready, others) in subsets.items():
        lists = {"addresses": ready, "notReadyAddresses": others}
        subset: Obj = {name: addresses for name, addresses in lists.items() if addresses}
        if ports:
            subset["ports"] = [_port(*port) for port in ports]
        listed.append(subset)
    return {**obj, "subsets": listed} if listed else obj
