"""Which kinds the API server serves, in which versions, and how each behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.kube.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKLOAD: Final = ("all",)
"""The category of what `kubectl get all` shows."""

ISTIO: Final = ("istio-io",)
GATEWAY_API: Final = ("gateway-api",)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of objects; its versions share one storage.

    Attributes:
        group: API group; empty for the core group.
        versions: Served versions, the preferred one first.
        plural: Resource name in paths.
        kind: Kind name in objects.
        namespaced: Whether its objects live in namespaces.
        short: Short names for kubectl.
        categories: Groups of resources for kubectl.
        subresources: Paths below an object.
        custom: Defined by a CustomResourceDefinition in a real cluster: no strategic merge patch,
            a PUT needs a resourceVersion, and `/status` changes nothing else.
        status_on_create: Whether a POST keeps ``status``.
        generation: Whether ``metadata.generation`` counts changes of what is desired.
        graceful: Whether a DELETE honours a grace period.
        create_on_update: Whether a PUT may create.
        unconditional: Whether a PUT may leave out the resourceVersion.
        returns_object: Whether a DELETE answers with the object instead of a Status.
        labels_only: Names must be DNS labels (RFC 1123), not subdomains.
        stored: Whether objects are kept; reviews are only answered.
    """

    group: str
    versions: tuple[str, ...]
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ("status",)
    custom: bool = False
    status_on_create: bool = False
    generation: bool = False
    graceful: bool = False
    create_on_update: bool = False
    unconditional: bool = True
    returns_object: bool = False
    labels_only: bool = False
    stored: bool = True

    @property
    def qualified(self) -> str:
        """The plural as messages show it: ``pods``, ``gateways.networking.istio.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        """The singular resource name."""
        return self.kind.lower()

    @property
    def has_status(self) -> bool:
        """Whether ``status`` is only written through its subresource."""
        return "status" in self.subresources

    @property
    def api_version(self) -> str:
        """The preferred ``apiVersion``."""
        return self.api_version_of(self.versions[0])

    def api_version_of(self, version: str) -> str:
        """Return the ``apiVersion`` of one version."""
        return f"{self.group}/{version}" if self.group else version

    def resource(self, version: str = "") -> Resource:
        """Return one version of it as clients name it; the preferred one by default."""
        return Resource(
            group=self.group,
            version=version or self.versions[0],
            plural=self.plural,
            kind=self.kind,
            namespaced=self.namespaced,
        )


def _core(plural: str, kind: str, *short: str, **rest: object) -> Kind:
    return Kind("", ("v1",), plural, kind, short=short, **rest)  # type: ignore[arg-type]


def _istio(group: str, versions: str, plural: str, kind: str, *short: str) -> Kind:
    return Kind(
        f"{group}.istio.io",
        tuple(versions.split()),
        plural,
        kind,
        short=short,
        categories=ISTIO,
        custom=True,
        generation=True,
        unconditional=False,
    )


def _gateway(versions: str, plural: str, kind: str, *short: str, **rest: object) -> Kind:
    settings: dict[str, object] = {
        "short": short,
        "categories": GATEWAY_API,
        "custom": True,
        "generation": True,
        "unconditional": False,
        **rest,
    }
    return Kind(
        "gateway.networking.k8s.io",
        tuple(versions.split()),
        plural,
        kind,
        **settings,  # type: ignore[arg-type]
    )


NAMESPACE: Final = _core(
    "namespaces",
    "Namespace",
    "ns",
    namespaced=False,
    subresources=("status", "finalize"),
    labels_only=True,
)
NODE: Final = _core("nodes", "Node", "no", namespaced=False, status_on_create=True)
POD: Final = _core(
    "pods",
    "Pod",
    "po",
    categories=WORKLOAD,
    subresources=("status", "binding"),
    generation=True,
    graceful=True,
    returns_object=True,
)
SERVICE: Final = _core(
    "services",
    "Service",
    "svc",
    categories=WORKLOAD,
    create_on_update=True,
    returns_object=True,
    labels_only=True,
)
ENDPOINTS: Final = _core("endpoints", "Endpoints", "ep", subresources=(), create_on_update=True)
SERVICE_ACCOUNT: Final = _core(
    "serviceaccounts", "ServiceAccount", "sa", subresources=("token",), returns_object=True
)
CONFIG_MAP: Final = _core("configmaps", "ConfigMap", "cm", subresources=())
SECRET: Final = _core("secrets", "Secret", subresources=())
EVENT: Final = _core("events", "Event", "ev", subresources=(), create_on_update=True)

LEASE: Final = Kind(
    "coordination.k8s.io",
    ("v1",),
    "leases",
    "Lease",
    subresources=(),
    create_on_update=True,
    unconditional=False,
)
ENDPOINT_SLICE: Final = Kind(
    "discovery.k8s.io",
    ("v1",),
    "endpointslices",
    "EndpointSlice",
    subresources=(),
    generation=True,
)
_ROLES: Final = "rbac.authorization.k8s.io"
ROLE: Final = Kind(_ROLES, ("v1",), "roles", "Role", subresources=())
ROLE_BINDING: Final = Kind(_ROLES, ("v1",), "rolebindings", "RoleBinding", subresources=())
_SCALED: Final = ("status", "scale")
DEPLOYMENT: Final = Kind(
    "apps",
    ("v1",),
    "deployments",
    "Deployment",
    short=("deploy",),
    categories=WORKLOAD,
    subresources=_SCALED,
    generation=True,
)
REPLICA_SET: Final = Kind(
    "apps",
    ("v1",),
    "replicasets",
    "ReplicaSet",
    short=("rs",),
    categories=WORKLOAD,
    subresources=_SCALED,
    generation=True,
)
STATEFUL_SET: Final = Kind(
    "apps",
    ("v1",),
    "statefulsets",
    "StatefulSet",
    short=("sts",),
    categories=WORKLOAD,
    subresources=_SCALED,
    generation=True,
)
DAEMON_SET: Final = Kind(
    "apps",
    ("v1",),
    "daemonsets",
    "DaemonSet",
    short=("ds",),
    categories=WORKLOAD,
    generation=True,
)
JOB: Final = Kind("batch", ("v1",), "jobs", "Job", categories=WORKLOAD, generation=True)
CRD: Final = Kind(
    "apiextensions.k8s.io",
    ("v1",),
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
    short=("crd", "crds"),
    generation=True,
    unconditional=False,
)
TOKEN_REVIEW: Final = Kind(
    "authentication.k8s.io",
    ("v1",),
    "tokenreviews",
    "TokenReview",
    namespaced=False,
    subresources=(),
    stored=False,
)
ACCESS_REVIEWS: Final = (
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "subjectaccessreviews",
        "SubjectAccessReview",
        namespaced=False,
        subresources=(),
        stored=False,
    ),
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        namespaced=False,
        subresources=(),
        stored=False,
    ),
)

KINDS: Final = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    ENDPOINTS,
    SERVICE_ACCOUNT,
    CONFIG_MAP,
    SECRET,
    EVENT,
    LEASE,
    ENDPOINT_SLICE,
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    JOB,
    CRD,
    TOKEN_REVIEW,
    *ACCESS_REVIEWS,
    ROLE,
    ROLE_BINDING,
    # Watched by istiod.
    Kind("networking.k8s.io", ("v1",), "ingresses", "Ingress", short=("ing",), generation=True),
    Kind(
        "networking.k8s.io",
        ("v1",),
        "ingressclasses",
        "IngressClass",
        namespaced=False,
        subresources=(),
        generation=True,
    ),
    Kind(
        "admissionregistration.k8s.io",
        ("v1",),
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        namespaced=False,
        subresources=(),
        generation=True,
    ),
    Kind(
        "admissionregistration.k8s.io",
        ("v1",),
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        namespaced=False,
        subresources=(),
        generation=True,
    ),
    Kind(
        "autoscaling",
        ("v2",),
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        short=("hpa",),
        categories=WORKLOAD,
    ),
    Kind(
        "policy",
        ("v1",),
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        short=("pdb",),
        generation=True,
    ),
    _istio("networking", "v1 v1beta1 v1alpha3", "virtualservices", "VirtualService", "vs"),
    _istio("networking", "v1 v1beta1 v1alpha3", "destinationrules", "DestinationRule", "dr"),
    _istio("networking", "v1 v1beta1 v1alpha3", "gateways", "Gateway", "gw"),
    _istio("networking", "v1 v1beta1 v1alpha3", "serviceentries", "ServiceEntry", "se"),
    _istio("networking", "v1 v1beta1 v1alpha3", "sidecars", "Sidecar"),
    _istio("networking", "v1 v1beta1 v1alpha3", "workloadentries", "WorkloadEntry", "we"),
    _istio("networking", "v1 v1beta1 v1alpha3", "workloadgroups", "WorkloadGroup", "wg"),
    _istio("networking", "v1alpha3", "envoyfilters", "EnvoyFilter"),
    _istio("networking", "v1beta1", "proxyconfigs", "ProxyConfig"),
    _istio("security", "v1 v1beta1", "authorizationpolicies", "AuthorizationPolicy", "ap"),
    _istio("security", "v1 v1beta1", "peerauthentications", "PeerAuthentication", "pa"),
    _istio("security", "v1 v1beta1", "requestauthentications", "RequestAuthentication", "ra"),
    _istio("telemetry", "v1 v1alpha1", "telemetries", "Telemetry", "telemetry"),
    _istio("extensions", "v1alpha1", "wasmplugins", "WasmPlugin"),
    _gateway("v1 v1beta1", "gatewayclasses", "GatewayClass", "gc", namespaced=False),
    _gateway("v1 v1beta1", "gateways", "Gateway", "gtw"),
    _gateway("v1 v1beta1", "httproutes", "HTTPRoute"),
    _gateway("v1 v1alpha2", "grpcroutes", "GRPCRoute"),
    _gateway("v1beta1 v1alpha2", "referencegrants", "ReferenceGrant", "refgrant", subresources=()),
    _gateway("v1alpha2", "tcproutes", "TCPRoute"),
    _gateway("v1alpha2", "tlsroutes", "TLSRoute"),
    _gateway("v1alpha2", "udproutes", "UDPRoute"),
)

BY_PATH: Final[Mapping[tuple[str, str, str], Kind]] = {
    (kind.group, version, kind.plural): kind for kind in KINDS for version in kind.versions
}
"""Kinds by group, version and plural."""

STORED: Final = tuple(kind for kind in KINDS if kind.stored)
NAMESPACED: Final = tuple(kind for kind in STORED if kind.namespaced)
