"""The proxy at the other end of a stream: what its node claims and what its token proves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from pyload.embedded.controlplane.model import CLUSTER_ID, Key
from pyload.errors import StreamError
from pyload.xds.tls import is_ip

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct

    from pyload.embedded.controlplane.model import Labels
    from pyload.xds.wire import discovery_pb2

NODE_TYPES: Final = ("sidecar", "router", "waypoint", "ztunnel", "agentgateway")


def invalid_argument(message: str) -> StreamError:
    """Return the error for a request that no proxy of Istio sends."""
    return StreamError(code=3, name="INVALID_ARGUMENT", message=message)


def permission_denied(message: str) -> StreamError:
    """Return the error for a proxy that claims to be another."""
    return StreamError(code=7, name="PERMISSION_DENIED", message=message)


def unauthenticated(message: str) -> StreamError:
    """Return the error for a peer without good credentials."""
    return StreamError(code=16, name="UNAUTHENTICATED", message=message)


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """The service account that a token or certificate proves.

    Attributes:
        namespace: Namespace of the service account.
        service_account: Name of the service account.
    """

    namespace: str
    service_account: str


@dataclass(frozen=True, slots=True)
class ConnectedProxy:
    """A proxy as its node describes it.

    Attributes:
        id: Its node id.
        type: ``sidecar``, ``router``, ``waypoint``, ``ztunnel`` or ``agentgateway``.
        pod: Its pod, from the node id, as istiod takes it since 1.27.
        namespace: ``NAMESPACE`` of the metadata, else the pod's.
        service_account: ``SERVICE_ACCOUNT`` of the metadata, or empty.
        labels: ``LABELS`` of the metadata.
        known_cluster: Whether it runs in the cluster that is watched here.
    """

    id: str
    type: str
    pod: Key
    namespace: str
    service_account: str
    labels: Labels
    known_cluster: bool

    @classmethod
    def from_node(cls, node: discovery_pb2.Node) -> Self:
        """Read a node as istiod does.

        Raises:
            StreamError: INVALID_ARGUMENT: a proxy of Istio does not send such a node.
        """
        if not node.id:
            raise invalid_argument("missing node information")
        parts = node.id.split("~")
        if len(parts) != 4:
            raise invalid_argument(f"missing parts in the service node {node.id!r}")
        kind, ip, pod, domain = parts
        if kind not in NODE_TYPES:
            raise invalid_argument(f"invalid node type {kind!r} in the service node {node.id!r}")
        text = _texts(node.metadata)
        addresses = text.get("INSTANCE_IPS") or ip
        if not any(is_ip(address.strip()) for address in addresses.split(",")):
            raise invalid_argument("no valid IP address in the service node id or metadata")
        name, _, namespace = pod.rpartition(".")
        namespace = namespace or domain.partition(".")[0]
        return cls(
            id=node.id,
            type=kind,
            pod=Key(namespace, name),
            namespace=text.get("NAMESPACE") or namespace,
            service_account=text.get("SERVICE_ACCOUNT", ""),
            labels=_labels(node.metadata),
            known_cluster=text.get("CLUSTER_ID", "") in ("", CLUSTER_ID),
        )

    def check(self, identity: WorkloadIdentity) -> None:
        """Raise an error unless the proxy is the one that its token proves.

        Raises:
            StreamError: PERMISSION_DENIED: the namespace or service account differs.
        """
        account = self.service_account or identity.service_account
        if (self.namespace, account) != (identity.namespace, identity.service_account):
            raise permission_denied(
                f"no identities ([spiffe://cluster.local/ns/{identity.namespace}"
                f"/sa/{identity.service_account}]) matched {self.namespace}/{account}"
            )


def _texts(metadata: Struct) -> dict[str, str]:
    fields = metadata.fields
    wanted = ("NAMESPACE", "SERVICE_ACCOUNT", "INSTANCE_IPS", "CLUSTER_ID")
    return {name: fields[name].string_value for name in wanted if name in fields}


def _labels(metadata: Struct) -> Labels:
    if "LABELS" not in metadata.fields:
        return frozenset()
    labels = metadata.fields["LABELS"].struct_value.fields
    return frozenset((name, value.string_value) for name, value in labels.items())
