"""Which proxy a pod would run and under which identity, or why none.

A pod's proxy container is found first, then its environment is resolved; from both follows the
identity, for an Envoy and for a ztunnel in ways of their own. The pods of one template have nearly
all of it in common. That part is an `Identity`, which an `IdentityPool` keeps once however many
pods there are; the few values that differ from pod to pod stand beside it.
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
from pyload.pods.reasons import Skip
from pyload.xds.agent import locality_of
from pyload.xds.node import NODE_TYPES, SIDECAR, ZTUNNEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.kube.resources import Obj
    from pyload.pods.environment import Environment

    OwnMetadata = tuple[tuple[str, str], ...]


_CONTAINER: Final = "istio-proxy"
_INJECT: Final = "sidecar.istio.io/inject"
_STATUS: Final = "sidecar.istio.io/status"
_IS_VERSION: Final = re.compile(r"\d+\.\d")
_FLAVOUR: Final = re.compile("-(distroless|debug)$")


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
        locality: Where the pod's labels say that it runs; may be empty.
        labels: Pod labels as the agent sends them; None where it sends none.
        metadata: Node metadata but for the pod's name and IPs; None where the pod does not say it.
        unresolved: Parts of the environment that could not be resolved.
    """

    type: str
    service_account: str
    cluster_id: str
    domain: str
    network: str
    revision: str
    address: str
    locality: str
    labels: Mapping[str, str] | None
    metadata: Mapping[str, object] | None
    unresolved: tuple[str, ...]


