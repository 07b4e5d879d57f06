"""A pod as a mesh proxy: which one it would run, under which identity, or why none.

Pods are read once per event and dropped; a `PodRecord` keeps what decides whether a proxy runs, and
shares everything that the pods of one template have in common.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import orjson

from pyload.pods.environment import environment, expand
from pyload.pods.metadata import agent_metadata, given_metadata, proxy_config
from pyload.proxies.spec import ProxySpec
from pyload.xds.node import ISTIO_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyload.kube.resources import Obj


TYPES: Final = frozenset({"sidecar", "router", "waypoint", "ztunnel"})

_CONTAINER: Final = "istio-proxy"
_INJECT: Final = "sidecar.istio.io/inject"
_STATUS: Final = "sidecar.istio.io/status"
_FLAVOUR: Final = re.compile("-(distroless|debug)$")


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a pod gets no proxy, in short words that are always the same for one cause."""

    reason: str


NOT_A_PROXY: Final = Skip("not a mesh proxy")
HOST_NETWORK: Final = Skip("host network")
OPTED_OUT: Final = Skip("opted out of injection")
PROXY_MISSING: Final = Skip("injected without a proxy")
AGENTGATEWAY: Final = Skip("agentgateway")
PROXYLESS: Final = Skip("proxyless gRPC")
UNKNOWN_TYPE: Final = Skip("unknown proxy type")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Identity:
    """What the proxies of one pod template have in common.

    Attributes:
        type: Node type.
        service_account: The pods' service account.
        cluster_id: Istio's name of the cluster.
        domain: DNS domain in the node's id.
        network: Istio's name of the network; may be empty.
        revision: Revision of the control plane that injected the proxy; may be empty.
        address: ``HOST:PORT`` of the control plane that the agent would connect to.
        version: Istio's version, from the image's tag; empty if that is none, as ``latest``.
        labels: Pod labels as the agent sends them; None where it sends none.
        metadata: Node metadata but for the pod's name and IPs, and the version.
        unresolved: Parts of the environment that could not be resolved.
    """

    type: str
    service_account: str
    cluster_id: str
    domain: str
    network: str
    revision: str
    address: str
    version: str
    labels: Mapping[str, str] | None
    metadata: Mapping[str, object]
    unresolved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PodRecord:
    """What is kept of a pod.

    Attributes:
        uid: Names the pod for ever.
        namespace: Namespace.
        name: Name.
        node: Name of its node; empty before it is scheduled.
        ips: Its IPs, the main one first; empty before it has one.
        phase: ``Pending``, ``Running``, and so on.
        ready: Whether its Ready condition is true.
        terminating: Whether its deletion has begun.
        killed: Whether the time that it had to end is over.
        host_network: Whether it uses its node's network.
        owner: Kind of its controller, such as ``ReplicaSet``; may be empty.
        identity: Its proxy, or why it has none.
        own: Metadata that the template's other pods do not have, such as the node's name.
    """

    uid: str
    namespace: str
    name: str
    node: str
    ips: tuple[str, ...]
    phase: str
    ready: bool
    terminating: bool
    killed: bool
    host_network: bool
    owner: str
    identity: Identity | Skip
    own: tuple[tuple[str, str], ...] = ()

    @property
    def ip(self) -> str:
        """The main IP, or empty."""
        return self.ips[0] if self.ips else ""


