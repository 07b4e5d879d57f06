"""Parsers of Istio's objects, which return the records of `istio_model`.

A missing field gets Istio's default. Malformed objects raise any error that indexing and
conversion raise; `pyload.embedded.controlplane.model.parse_or_none` catches it.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

from pyload.embedded.controlplane.istio_model import (
    MESH,
    AuthorizationPolicy,
    AuthorizationRule,
    Destination,
    DestinationRule,
    Egress,
    Gateway,
    GatewaySecret,
    GatewayServer,
    HttpRoute,
    RequestMatch,
    SecurityPolicy,
    Sidecar,
    Subset,
    TextMatch,
    TrafficPolicy,
    VirtualService,
    Waypoint,
    fqdn,
)
from pyload.embedded.controlplane.model import key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.istio_model import Mtls
    from pyload.embedded.controlplane.model import Labels
    from pyload.kube.resources import Obj


def gateway(obj: Obj) -> Gateway:
    """Parse a Gateway."""
    spec = obj.get("spec") or {}
    servers = []
    for server in spec.get("servers") or ():
        port, tls = server.get("port") or {}, server.get("tls") or {}
        servers.append(
            GatewayServer(
                port=port.get("number") or 0,
                name=port.get("name") or "",
                protocol=(port.get("protocol") or "").upper(),
                hosts=tuple(host.rpartition("/")[2] for host in server.get("hosts") or ()),
                mode=(tls.get("mode") or "PASSTHROUGH") if tls else "",
                credential=tls.get("credentialName") or "",
            )
        )
    return Gateway(key(obj), _labels(spec.get("selector")), tuple(servers))


def virtual_service(obj: Obj) -> VirtualService:
    """Parse a VirtualService."""
    spec = obj.get("spec") or {}
    metadata = key(obj)
    namespace = metadata.namespace
    names = spec.get("gateways") or [MESH]
    return VirtualService(
        key=metadata,
        created=_created(obj),
        hosts=tuple(fqdn(host, namespace) for host in spec.get("hosts") or ()),
        gateways=frozenset(
            name if name == MESH or "/" in name else f"{namespace}/{name}" for name in names
        ),
        http=tuple(_http_route(route, namespace) for route in spec.get("http") or ()),
        tcp=_destinations((spec.get("tcp") or [{}])[0], namespace),
        tls=_destinations((spec.get("tls") or [{}])[0], namespace),
    )


def destination_rule(obj: Obj) -> DestinationRule:
    """Parse a DestinationRule."""
    spec = obj.get("spec") or {}
    metadata = key(obj)
    return DestinationRule(
        key=metadata,
        created=_created(obj),
        host=fqdn(spec.get("host") or "", metadata.namespace),
        traffic=_traffic(spec),
        subsets=tuple(
            Subset(subset.get("name") or "", _labels(subset.get("labels")), _traffic(subset))
            for subset in spec.get("subsets") or ()
        ),
    )


def sidecar(obj: Obj) -> Sidecar:
    """Parse a Sidecar."""
    spec = obj.get("spec") or {}
    metadata = key(obj)
    egress = spec.get("egress")
    policy = spec.get("outboundTrafficPolicy")
    return Sidecar(
        key=metadata,
        created=_created(obj),
        selector=_labels((spec.get("workloadSelector") or {}).get("labels")),
        egress=tuple(_egress(host) for listener in egress for host in listener.get("hosts") or ())
        if egress
        else None,
        # Of a policy that is there, the mode that is not is the first one, REGISTRY_ONLY.
        allow_any=policy is None or policy.get("mode") == "ALLOW_ANY",
    )


def security(obj: Obj) -> SecurityPolicy:
    """Parse any policy that applies to workloads."""
    spec = obj.get("spec") or {}
    selector = spec.get("selector") or {}
    labels = selector.get("matchLabels") or (spec.get("workloadSelector") or {}).get("labels")
    said = (spec.get("mtls") or {}).get("mode")
    mode: Mtls = said if said in ("DISABLE", "PERMISSIVE", "STRICT") else ""
    return SecurityPolicy(key(obj), _created(obj), _labels(labels), mode)


def authorization(obj: Obj) -> AuthorizationPolicy:
    """Parse an AuthorizationPolicy."""
    spec = obj.get("spec") or {}
    return AuthorizationPolicy(
        key=key(obj),
        selector=_labels((spec.get("selector") or {}).get("matchLabels")),
        deny=spec.get("action") == "DENY",
        rules=tuple(_rule(rule) for rule in spec.get("rules") or ()),
    )


def waypoint(obj: Obj) -> Waypoint | None:
    """Parse a Gateway of the Gateway API; None if it is not a waypoint."""
    spec = obj.get("spec") or {}
    if spec.get("gatewayClassName") != "istio-waypoint":
        return None
    metadata = key(obj)
    given = [
        address.get("value")
        for address in spec.get("addresses") or ()
        if address.get("type") == "Hostname"
    ]
    return Waypoint(metadata, given[0] if given else fqdn(metadata.name, metadata.namespace))


def secret(obj: Obj) -> GatewaySecret | None:
    """Parse a Secret; None if it holds no certificate."""
    data = obj.get("data") or {}

    def first(*names: str) -> bytes:
        found = next((data[name] for name in names if data.get(name)), "")
        try:
            return b64decode(found)
        except ValueError:
            return b""

    certificate, private_key = first("tls.crt", "cert"), first("tls.key", "key")
    authority = first("ca.crt", "cacert")
    if not (certificate and private_key) and not authority:
        return None
    return GatewaySecret(key(obj), certificate, private_key, authority)


def _rule(rule: Mapping[str, Any]) -> AuthorizationRule:
    sources = [one.get("source") or {} for one in rule.get("from") or ()]
    operations = [one.get("operation") or {} for one in rule.get("to") or ()]
    known = {"principals", "namespaces", "ports"}
    return AuthorizationRule(
        principals=tuple(name for one in sources for name in one.get("principals") or ()),
        namespaces=tuple(name for one in sources for name in one.get("namespaces") or ()),
        ports=tuple(int(port) for one in operations for port in one.get("ports") or ()),
        about_requests=bool(rule.get("when"))
        or any(one.keys() - known for one in (*sources, *operations)),
    )


def _http_route(route: Mapping[str, Any], namespace: str) -> HttpRoute:
    matches = tuple(_request_match(match) for match in route.get("match") or ())
    status = (route.get("directResponse") or {}).get("status") or 0
    if route.get("redirect") is not None:
        status = route["redirect"].get("redirectCode") or 301
    return HttpRoute(
        route.get("name") or "",
        matches or (RequestMatch(),),
        _destinations(route, namespace),
        status,
    )


def _request_match(match: Mapping[str, Any]) -> RequestMatch:
    path = _text_match("", match.get("uri") or {"prefix": "/"})
    parts = {f":{name}": match[name] for name in ("method", "scheme", "authority") if name in match}
    wanted = sorted({**parts, **(match.get("headers") or {})}.items())
    unwanted = sorted((match.get("withoutHeaders") or {}).items())
    return RequestMatch(
        path.kind or "prefix",
        path.text or "/",
        headers=(
            *(_text_match(name, one) for name, one in wanted),
            *(_text_match(name, one)._replace(inverted=True) for name, one in unwanted),
        ),
        query=tuple(
            _text_match(name, one) for name, one in sorted((match.get("queryParams") or {}).items())
        ),
        any_case=bool(match.get("ignoreUriCase")),
    )


def _text_match(name: str, match: Mapping[str, str]) -> TextMatch:
    """Parse a StringMatch; one without any kind is met by any text."""
    for kind in ("prefix", "exact", "regex"):
        if kind in match:
            return TextMatch(name, kind, match[kind])
    return TextMatch(name, "", "")


def _destinations(route: Mapping[str, Any], namespace: str) -> tuple[Destination, ...]:
    found = []
    for one in route.get("route") or ():
        destination = one.get("destination") or {}
        found.append(
            Destination(
                host=fqdn(destination.get("host") or "", namespace),
                subset=destination.get("subset") or "",
                port=(destination.get("port") or {}).get("number") or 0,
                weight=one.get("weight") or 0,
            )
        )
    return tuple(found)


def _traffic(holder: Mapping[str, Any]) -> TrafficPolicy:
    policy = holder.get("trafficPolicy") or {}
    pool = policy.get("connectionPool") or {}
    http = pool.get("http") or {}
    return TrafficPolicy(
        balancer=(policy.get("loadBalancer") or {}).get("simple") or "",
        max_connections=(pool.get("tcp") or {}).get("maxConnections") or 0,
        max_pending=http.get("http1MaxPendingRequests") or 0,
        max_requests=http.get("http2MaxRequests") or 0,
        max_retries=http.get("maxRetries") or 0,
    )


def _egress(text: str) -> Egress:
    where, slash, host = text.partition("/")
    return Egress(where, host) if slash else Egress("*", text)


def _labels(labels: Mapping[str, str] | None) -> Labels:
    return frozenset((labels or {}).items())


def _created(obj: Obj) -> str:
    return obj["metadata"].get("creationTimestamp") or ""
