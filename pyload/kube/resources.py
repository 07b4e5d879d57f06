"""The kinds that pyload touches, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Obj = dict[str, Any]
"""A Kubernetes object as decoded JSON."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object.

    Attributes:
        group: API group; empty for the core group.
        version: Version within the group, such as ``v1``.
        plural: Name in paths, such as ``pods``.
        kind: Name in objects, such as ``Pod``.
        namespaced: Whether its objects live in namespaces.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects, such as ``v1`` or ``coordination.k8s.io/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
    ) -> str:
        """Build the path of a collection, an object or a subresource.

        Args:
            namespace: Namespace; without it the collection spans all namespaces. Must be None or
                empty for kinds that are not namespaced.
            name: Object name; without it the path is a collection's.
            subresource: Such as ``status``; needs a name.
        """
        parts = ["", "apis", self.group, self.version] if self.group else ["", "api", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS: Final = Resource("", "v1", "pods", "Pod", namespaced=True)
SERVICES: Final = Resource("", "v1", "services", "Service", namespaced=True)
ENDPOINTS: Final = Resource("", "v1", "endpoints", "Endpoints", namespaced=True)
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount", namespaced=True)
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
SECRETS: Final = Resource("", "v1", "secrets", "Secret", namespaced=True)
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)
ENDPOINT_SLICES: Final = Resource(
    "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", namespaced=True
)
ROLES: Final = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role", namespaced=True)
ROLE_BINDINGS: Final = Resource(
    "rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", namespaced=True
)
VIRTUAL_SERVICES: Final = Resource(
    "networking.istio.io", "v1", "virtualservices", "VirtualService", namespaced=True
)
DESTINATION_RULES: Final = Resource(
    "networking.istio.io", "v1", "destinationrules", "DestinationRule", namespaced=True
)
GATEWAYS: Final = Resource("networking.istio.io", "v1", "gateways", "Gateway", namespaced=True)
SERVICE_ENTRIES: Final = Resource(
    "networking.istio.io", "v1", "serviceentries", "ServiceEntry", namespaced=True
)
WORKLOAD_ENTRIES: Final = Resource(
    "networking.istio.io", "v1", "workloadentries", "WorkloadEntry", namespaced=True
)
WORKLOAD_GROUPS: Final = Resource(
    "networking.istio.io", "v1", "workloadgroups", "WorkloadGroup", namespaced=True
)
SIDECARS: Final = Resource("networking.istio.io", "v1", "sidecars", "Sidecar", namespaced=True)
ENVOY_FILTERS: Final = Resource(
    "networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter", namespaced=True
)
TELEMETRIES: Final = Resource(
    "telemetry.istio.io", "v1", "telemetries", "Telemetry", namespaced=True
)
AUTHORIZATION_POLICIES: Final = Resource(
    "security.istio.io", "v1", "authorizationpolicies", "AuthorizationPolicy", namespaced=True
)
PEER_AUTHENTICATIONS: Final = Resource(
    "security.istio.io", "v1", "peerauthentications", "PeerAuthentication", namespaced=True
)
REQUEST_AUTHENTICATIONS: Final = Resource(
    "security.istio.io", "v1", "requestauthentications", "RequestAuthentication", namespaced=True
)
KUBE_GATEWAYS: Final = Resource(
    "gateway.networking.k8s.io", "v1", "gateways", "Gateway", namespaced=True
)
"""The Gateway API's; `GATEWAYS` are Istio's own."""

TOKEN_REVIEWS: Final = Resource(
    "authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False
)
ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)


@dataclass(frozen=True, slots=True)
class Location:
    """What a request path points at.

    Attributes:
        group: API group; empty for the core group.
        version: Version within the group.
        plural: Name of the kind in paths.
        namespace: Namespace, or empty.
        name: Object name, or empty for a collection.
        subresource: Such as ``status``, or empty.
    """

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def locate(path: str) -> Location | None:
    """Take a path apart; None for a path that is no collection's, object's or subresource's.

    ``/api/v1/namespaces/mesh`` is the namespace, ``/api/v1/namespaces/mesh/pods`` its pods.
    """
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    rest += [""] * (3 - len(rest))
    return Location(group, version, rest[0], namespace, rest[1], "/".join(rest[2:]))
