"""The kinds that the API server serves: their versions and how each behaves.

Group, names and preferred version of a kind come from the catalogue in `pyload.kube.resources`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pyload.kube import resources
from pyload.kube.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKLOAD: Final = ("all",)
"""The category of what `kubectl get all` shows."""


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


def _kind(resource: Resource, **behaviour: Any) -> Kind:
    """Describe a built-in kind by its entry in the catalogue and its behaviour."""
    return Kind(
        resource.group,
        (resource.version,),
        resource.plural,
        resource.kind,
        namespaced=resource.namespaced,
        **behaviour,
    )


NAMESPACE: Final = _kind(
    resources.NAMESPACES, short=("ns",), subresources=("status", "finalize"), labels_only=True
)
NODE: Final = _kind(resources.NODES, short=("no",), status_on_create=True)
POD: Final = _kind(
    resources.PODS,
    short=("po",),
    categories=WORKLOAD,
    subresources=("status", "binding"),
    generation=True,
    graceful=True,
    returns_object=True,
)
SERVICE: Final = _kind(
    resources.SERVICES,
    short=("svc",),
    categories=WORKLOAD,
    create_on_update=True,
    returns_object=True,
    labels_only=True,
)
ENDPOINTS: Final = _kind(resources.ENDPOINTS, short=("ep",), subresources=(), create_on_update=True)
SERVICE_ACCOUNT: Final = _kind(
    resources.SERVICE_ACCOUNTS, short=("sa",), subresources=("token",), returns_object=True
)
CONFIG_MAP: Final = _kind(resources.CONFIG_MAPS, short=("cm",), subresources=())
SECRET: Final = _kind(resources.SECRETS, subresources=())
EVENT: Final = _kind(resources.EVENTS, short=("ev",), subresources=(), create_on_update=True)
LEASE: Final = _kind(resources.LEASES, subresources=(), create_on_update=True, unconditional=False)
ENDPOINT_SLICE: Final = _kind(resources.ENDPOINT_SLICES, subresources=(), generation=True)
ROLE: Final = _kind(resources.ROLES, subresources=())
ROLE_BINDING: Final = _kind(resources.ROLE_BINDINGS, subresources=())

_SCALED: Final[Mapping[str, Any]] = {
    "categories": WORKLOAD,
    "subresources": ("status", "scale"),
    "generation": True,
}
DEPLOYMENT: Final = _kind(resources.DEPLOYMENTS, short=("deploy",), **_SCALED)
REPLICA_SET: Final = _kind(resources.REPLICA_SETS, short=("rs",), **_SCALED)
STATEFUL_SET: Final = _kind(resources.STATEFUL_SETS, short=("sts",), **_SCALED)
DAEMON_SET: Final = _kind(
    resources.DAEMON_SETS, short=("ds",), categories=WORKLOAD, generation=True
)
JOB: Final = _kind(resources.JOBS, categories=WORKLOAD, generation=True)
CRD: Final = _kind(
    resources.CUSTOM_RESOURCES, short=("crd", "crds"), generation=True, unconditional=False
)
TOKEN_REVIEW: Final = _kind(resources.TOKEN_REVIEWS, subresources=(), stored=False)
SELF_REVIEW: Final = _kind(resources.SELF_REVIEWS, subresources=(), stored=False)
ACCESS_REVIEWS: Final = (
    _kind(resources.ACCESS_REVIEWS, subresources=(), stored=False),
    _kind(resources.SELF_ACCESS_REVIEWS, subresources=(), stored=False),
)

BUILT_IN: Final = (
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
    SELF_REVIEW,
    *ACCESS_REVIEWS,
    ROLE,
    ROLE_BINDING,
    # Watched by istiod.
    _kind(resources.INGRESSES, short=("ing",), generation=True),
    _kind(resources.INGRESS_CLASSES, subresources=(), generation=True),
    _kind(resources.MUTATING_WEBHOOKS, subresources=(), generation=True),
    _kind(resources.VALIDATING_WEBHOOKS, subresources=(), generation=True),
    _kind(resources.AUTOSCALERS, short=("hpa",), categories=WORKLOAD),
    _kind(resources.DISRUPTION_BUDGETS, short=("pdb",), generation=True),
)


def _custom(
    resource: Resource,
    *older: str,
    short: str = "",
    category: str = "istio-io",
    subresources: tuple[str, ...] = ("status",),
) -> Kind:
    """Describe a kind that a CustomResourceDefinition defines in a real cluster."""
    return Kind(
        resource.group,
        (resource.version, *older),
        resource.plural,
        resource.kind,
        namespaced=resource.namespaced,
        short=(short,) if short else (),
        categories=(category,),
        subresources=subresources,
        custom=True,
        generation=True,
        unconditional=False,
    )


_gateway_api: Final = partial(_custom, category="gateway-api")

CUSTOM: Final = (
    _custom(resources.VIRTUAL_SERVICES, "v1beta1", "v1alpha3", short="vs"),
    _custom(resources.DESTINATION_RULES, "v1beta1", "v1alpha3", short="dr"),
    _custom(resources.GATEWAYS, "v1beta1", "v1alpha3", short="gw"),
    _custom(resources.SERVICE_ENTRIES, "v1beta1", "v1alpha3", short="se"),
    _custom(resources.SIDECARS, "v1beta1", "v1alpha3"),
    _custom(resources.WORKLOAD_ENTRIES, "v1beta1", "v1alpha3", short="we"),
    _custom(resources.WORKLOAD_GROUPS, "v1beta1", "v1alpha3", short="wg"),
    _custom(resources.ENVOY_FILTERS),
    _custom(resources.PROXY_CONFIGS),
    _custom(resources.AUTHORIZATION_POLICIES, "v1beta1", short="ap"),
    _custom(resources.PEER_AUTHENTICATIONS, "v1beta1", short="pa"),
    _custom(resources.REQUEST_AUTHENTICATIONS, "v1beta1", short="ra"),
    _custom(resources.TELEMETRIES, "v1alpha1", short="telemetry"),
    _custom(resources.WASM_PLUGINS),
    _gateway_api(resources.GATEWAY_CLASSES, "v1beta1", short="gc"),
    _gateway_api(resources.KUBE_GATEWAYS, "v1beta1", short="gtw"),
    _gateway_api(resources.HTTP_ROUTES, "v1beta1"),
    _gateway_api(resources.GRPC_ROUTES, "v1alpha2"),
    _gateway_api(resources.REFERENCE_GRANTS, "v1alpha2", short="refgrant", subresources=()),
    _gateway_api(resources.TCP_ROUTES),
    _gateway_api(resources.TLS_ROUTES),
    _gateway_api(resources.UDP_ROUTES),
)
"""Istio's kinds and the Gateway API's."""

KINDS: Final = BUILT_IN + CUSTOM

BY_PATH: Final[Mapping[tuple[str, str, str], Kind]] = {
    (kind.group, version, kind.plural): kind for kind in KINDS for version in kind.versions
}
"""Kinds by group, version and plural."""

STORED: Final = tuple(kind for kind in KINDS if kind.stored)
NAMESPACED: Final = tuple(kind for kind in STORED if kind.namespaced)
