"""The catalogue of the kinds that pyload touches, and where the API server keeps their objects.

Every other list of kinds (what a mesh creates, what a capture replays, what the embedded API server
serves) refers to a `Resource` here and adds only what is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Obj = dict[str, Any]
"""A Kubernetes object as decoded JSON."""


def has_condition(obj: Obj, type_: str = "Ready") -> bool:
    """Return whether a condition of an object, by default Ready, is true."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == type_ and one.get("status") == "True" for one in conditions)


def version_of(obj: Obj) -> str:
    """Return an object's or a list's resourceVersion; empty without one."""
    return str((obj.get("metadata") or {}).get("resourceVersion") or "")


@dataclass(frozen=True, slots=True)
class GroupKind:
    """A kind in any version.

    Attributes:
        group: API group; empty for the core group.
        kind: Name in objects, such as ``Pod``.
    """

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


@dataclass(frozen=True, slots=True)
class Resource:
    """One version of a kind.

    Attributes:
        group: API group; empty for the core group.
        version: Version within the group, such as ``v1``; in the catalogue the preferred one.
        plural: Name in paths, such as ``pods``.
        kind: Name in objects, such as ``Pod``.
        namespaced: Whether its objects live in namespaces.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def group_kind(self) -> GroupKind:
        """The kind without its version."""
        return GroupKind(self.group, self.kind)

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects, such as ``v1`` or ``coordination.k8s.io/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group: what a definition of the kind is called."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

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


_APPS: Final = "apps"
_ADMISSION: Final = "admissionregistration.k8s.io"
_AUTHORIZATION: Final = "authorization.k8s.io"
_RBAC: Final = "rbac.authorization.k8s.io"
_INGRESS: Final = "networking.k8s.io"
_NETWORKING: Final = "networking.istio.io"
_SECURITY: Final = "security.istio.io"
_GATEWAY_API: Final = "gateway.networking.k8s.io"

# Kubernetes

NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS: Final = Resource("", "v1", "pods", "Pod")
SERVICES: Final = Resource("", "v1", "services", "Service")
ENDPOINTS: Final = Resource("", "v1", "endpoints", "Endpoints")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
EVENTS: Final = Resource("", "v1", "events", "Event")
DEPLOYMENTS: Final = Resource(_APPS, "v1", "deployments", "Deployment")
REPLICA_SETS: Final = Resource(_APPS, "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS: Final = Resource(_APPS, "v1", "statefulsets", "StatefulSet")
DAEMON_SETS: Final = Resource(_APPS, "v1", "daemonsets", "DaemonSet")
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS: Final = Resource("batch", "v1", "cronjobs", "CronJob")
REPLICATION_CONTROLLERS: Final = Resource(
    "", "v1", "replicationcontrollers", "ReplicationController"
)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
ROLES: Final = Resource(_RBAC, "v1", "roles", "Role")
ROLE_BINDINGS: Final = Resource(_RBAC, "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLES: Final = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS: Final = Resource(
    _RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
INGRESSES: Final = Resource(_INGRESS, "v1", "ingresses", "Ingress")
INGRESS_CLASSES: Final = Resource(
    _INGRESS, "v1", "ingressclasses", "IngressClass", namespaced=False
)
AUTOSCALERS: Final = Resource(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
VOLUMES: Final = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
VOLUME_CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
RESOURCE_QUOTAS: Final = Resource("", "v1", "resourcequotas", "ResourceQuota")
PRIORITY_CLASSES: Final = Resource(
    "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False
)
DISRUPTION_BUDGETS: Final = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
MUTATING_WEBHOOKS: Final = Resource(
    _ADMISSION,
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
VALIDATING_WEBHOOKS: Final = Resource(
    _ADMISSION,
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
ADMISSION_POLICIES: Final = Resource(
    _ADMISSION,
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
    namespaced=False,
)
ADMISSION_POLICY_BINDINGS: Final = Resource(
    _ADMISSION,
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)
CUSTOM_RESOURCES: Final = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)
TOKEN_REVIEWS: Final = Resource(
    "authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False
)
ACCESS_REVIEWS: Final = Resource(
    _AUTHORIZATION, "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
SELF_ACCESS_REVIEWS: Final = Resource(
    _AUTHORIZATION, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
LOCAL_ACCESS_REVIEWS: Final = Resource(
    _AUTHORIZATION, "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview"
)
RULES_REVIEWS: Final = Resource(
    _AUTHORIZATION, "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", namespaced=False
)
SELF_REVIEWS: Final = Resource(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False
)
STAGES: Final = Resource("kwok.x-k8s.io", "v1alpha1", "stages", "Stage", namespaced=False)
"""Kwok's: what it makes of an object, and when."""

