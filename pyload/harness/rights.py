"""What each command may have to do at the API server: one table for checks, pages and manifests.

A `Right` is one rule of RBAC: some verbs on one kind, everywhere or in one namespace. Rights that a
command cannot do without have no `when`; for the others it says what needs them. A test runs the
commands against the embedded API server, and compares what they send with this table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyload.kube import resources as kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyload.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class Right:
    """Some verbs on one kind.

    Attributes:
        resource: The kind.
        verbs: Kubernetes' verbs.
        subresource: Such as ``status``; empty for the objects themselves.
        namespace: The namespace in which it is needed; empty for all of them.
        when: What needs it; empty if the command always does.
    """

    resource: Resource
    verbs: tuple[str, ...]
    subresource: str = ""
    namespace: str = ""
    when: str = ""

    @property
    def rule_resource(self) -> str:
        """The kind as a rule of RBAC has it beside its group, such as ``pods/status``."""
        plural = self.resource.plural
        return f"{plural}/{self.subresource}" if self.subresource else plural

    @property
    def name(self) -> str:
        """The kind with its group, such as ``pods/status`` or ``leases.coordination.k8s.io``."""
        group = self.resource.group
        return f"{self.rule_resource}.{group}" if group else self.rule_resource


TOKENS: Final = "--auth jwt, plaintext-jwt or mtls"
TLS: Final = "verifying a control plane with TLS"
LEASE: Final = "a Lease, without which other runs take this one for dead"
ISTIO: Final = "configs with Istio objects, gateways or probes"
TEMPLATES: Final = "configs with templates"
TOKEN_GATEWAYS: Final = "gateways with --auth jwt or mtls"  # noqa: S105 - a sentence
TOKEN_ZTUNNELS: Final = "ztunnels with --auth jwt or mtls"  # noqa: S105 - a sentence
MESH: Final = "a mesh of its own (-c)"
METRICS: Final = "istiod's own metrics"
KUBELETS: Final = "warnings of nodes that a real kubelet runs"

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("get", "create", "update", "delete")
_ISTIO_KINDS: Final = (
    kinds.VIRTUAL_SERVICES,
    kinds.DESTINATION_RULES,
    kinds.SIDECARS,
    kinds.ENVOY_FILTERS,
    kinds.TELEMETRIES,
    kinds.AUTHORIZATION_POLICIES,
    kinds.PEER_AUTHENTICATIONS,
    kinds.REQUEST_AUTHENTICATIONS,
    kinds.GATEWAYS,
    kinds.SERVICE_ENTRIES,
    kinds.WORKLOAD_GROUPS,
    kinds.WORKLOAD_ENTRIES,
    kinds.KUBE_GATEWAYS,
)

_PROXIES: Final = (
    Right(kinds.SERVICE_ACCOUNTS, ("create",), "token", when=TOKENS),
    Right(kinds.CONFIG_MAPS, ("get",), namespace="istio-system", when=TLS),
    Right(kinds.PODS, ("list",), namespace="istio-system", when=METRICS),
    Right(kinds.PODS, ("get",), "proxy", namespace="istio-system", when=METRICS),
)
"""Of commands with proxies."""

_LEASE: Final = Right(kinds.LEASES, (*_WRITE, "list"), namespace="default", when=LEASE)
_NAMESPACES: Final = (
    Right(kinds.NAMESPACES, _WRITE),
    Right(kinds.NAMESPACES, ("update",), "status"),
)
_NODES: Final = (
    Right(kinds.NODES, ("list", *_WRITE)),
    Right(kinds.NODES, ("update",), "status"),
)
_CONFIG: Final = (
    *(Right(one, ("list", *_WRITE), when=ISTIO) for one in _ISTIO_KINDS),
    Right(kinds.SECRETS, _WRITE, when=ISTIO),
    *(
        Right(one, ("patch",), when=TEMPLATES)
        for one in (*_ISTIO_KINDS, kinds.SECRETS, kinds.HTTP_ROUTES)
    ),
    Right(kinds.HTTP_ROUTES, ("get", "delete"), when=TEMPLATES),
    Right(kinds.ROLES, ("create", "delete"), when=TOKEN_GATEWAYS),
    Right(kinds.ROLE_BINDINGS, ("create", "delete"), when=TOKEN_GATEWAYS),
    # Nobody may grant what they do not have themselves.
    Right(kinds.SECRETS, ("get", "list", "watch"), when=TOKEN_GATEWAYS),
)
"""Of what a config makes beside namespaces, services and pods."""

_FAKE_PODS: Final = (
    *_NODES,
    Right(kinds.PODS, ("get", "list", "watch", "patch", "delete")),
    Right(kinds.PODS, ("patch",), "status"),
    Right(kinds.LEASES, _WRITE, namespace="kube-node-lease"),
    Right(
        kinds.SERVICE_ACCOUNTS,
        ("list", "create", "delete"),
        namespace="istio-system",
        when=TOKEN_ZTUNNELS,
    ),
)
_MESH: Final = (*_NAMESPACES, Right(kinds.SERVICES, _WRITE))
_ENDPOINTS: Final = (Right(kinds.ENDPOINTS, _WRITE), Right(kinds.ENDPOINT_SLICES, _WRITE))
_FOLLOW: Final = (
    Right(kinds.PODS, _READ),
    Right(kinds.NODES, _READ),
    Right(kinds.LEASES, ("list",), namespace="kube-node-lease", when=KUBELETS),
)


def _when(when: str, rights: Iterable[Right]) -> Iterator[Right]:
    return (replace(one, when=one.when or when) for one in rights)


_CLEANED: Final = (kinds.NAMESPACES, kinds.NODES, kinds.SERVICES, kinds.PODS, kinds.LEASES)
_CLEANED_IF_THERE: Final = (
    kinds.DEPLOYMENTS,
    kinds.ENDPOINTS,
    kinds.ENDPOINT_SLICES,
    kinds.SECRETS,
    kinds.SERVICE_ACCOUNTS,
    kinds.ROLES,
    kinds.ROLE_BINDINGS,
    kinds.HTTP_ROUTES,
    *_ISTIO_KINDS,
)
_REPLAYED: Final = (
    *_ISTIO_KINDS,
    kinds.WASM_PLUGINS,
    kinds.PROXY_CONFIGS,
    kinds.GATEWAY_CLASSES,
    kinds.HTTP_ROUTES,
    kinds.GRPC_ROUTES,
    kinds.REFERENCE_GRANTS,
    kinds.CONFIG_MAPS,
)

RIGHTS: Final[Mapping[str, tuple[Right, ...]]] = {
    "cluster": (*_MESH, *_FAKE_PODS, _LEASE, *_CONFIG, *_PROXIES),
    "cluster --cluster-type fake": (
        *_MESH,
        Right(kinds.NAMESPACES, ("update",), "finalize"),
        Right(kinds.CONFIG_MAPS, ("delete",)),
        Right(kinds.SERVICE_ACCOUNTS, _WRITE),
        *_ENDPOINTS,
        *_FAKE_PODS,
        _LEASE,
        *_CONFIG,
        *_PROXIES,
    ),
    "cluster --cluster-type real": (*_MESH, _ENDPOINTS[0], _LEASE, *_CONFIG, *_PROXIES),
    "cluster --cluster-type kwok": (
        *_FOLLOW,
        _LEASE,
        *_when(
            MESH,
            (
                *_MESH,
                Right(kinds.NODES, ("create", "update", "delete")),
                Right(kinds.NODES, ("update",), "status"),
                Right(kinds.PODS, ("delete",)),
                Right(kinds.DEPLOYMENTS, _WRITE),
                *_CONFIG,
            ),
        ),
        *_PROXIES,
    ),
    "adsc": _PROXIES,
    "cleanup": (
        *(Right(one, ("get", "list", "delete")) for one in _CLEANED),
        *(
            Right(one, ("get", "list", "delete"), when="runs that made such objects")
            for one in _CLEANED_IF_THERE
        ),
        Right(kinds.NAMESPACES, ("update",), "finalize"),
    ),
    "dump": (Right(kinds.PODS, ("get",)), *_PROXIES),
    "impersonate": (Right(kinds.PODS, _READ), *_PROXIES),
    "latency": (
        Right(kinds.NAMESPACES, ("get",)),
        Right(kinds.SERVICE_ENTRIES, ("list", *_WRITE), namespace="default"),
        *(
            Right(one, ("list", *_WRITE), namespace="default", when="--kind")
            for one in (kinds.VIRTUAL_SERVICES, kinds.SERVICES, kinds.ENDPOINT_SLICES)
        ),
        _LEASE,
        *_PROXIES,
    ),
    "prober": (
        *_NAMESPACES,
        Right(kinds.GATEWAYS, _WRITE),
        Right(kinds.SERVICE_ENTRIES, _WRITE),
        Right(kinds.VIRTUAL_SERVICES, _WRITE),
        Right(
            kinds.SERVICES,
            ("get",),
            namespace="istio-system",
            when="finding the gateway without --gateway-address",
        ),
        _LEASE,
    ),
    "reproduce": (
        *_MESH,
        *_ENDPOINTS,
        Right(kinds.SERVICE_ACCOUNTS, _WRITE),
        Right(kinds.PODS, (*_WRITE, "patch")),
        Right(kinds.PODS, ("update", "patch"), "status"),
        _LEASE,
        *(Right(one, _WRITE, when="captures with such objects") for one in _REPLAYED),
        *_PROXIES,
    ),
    "startup": (Right(kinds.PODS, ("list", "watch", "create", "delete")), _LEASE),
}
"""The rights of each command; those of ``cluster`` alone are for its default type of cluster."""
