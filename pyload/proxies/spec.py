"""One emulated proxy: the identity under which it appears before the control plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        metadata: Further node metadata; the fixed keys win over these.
        cluster_id: Istio's name of the cluster.
        domain: DNS domain in the node's id; empty for ``NAMESPACE.svc.cluster.local``.
        metadata_is_final: Whether `metadata` is sent as it is, without the fixed keys.
        address: ``HOST:PORT`` that the proxy itself would connect to; empty if it names none.
    """

    key: str
    type: str
    ip: str
    name: str
    namespace: str
    service_account: str = "default"
    labels: Mapping[str, str] | None = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    cluster_id: str = "Kubernetes"
    domain: str = ""
    metadata_is_final: bool = False
    address: str = ""
