"""What a kind of objects is, and the kinds that are built in: their versions and how each behaves.

Group, names and preferred version of a kind come from the catalogue in `pyload.kube.resources`. All
other kinds are defined by CustomResourceDefinitions (`definitions`), while the server runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.patches.shapes import custom_shape
from pyload.kube import resources
from pyload.kube.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.patches.shapes import MergeShape
    from pyload.kube.resources import Obj

WORKLOAD: Final = ("all",)
"""The category of what `kubectl get all` shows."""


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where the objects of a custom kind have what their scale subresource shows.

    Attributes:
        replicas: Fields that lead to the wanted number, such as ``("spec", "replicas")``.
        status: Fields that lead to the actual number.
        selector: Fields that lead to the label selector, as a text; empty for none.
    """

    replicas: tuple[str, ...]
    status: tuple[str, ...]
    selector: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class CustomVersion:
    """One version of a custom kind, as its CustomResourceDefinition has it.

    Attributes:
        schema: Its structural schema (OpenAPI v3), as JSON.
        scale: Where its objects have what their scale shows; None without that subresource.
        columns: Its ``additionalPrinterColumns``.
    """

    schema: Obj
    scale: ScalePaths | None = None
    columns: tuple[Obj, ...] = ()

    @cached_property
    def shape(self) -> MergeShape:
        """How its values merge, which the schema says; few kinds are ever written so."""
        return custom_shape(self.schema)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of objects; its versions share one storage.

    Two are equal if they have the same group and plural: a CustomResourceDefinition that changes
    makes another description of the same kind.

    Attributes:
        group: API group; empty for the core group.
        versions: Served versions, the preferred one first; none while a definition is ending.
        plural: Resource name in paths.
        kind: Kind name in objects.
        namespaced: Whether its objects live in namespaces.
        short: Short names for kubectl.
        categories: Groups of resources for kubectl.
        subresources: Paths below an object.
        custom: The versions of a kind that a CustomResourceDefinition defines, by name, and empty
            for one that is built in. A custom kind has no strategic merge patch, a PUT needs a
            resourceVersion, and `/status` changes nothing else.
        storage: Version in which objects are kept; empty for the preferred one.
        singular: The singular resource name; empty for the kind in lower case.
        ending: Its definition is being deleted: nothing new is created.
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
    custom: Mapping[str, CustomVersion] = field(default_factory=dict)
    storage: str = ""
    singular: str = ""
    ending: bool = False
    status_on_create: bool = False
    generation: bool = False
    graceful: bool = False
    create_on_update: bool = False
    unconditional: bool = True
    returns_object: bool = False
    labels_only: bool = False
    stored: bool = True

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Kind) and self.plural == other.plural and self.group == other.group
        )

    def __hash__(self) -> int:
        return hash((self.plural, self.group))

    @property
    def qualified(self) -> str:
        """The plural as messages show it: ``pods``, ``gateways.networking.istio.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular_name(self) -> str:
        """The singular resource name."""
        return self.singular or self.kind.lower()

    @property
    def has_status(self) -> bool:
        """Whether ``status`` is only written through its subresource."""
        return "status" in self.subresources

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` in which objects are kept."""
        return self.api_version_of(self.storage or self.versions[0])

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


def _kind(resource: Resource, *older: str, **behaviour: Any) -> Kind:
    """Describe a built-in kind by its entry in the catalogue, older versions and its behaviour."""
    return Kind(
        resource.group,
        (resource.version, *older),
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
    subresources=("status", "binding", "eviction"),
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
_RBAC: Final[Mapping[str, Any]] = {"subresources": (), "create_on_update": True}
ROLE: Final = _kind(resources.ROLES, **_RBAC)
ROLE_BINDING: Final = _kind(resources.ROLE_BINDINGS, **_RBAC)
CLUSTER_ROLE: Final = _kind(resources.CLUSTER_ROLES, **_RBAC)
CLUSTER_ROLE_BINDING: Final = _kind(resources.CLUSTER_ROLE_BINDINGS, **_RBAC)

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
DISRUPTION_BUDGET: Final = _kind(
    resources.DISRUPTION_BUDGETS, short=("pdb",), generation=True, unconditional=False
)
REPLICATION_CONTROLLER: Final = _kind(resources.REPLICATION_CONTROLLERS, short=("rc",), **_SCALED)
VOLUME: Final = _kind(resources.VOLUMES, short=("pv",))
VOLUME_CLAIM: Final = _kind(resources.VOLUME_CLAIMS, short=("pvc",))
CRON_JOB: Final = _kind(resources.CRON_JOBS, short=("cj",), categories=WORKLOAD, generation=True)
AUTOSCALER: Final = _kind(resources.AUTOSCALERS, "v1", short=("hpa",), categories=WORKLOAD)
PRIORITY_CLASS: Final = _kind(
    resources.PRIORITY_CLASSES, short=("pc",), subresources=(), generation=True
)
CRD: Final = _kind(
    resources.CUSTOM_RESOURCES, short=("crd", "crds"), generation=True, unconditional=False
)
MUTATING_WEBHOOK: Final = _kind(resources.MUTATING_WEBHOOKS, subresources=(), generation=True)
VALIDATING_WEBHOOK: Final = _kind(resources.VALIDATING_WEBHOOKS, subresources=(), generation=True)
TOKEN_REVIEW: Final = _kind(resources.TOKEN_REVIEWS, subresources=(), stored=False)
SELF_REVIEW: Final = _kind(resources.SELF_REVIEWS, subresources=(), stored=False)
ACCESS_REVIEW: Final = _kind(resources.ACCESS_REVIEWS, subresources=(), stored=False)
LOCAL_ACCESS_REVIEW: Final = _kind(resources.LOCAL_ACCESS_REVIEWS, subresources=(), stored=False)
SELF_ACCESS_REVIEW: Final = _kind(resources.SELF_ACCESS_REVIEWS, subresources=(), stored=False)
RULES_REVIEW: Final = _kind(resources.RULES_REVIEWS, subresources=(), stored=False)

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
    MUTATING_WEBHOOK,
    VALIDATING_WEBHOOK,
    TOKEN_REVIEW,
    SELF_REVIEW,
    ACCESS_REVIEW,
    LOCAL_ACCESS_REVIEW,
    SELF_ACCESS_REVIEW,
    RULES_REVIEW,
    ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CRON_JOB,
    AUTOSCALER,
    PRIORITY_CLASS,
    # Nobody acts on them here, but kubectl lists them for a dump and to prune.
    VOLUME,
    VOLUME_CLAIM,
    REPLICATION_CONTROLLER,
    _kind(resources.RESOURCE_QUOTAS, short=("quota",)),
    # Watched by istiod.
    _kind(resources.INGRESSES, short=("ing",), generation=True),
    _kind(resources.INGRESS_CLASSES, subresources=(), generation=True),
    # Kept as the Gateway API brings them; their rules are in CEL, which nobody evaluates here.
    _kind(resources.ADMISSION_POLICIES, generation=True),
    _kind(resources.ADMISSION_POLICY_BINDINGS, subresources=()),
    DISRUPTION_BUDGET,
)