# Istio

VIRTUAL_SERVICES: Final = Resource(_NETWORKING, "v1", "virtualservices", "VirtualService")
DESTINATION_RULES: Final = Resource(_NETWORKING, "v1", "destinationrules", "DestinationRule")
GATEWAYS: Final = Resource(_NETWORKING, "v1", "gateways", "Gateway")
SERVICE_ENTRIES: Final = Resource(_NETWORKING, "v1", "serviceentries", "ServiceEntry")
WORKLOAD_ENTRIES: Final = Resource(_NETWORKING, "v1", "workloadentries", "WorkloadEntry")
WORKLOAD_GROUPS: Final = Resource(_NETWORKING, "v1", "workloadgroups", "WorkloadGroup")
SIDECARS: Final = Resource(_NETWORKING, "v1", "sidecars", "Sidecar")
ENVOY_FILTERS: Final = Resource(_NETWORKING, "v1alpha3", "envoyfilters", "EnvoyFilter")
PROXY_CONFIGS: Final = Resource(_NETWORKING, "v1beta1", "proxyconfigs", "ProxyConfig")
AUTHORIZATION_POLICIES: Final = Resource(
    _SECURITY, "v1", "authorizationpolicies", "AuthorizationPolicy"
)
PEER_AUTHENTICATIONS: Final = Resource(_SECURITY, "v1", "peerauthentications", "PeerAuthentication")
REQUEST_AUTHENTICATIONS: Final = Resource(
    _SECURITY, "v1", "requestauthentications", "RequestAuthentication"
)
TELEMETRIES: Final = Resource("telemetry.istio.io", "v1", "telemetries", "Telemetry")
WASM_PLUGINS: Final = Resource("extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin")
TRAFFIC_EXTENSIONS: Final = Resource(
    "extensions.istio.io", "v1alpha1", "trafficextensions", "TrafficExtension"
)

# The Gateway API

GATEWAY_CLASSES: Final = Resource(
    _GATEWAY_API, "v1", "gatewayclasses", "GatewayClass", namespaced=False
)
KUBE_GATEWAYS: Final = Resource(_GATEWAY_API, "v1", "gateways", "Gateway")
"""The Gateway API's; `GATEWAYS` are Istio's own."""

HTTP_ROUTES: Final = Resource(_GATEWAY_API, "v1", "httproutes", "HTTPRoute")
GRPC_ROUTES: Final = Resource(_GATEWAY_API, "v1", "grpcroutes", "GRPCRoute")
REFERENCE_GRANTS: Final = Resource(_GATEWAY_API, "v1beta1", "referencegrants", "ReferenceGrant")
TCP_ROUTES: Final = Resource(_GATEWAY_API, "v1alpha2", "tcproutes", "TCPRoute")
TLS_ROUTES: Final = Resource(_GATEWAY_API, "v1alpha2", "tlsroutes", "TLSRoute")
UDP_ROUTES: Final = Resource(_GATEWAY_API, "v1alpha2", "udproutes", "UDPRoute")
BACKEND_TLS_POLICIES: Final = Resource(_GATEWAY_API, "v1", "backendtlspolicies", "BackendTLSPolicy")
LISTENER_SETS: Final = Resource(_GATEWAY_API, "v1", "listenersets", "ListenerSet")

CATALOGUE: Final = {
    one.qualified: one for one in tuple(globals().values()) if isinstance(one, Resource)
}
"""All of them by their qualified plurals, such as ``pods`` or ``gateways.networking.istio.io``."""


class Location(NamedTuple):
    """The parts of a request path.

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
    """Return the parts of a path; None unless it is of a collection, an object or a subresource.

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
