"""Pods read as proxies: what is kept of a pod, and the proxy that follows from it.

A pod is read once per event, and its JSON is then dropped. The `PodRecord` that stays holds what
decides whether the pod's proxy runs, and the proxy's identity, which it shares with the other pods
of its template. A `ProxySpec` is made of it only when the proxy starts.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.kube.resources import has_condition
from pyload.pods.identity import Identity, IdentityPool, read_identity
from pyload.proxies.spec import NO_METADATA, ProxySpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyload.kube.resources import Obj
    from pyload.pods.reasons import Skip


@dataclass(frozen=True, slots=True)
class PodRecord:
    """What is kept of a pod.

    Attributes:
        uid: Names the pod for ever.
        name: Name.
        identity: Its proxy, or why it has none.
        namespace: Namespace.
        node: Name of its node; empty before it is scheduled.
        ips: Its IPs, the main one first; empty before it has one.
        phase: ``Pending``, ``Running``, and so on.
        ready: Whether its Ready condition is true.
        terminating: Whether its deletion has begun.
        killed: Whether the time that it had to end is over.
        host_network: Whether it uses its node's network.
        own: Metadata that the template's other pods do not have, such as the node's name.
    """

    uid: str
    name: str
    identity: Identity | Skip
    namespace: str = ""
    node: str = ""
    ips: tuple[str, ...] = ()
    phase: str = ""
    ready: bool = False
    terminating: bool = False
    killed: bool = False
    host_network: bool = False
    own: tuple[tuple[str, str], ...] = ()

    @property
    def ip(self) -> str:
        """The main IP, or empty."""
        return self.ips[0] if self.ips else ""


class MeshPods:
    """Reads pods as the proxies that Istio has put into them.

    Args:
        address: One control plane for all proxies; empty for the one that each pod names.
        address_map: Addresses to connect to instead of those that pods name.

    Attributes:
        identities: Those of the pods that were read and are still kept.
    """

    def __init__(self, *, address: str = "", address_map: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._address_map = address_map
        self.identities = IdentityPool()

    def read(self, pod: Obj) -> PodRecord:
        """Reduce a pod to what is kept of it.

        Args:
            pod: The pod as the API server sent it; neither changed nor kept.
        """
        return read_pod(pod, self.identities)

    def to_spec(self, pod: PodRecord, *, locality: str) -> ProxySpec:
        """Return the proxy of a pod that has an identity and an IP.

        Args:
            pod: The pod.
            locality: Where its node stands.
        """
        return proxy_spec(
            pod, address=self._address, address_map=self._address_map, locality=locality
        )


def read_pod(obj: Obj, identities: IdentityPool | None = None) -> PodRecord:
    """Reduce a pod to what is kept of it.

    Args:
        obj: The pod as the API server sent it; neither changed nor kept.
        identities: Where identities are shared with those of other pods.
    """
    metadata = obj["metadata"]
    spec = obj.get("spec") or {}
    status = obj.get("status") or {}
    identity, own = read_identity(obj)
    if identities is not None and isinstance(identity, Identity):
        identity = identities.share(identity)
    terminating = bool(metadata.get("deletionTimestamp"))
    return PodRecord(
        uid=metadata["uid"],
        namespace=sys.intern(metadata.get("namespace") or ""),
        name=metadata["name"],
        node=sys.intern(spec.get("nodeName") or ""),
        ips=tuple(_ips(status)),
        phase=sys.intern(status.get("phase") or ""),
        ready=has_condition(obj),
        terminating=terminating,
        killed=terminating and metadata.get("deletionGracePeriodSeconds") == 0,
        host_network=bool(spec.get("hostNetwork")),
        identity=identity,
        own=own,
    )


def skipped_pod(obj: Obj, reason: Skip) -> PodRecord:
    """Reduce a pod to its names and the reason why it gets no proxy."""
    metadata = obj["metadata"]
    return PodRecord(uid=metadata["uid"], name=metadata["name"], identity=reason)


def proxy_spec(
    pod: PodRecord,
    *,
    address: str = "",
    address_map: Mapping[str, str] | None = None,
    locality: str = "",
) -> ProxySpec:
    """Return the proxy of a pod that has an identity and an IP.

    Args:
        pod: The pod.
        address: Where to connect, whatever the pod says.
        address_map: Where to connect instead of the address that the pod says.
        locality: Where its node stands, for a pod that does not say where it runs itself.
    """
    identity = pod.identity
    assert isinstance(identity, Identity)
    own = [*pod.own, ("NAME", pod.name), ("INSTANCE_IPS", ",".join(pod.ips))]
    if identity.metadata is not None:
        own.append(("NAMESPACE", pod.namespace))
    elif pod.node:
        own.append(("NODE_NAME", pod.node))
    return ProxySpec(
        key=pod.uid,
        type=identity.type,
        ip=pod.ip,
        name=pod.name,
        namespace=pod.namespace,
        service_account=identity.service_account,
        labels=identity.labels,
        metadata=NO_METADATA if identity.metadata is None else identity.metadata,
        cluster_id=identity.cluster_id,
        domain=identity.domain,
        metadata_is_final=identity.metadata is not None,
        address=address or (address_map or {}).get(identity.address, identity.address),
        own=tuple(own),
        workload=(identity.labels or {}).get("app", ""),
        locality=identity.locality or locality,
    )


def _ips(status: Obj) -> Iterator[str]:
    main = status.get("podIP") or ""
    if main:
        yield main
    for each in status.get("podIPs") or ():
        if each["ip"] != main:
            yield each["ip"]
