"""One emulated proxy: the identity under which it appears before the control plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


NO_LABELS: Final[Mapping[str, str]] = {}
NO_METADATA: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """One proxy to run.

    Attributes:
        key: Names the proxy within a fleet: the pod's UID, or any text unique in the run.
        type: Node type as istiod reads it: ``sidecar``, ``router``, ``waypoint``, ``ztunnel``.
        ip: Pod IP.
        name: Pod name.
        namespace: Pod namespace.
        service_account: The pod's service account.
        labels: Pod labels, or None where a real proxy of this type sends none.
        metadata: Node metadata that the proxies of one workload share, beyond the fixed keys, which
            win over these. The proxies should share the object too.
        cluster_id: Istio's name of the cluster.
        domain: DNS domain in the node's id; empty for ``NAMESPACE.svc.cluster.local``.
        metadata_is_final: Whether `metadata` and `own` are sent as they are, without fixed keys.
        address: ``HOST:PORT`` that the proxy itself would connect to; empty if it names none.
        own: Node metadata of this proxy alone. Where the metadata is not final, a bare node leaves
            out ``NODE_NAME``.
        workload: Name of the pod's Deployment, where the metadata is not final; may be empty.
        locality: ``REGION/ZONE/SUBZONE`` where it runs, the last of which may be missing; may be
            empty.
    """

    key: str
    type: str
    ip: str
    name: str
    namespace: str
    service_account: str = "default"
    labels: Mapping[str, str] | None = field(default_factory=lambda: NO_LABELS)
    metadata: Mapping[str, object] = field(default_factory=lambda: NO_METADATA)
    cluster_id: str = "Kubernetes"
    domain: str = ""
    metadata_is_final: bool = False
    address: str = ""
    own: tuple[tuple[str, str], ...] = ()
    workload: str = ""
    locality: str = ""