class IdentityPool:
    """Identities that are in use, so that equal ones are kept once."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[bytes, Identity] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._known)

    def share(self, identity: Identity) -> Identity:
        """Give the known identity that equals this one, or this one."""
        key = hashlib.blake2b(orjson.dumps(identity, default=tuple), digest_size=16).digest()
        return self._known.setdefault(key, identity)


def read_pod(obj: Obj, identities: IdentityPool | None = None) -> PodRecord:
    """Reduce a pod to what is kept of it.

    Args:
        obj: The pod as the API server gave it; not changed and not kept.
        identities: Where identities are shared with those of other pods.
    """
    metadata = obj["metadata"]
    spec = obj.get("spec") or {}
    status = obj.get("status") or {}
    identity, own = _identity(obj)
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
        ready=_is_ready(status),
        terminating=terminating,
        killed=terminating and metadata.get("deletionGracePeriodSeconds") == 0,
        host_network=bool(spec.get("hostNetwork")),
        owner=_owner(metadata),
        identity=identity,
        own=own,
    )


def spec_of(
    pod: PodRecord,
    *,
    address: str = "",
    address_map: Mapping[str, str] | None = None,
    cluster_id: str = "",
    istio_version: str = "",
) -> ProxySpec:
    """Give the proxy of a pod that has an identity and an IP.

    Args:
        pod: The pod.
        address: Connect here, whatever the pod says.
        address_map: Where to connect instead of the address that the pod says.
        cluster_id: The cluster's name, whatever the pod says.
        istio_version: Version to claim where the pod does not tell one.
    """
    identity = pod.identity
    assert isinstance(identity, Identity)
    metadata = {
        **identity.metadata,
        **dict(pod.own),
        "NAME": pod.name,
        "NAMESPACE": pod.namespace,
        "INSTANCE_IPS": ",".join(pod.ips),
    }
    if cluster_id:
        metadata["CLUSTER_ID"] = cluster_id
    if identity.type != "ztunnel":
        metadata["ISTIO_VERSION"] = identity.version or istio_version or ISTIO_VERSION
    return ProxySpec(
        key=pod.uid,
        type=identity.type,
        ip=pod.ip,
        name=pod.name,
        namespace=pod.namespace,
        service_account=identity.service_account,
        labels=identity.labels,
        metadata=metadata,
        cluster_id=cluster_id or identity.cluster_id,
        domain=identity.domain,
        complete=True,
        address=address or (address_map or {}).get(identity.address, identity.address),
    )


def _identity(obj: Obj) -> tuple[Identity | Skip, tuple[tuple[str, str], ...]]:
    spec = obj.get("spec") or {}
    container = _proxy_container(spec)
    if container is None:
        return _why_none(obj), ()
    args = container.get("args") or ()
    if not args or args[0] != "proxy":
        return NOT_A_PROXY, ()
    type_ = args[1] if len(args) > 1 and not args[1].startswith("-") else "sidecar"
    if type_ not in TYPES:
        return UNKNOWN_TYPE, ()
    found = environment(container, obj)
    if found.values.get("ISTIO_META_GENERATOR") == "grpc":
        return PROXYLESS, ()
    metadata = obj["metadata"]
    labels: Obj = dict(metadata.get("labels") or {})
    labels.pop("pod-template-hash", None)
    annotations: Obj = metadata.get("annotations") or {}
    config = proxy_config(found, annotations)
    shared, own = given_metadata(found, config)
    values = found.values
    service_account = spec.get("serviceAccountName") or "default"
    cluster_id = shared.get("CLUSTER_ID") or values.get("CLUSTER_ID") or "Kubernetes"
    address = config["discoveryAddress"]
    sent: Mapping[str, str] | None = labels
    if type_ == "ztunnel":
        sent = None
        address = values.get("XDS_ADDRESS", "").rpartition("//")[2] or address
        own += (("NODE_NAME", values.get("NODE_NAME") or spec.get("nodeName") or ""),)
        shared = {**shared, "CLUSTER_ID": cluster_id}
    else:
        shared = agent_metadata(
            shared,
            config,
            labels=labels,
            annotations=annotations,
            service_account=values.get("SERVICE_ACCOUNT") or service_account,
            cluster_id=cluster_id,
            waypoint=type_ == "waypoint",
        )
    identity = Identity(
        type=type_,
        service_account=service_account,
        cluster_id=cluster_id,
        domain=_domain(args, values, metadata.get("namespace") or ""),
        network=_network(shared, values, labels),
        revision=_revision(annotations, labels),
        address=address,
        version=_version(container.get("image") or ""),
        labels=sent,
        metadata=shared,
        unresolved=tuple(found.unresolved),
    )
    return identity, own


def _proxy_container(spec: Obj) -> Obj | None:
    """Find the proxy among the containers, or as a sidecar among the init containers."""
    containers: list[Obj] = spec.get("containers") or []
    initial: list[Obj] = spec.get("initContainers") or []
    sidecars = [each for each in initial if each.get("restartPolicy") == "Always"]
    return next((each for each in (*containers, *sidecars) if each["name"] == _CONTAINER), None)


def _why_none(obj: Obj) -> Skip:
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    if any(container["name"] == "agentgateway" for container in spec.get("containers") or ()):
        return AGENTGATEWAY
    if spec.get("hostNetwork"):
        return HOST_NETWORK
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if "false" in (labels.get(_INJECT), annotations.get(_INJECT)):
        return OPTED_OUT
    return PROXY_MISSING if _STATUS in annotations else NOT_A_PROXY


def _ips(status: Obj) -> Iterator[str]:
    main = status.get("podIP") or ""
    if main:
        yield main
    for each in status.get("podIPs") or ():
        if each["ip"] != main:
            yield each["ip"]


def _is_ready(status: Obj) -> bool:
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready":
            return bool(condition["status"] == "True")
    return False


def _owner(metadata: Obj) -> str:
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return sys.intern(reference["kind"])
    return ""


def _domain(args: list[str], values: Mapping[str, str], namespace: str) -> str:
    for position, argument in enumerate(args):
        if argument == "--domain" and position + 1 < len(args):
            return expand(args[position + 1], values)
        if argument.startswith("--domain="):
            return expand(argument.removeprefix("--domain="), values)
    return f"{namespace}.svc.cluster.local"


def _network(shared: Obj, values: Mapping[str, str], labels: Mapping[str, str]) -> str:
    known = shared.get("NETWORK") or values.get("NETWORK")
    return str(known or labels.get("topology.istio.io/network") or "")


def _revision(annotations: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Give the revision's name; a label may hold a tag instead, so it comes last."""
    revision = annotations.get("istio.io/rev")
    if not revision and _STATUS in annotations:
        try:
            status = orjson.loads(annotations[_STATUS])
        except orjson.JSONDecodeError:
            status = None
        revision = status.get("revision") if isinstance(status, dict) else None
    return sys.intern(str(revision or labels.get("istio.io/rev") or ""))


def _version(image: str) -> str:
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return _FLAVOUR.sub("", tag) if tag[:1].isdigit() else ""