class IdentityPool:
    """Interns identities: equal ones are kept once, for as long as a pod has them."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[bytes, Identity] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._known)

    def share(self, identity: Identity) -> Identity:
        """Return the known identity that equals this one, or this one."""
        key = hashlib.blake2b(orjson.dumps(identity, default=tuple), digest_size=16).digest()
        return self._known.setdefault(key, identity)


@dataclass(slots=True)
class _Proxy:
    """A proxy container, read as far as an Envoy and a ztunnel agree.

    Attributes:
        metadata: Node metadata that the environment names, and that the template's pods share.
        own: Node metadata that only this pod has.
    """

    type: str
    args: list[str]
    image: str
    environment: Environment
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]
    config: Obj
    metadata: Obj
    own: OwnMetadata
    service_account: str
    cluster_id: str


def read_identity(pod: Obj) -> tuple[Identity | Skip, OwnMetadata]:
    """Read which proxy a pod runs.

    Args:
        pod: The pod as the API server sent it; neither changed nor kept.

    Returns:
        The proxy's identity or the reason for there being none, and the metadata that the other
        pods of its template do not have.
    """
    spec = pod.get("spec") or {}
    container = _proxy_container(spec)
    if container is None:
        return _why_no_container(pod), ()
    args: list[str] = container.get("args") or []
    if not args or args[0] != "proxy":
        return Skip.NOT_A_PROXY, ()
    type_ = args[1] if len(args) > 1 and not args[1].startswith("-") else SIDECAR
    if type_ not in NODE_TYPES:
        return Skip.UNKNOWN_TYPE, ()
    found = environment(container, pod)
    if found.values.get("ISTIO_META_GENERATOR") == "grpc":
        return Skip.PROXYLESS, ()
    proxy = _read_proxy(pod, container, type_, found)
    if type_ == ZTUNNEL:
        node = found.values.get("NODE_NAME") or spec.get("nodeName") or ""
        return _ztunnel_identity(proxy), (*proxy.own, ("NODE_NAME", node))
    return _envoy_identity(proxy), proxy.own


def assumed_identity(pod: Obj, *, type_: str, labels: Mapping[str, str]) -> Identity:
    """Return the identity of a proxy of which the pod's containers say nothing.

    It has the pod's own service account, and the metadata of any proxy of its type.

    Args:
        pod: The pod as the API server sent it; neither changed nor kept.
        type_: Node type.
        labels: The labels that the proxy sends.
    """
    service_account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
    return Identity(
        type=type_,
        service_account=service_account,
        cluster_id="Kubernetes",
        domain=f"{pod['metadata'].get('namespace') or ''}.svc.cluster.local",
        network="",
        revision="",
        address="",
        locality=locality_of(pod["metadata"].get("labels") or {}),
        labels=labels,
        metadata=None,
        unresolved=(),
    )


def _proxy_container(spec: Obj) -> Obj | None:
    """Return the proxy among the containers, or as a sidecar among the init containers."""
    containers: list[Obj] = spec.get("containers") or []
    initial: list[Obj] = spec.get("initContainers") or []
    sidecars = [each for each in initial if each.get("restartPolicy") == "Always"]
    return next((each for each in (*containers, *sidecars) if each["name"] == _CONTAINER), None)


def _why_no_container(pod: Obj) -> Skip:
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    if any(container["name"] == "agentgateway" for container in spec.get("containers") or ()):
        return Skip.AGENTGATEWAY
    if spec.get("hostNetwork"):
        return Skip.HOST_NETWORK
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if "false" in (labels.get(_INJECT), annotations.get(_INJECT)):
        return Skip.OPTED_OUT
    return Skip.PROXY_MISSING if _STATUS in annotations else Skip.NOT_A_PROXY


def _read_proxy(pod: Obj, container: Obj, type_: str, found: Environment) -> _Proxy:
    metadata = pod["metadata"]
    labels: dict[str, str] = dict(metadata.get("labels") or {})
    labels.pop("pod-template-hash", None)
    annotations: dict[str, str] = metadata.get("annotations") or {}
    config = proxy_config(found, annotations)
    shared, own = given_metadata(found, config)
    return _Proxy(
        type=type_,
        args=container["args"],
        image=container.get("image") or "",
        environment=found,
        namespace=metadata.get("namespace") or "",
        labels=labels,
        annotations=annotations,
        config=config,
        metadata=shared,
        own=own,
        service_account=(pod.get("spec") or {}).get("serviceAccountName") or "default",
        cluster_id=shared.get("CLUSTER_ID") or found.values.get("CLUSTER_ID") or "Kubernetes",
    )


def _ztunnel_identity(proxy: _Proxy) -> Identity:
    written = proxy.environment.values.get("XDS_ADDRESS", "")
    return _identity(
        proxy,
        address=written.rpartition("//")[2] or proxy.config["discoveryAddress"],
        labels=None,
        metadata={**proxy.metadata, "CLUSTER_ID": proxy.cluster_id},
    )


def _envoy_identity(proxy: _Proxy) -> Identity:
    metadata = agent_metadata(
        proxy.environment,
        proxy.metadata,
        proxy.config,
        labels=proxy.labels,
        annotations=proxy.annotations,
        service_account=proxy.environment.values.get("SERVICE_ACCOUNT") or proxy.service_account,
        cluster_id=proxy.cluster_id,
        version=_version(proxy.image),
    )
    return _identity(
        proxy,
        address=proxy.config["discoveryAddress"],
        labels=proxy.labels,
        metadata=metadata,
    )


def _identity(
    proxy: _Proxy, *, address: str, labels: Mapping[str, str] | None, metadata: Obj
) -> Identity:
    values = proxy.environment.values
    return Identity(
        type=proxy.type,
        service_account=proxy.service_account,
        cluster_id=proxy.cluster_id,
        domain=_domain(proxy.args, values, proxy.namespace),
        network=_network(metadata, values, proxy.labels),
        revision=_revision(proxy.annotations, proxy.labels),
        address=address,
        locality=locality_of(proxy.labels),
        labels=labels,
        metadata=metadata,
        unresolved=tuple(proxy.environment.unresolved),
    )


def _domain(args: list[str], values: Mapping[str, str], namespace: str) -> str:
    for position, argument in enumerate(args):
        if argument == "--domain" and position + 1 < len(args):
            return expand(args[position + 1], values)
        if argument.startswith("--domain="):
            return expand(argument.removeprefix("--domain="), values)
    return f"{namespace}.svc.cluster.local"


def _network(metadata: Obj, values: Mapping[str, str], labels: Mapping[str, str]) -> str:
    known = metadata.get("NETWORK") or values.get("NETWORK")
    return str(known or labels.get("topology.istio.io/network") or "")


def _revision(annotations: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Return the revision's name; a label may hold a tag instead, so it comes last."""
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
    return _FLAVOUR.sub("", tag) if _IS_VERSION.match(tag) else ""
