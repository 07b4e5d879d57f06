"""Istio's configuration as the control plane needs it: small immutable records.

Fields that only istiod reads are left out; `configs` notices changes of them all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from pyload.embedded.controlplane.model import Key, Labels

ROOT: Final = "istio-system"
"""The root namespace, whose configuration applies to all namespaces."""

MESH: Final = "mesh"
"""The name by which VirtualServices refer to all sidecars."""

Mtls = Literal["", "DISABLE", "PERMISSIVE", "STRICT"]


class GatewayServer(NamedTuple):
    """One server of a Gateway.

    Attributes:
        port: Port number, as the Service in front of the gateway has it.
        name: Name of the port.
        protocol: In capitals: ``HTTP``, ``HTTPS``, ``TLS``, ``TCP`` ...
        hosts: Hosts that it serves, without namespaces.
        mode: How it handles TLS, such as ``SIMPLE``; empty for none.
        credential: Name of the Secret with its certificate.
    """

    port: int
    name: str
    protocol: str
    hosts: tuple[str, ...]
    mode: str
    credential: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """One Gateway of Istio's; ``selector`` chooses the proxies that serve it."""

    key: Key
    selector: Labels
    servers: tuple[GatewayServer, ...]


class Destination(NamedTuple):
    """Where a route leads; ``host`` is fully qualified, ``port`` is 0 if not given."""

    host: str
    subset: str
    port: int
    weight: int


class TextMatch(NamedTuple):
    """What a header, a parameter of the query or another part of a request must be.

    Attributes:
        name: Name of the part.
        kind: ``prefix``, ``exact``, ``regex``, or empty if it only needs to be there.
        text: The prefix, text or expression.
        inverted: Whether it is the requests that do not match.
    """

    name: str
    kind: str
    text: str
    inverted: bool = False


class RequestMatch(NamedTuple):
    """The requests that a route matches.

    Attributes:
        kind: ``prefix``, ``exact`` or ``regex``.
        path: The prefix, path or expression.
        headers: What headers must be; the method and its like are headers of HTTP/2 here.
        query: What parameters of the query must be.
        any_case: Whether upper and lower case are the same in the path.
    """

    kind: str = "prefix"
    path: str = "/"
    headers: tuple[TextMatch, ...] = ()
    query: tuple[TextMatch, ...] = ()
    any_case: bool = False


class HttpRoute(NamedTuple):
    """One HTTP route; ``status`` is what it answers itself, 0 if it leads somewhere."""

    name: str
    matches: tuple[RequestMatch, ...]
    destinations: tuple[Destination, ...]
    status: int


@dataclass(frozen=True, slots=True)
class VirtualService:
    """One VirtualService.

    Attributes:
        key: Its namespace and name.
        created: When it was created, which decides between two for one host.
        hosts: Its hosts, short ones fully qualified.
        gateways: Gateways as ``NAMESPACE/NAME``, or `MESH`.
        http: Its HTTP routes.
        tcp: Where its TCP routes lead.
        tls: Where its TLS routes lead.
    """

    key: Key
    created: str
    hosts: tuple[str, ...]
    gateways: frozenset[str]
    http: tuple[HttpRoute, ...]
    tcp: tuple[Destination, ...]
    tls: tuple[Destination, ...]


class TrafficPolicy(NamedTuple):
    """How clients treat a destination: load balancing and limits, 0 where none is set."""

    balancer: str = ""
    max_connections: int = 0
    max_pending: int = 0
    max_requests: int = 0
    max_retries: int = 0


class Subset(NamedTuple):
    """Some of the workloads of a service, by their labels."""

    name: str
    labels: Labels
    traffic: TrafficPolicy


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """One DestinationRule; ``host`` is fully qualified."""

    key: Key
    created: str
    host: str
    traffic: TrafficPolicy
    subsets: tuple[Subset, ...]


class Egress(NamedTuple):
    """Services that a sidecar sees; ``*`` is any namespace or host, ``*.SUFFIX`` some hosts.

    The namespace ``.`` is the workload's, which differs from the Sidecar's where that is the root
    namespace's and holds for the whole mesh.
    """

    namespace: str
    host: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One Sidecar.

    Attributes:
        key: Its namespace and name.
        created: When it was created, which decides between two for one workload.
        selector: Labels of the workloads that it is for; empty for the whole namespace.
        egress: Services that they see; None for all.
        allow_any: Whether they may reach hosts outside the mesh.
    """

    key: Key
    created: str
    selector: Labels
    egress: tuple[Egress, ...] | None
    allow_any: bool


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """A PeerAuthentication, or another kind of policy of which only the selector matters.

    Attributes:
        key: Its namespace and name.
        created: When it was created.
        selector: Labels of the workloads that it is for; empty for the whole namespace.
        mode: Mode of mutual TLS; empty if none is set.
    """

    key: Key
    created: str
    selector: Labels
    mode: Mtls


class AuthorizationRule(NamedTuple):
    """One rule of an AuthorizationPolicy.

    Attributes:
        principals: Identities of clients; ``*`` may stand at either end.
        namespaces: Namespaces of clients.
        ports: Ports of the workload.
        about_requests: Whether it also has conditions on HTTP requests.
    """

    principals: tuple[str, ...]
    namespaces: tuple[str, ...]
    ports: tuple[int, ...]
    about_requests: bool


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """One AuthorizationPolicy.

    Attributes:
        key: Its namespace and name.
        selector: Labels of the workloads that it is for; empty for the whole namespace.
        deny: Whether it denies what its rules match.
        rules: Its rules.
    """

    key: Key
    selector: Labels
    deny: bool
    rules: tuple[AuthorizationRule, ...]


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A Gateway of the Gateway API that is a waypoint; ``host`` is its name in DNS."""

    key: Key
    host: str


@dataclass(frozen=True, slots=True)
class GatewaySecret:
    """A certificate for gateways, in PEM; ``authority`` is the one that clients must have."""

    key: Key
    certificate: bytes
    private_key: bytes
    authority: bytes


def fqdn(host: str, namespace: str) -> str:
    """Return the fully qualified form of a host in an object of a namespace."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.cluster.local"
