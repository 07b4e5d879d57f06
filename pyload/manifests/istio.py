"""The Istio objects of a mesh, as pilot-load writes them, and a waypoint's Gateway.

They are written for the newest version; `pyload.mesh.api_versions` finds the one that is served.
Where an object belongs to one application it selects that application's pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.kube import resources
from pyload.manifests.objects import bare_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.kube.resources import Obj, Resource

SUBSET: Final = "a"
BALANCERS: Final = ("ROUND_ROBIN", "LEAST_REQUEST", "UNSPECIFIED")
MTLS_MODES: Final = ("", "DISABLE", "PERMISSIVE", "STRICT")
METHODS: Final = ("POST", "GET", "PUT", "DELETE")

JWKS: Final = "https://raw.githubusercontent.com/istio/istio/master/tests/common/jwt/jwks.json"

_MANAGER: Final = (
    "type.googleapis.com/"
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)


def _istio_object(resource: Resource, name: str, namespace: str, spec: Obj, *, run_id: str) -> Obj:
    version, kind = resource.api_version, resource.kind
    return bare_object(version, kind, name, namespace=namespace, run_id=run_id, spec=spec)


def _selecting(app: str, spec: Obj) -> Obj:
    return {"selector": {"matchLabels": {"app": app}}, **spec} if app else spec


def virtual_service(
    name: str,
    namespace: str,
    *,
    app: str,
    gateways: Iterable[str] = (),
    subset: bool,
    weight: int = 100,
    run_id: str,
) -> Obj:
    """Build the routes to an application.

    Args:
        name: Name of the object.
        namespace: Namespace of the object.
        app: Name of the application, which is the destination.
        gateways: Gateways that it binds to.
        subset: Whether there is a DestinationRule with the subset `SUBSET`.
        weight: Per cent that go to port 80; the rest goes to port 443.
        run_id: Value of the run label.
    """
    routes: list[Obj] = []
    for port, share in ((80, weight), (443, 100 - weight)):
        if share:
            destination: Obj = {"host": app, "port": {"number": port}}
            if subset:
                destination["subset"] = SUBSET
            routes.append({"destination": destination, "weight": share})
    spec: Obj = {"hosts": [f"{app}.example.com"], "http": [{"route": routes}]}
    bound = list(gateways)
    if bound:
        spec["gateways"] = bound
    return _istio_object(resources.VIRTUAL_SERVICES, name, namespace, spec, run_id=run_id)


def destination_rule(
    name: str, namespace: str, *, app: str, balancer: str = BALANCERS[0], run_id: str
) -> Obj:
    """Build an application's traffic policy; `balancer` is one of `BALANCERS`."""
    spec = {
        "host": app,
        "subsets": [{"name": SUBSET}],
        "trafficPolicy": {"loadBalancer": {"simple": balancer}},
    }
    return _istio_object(resources.DESTINATION_RULES, name, namespace, spec, run_id=run_id)


def sidecar(
    name: str, namespace: str, *, app: str = "", allow_any: bool = False, run_id: str
) -> Obj:
    """Build a Sidecar that hides the services of other namespaces."""
    # Without a mode, only what is in the registry may be called.
    policy = {"mode": "ALLOW_ANY"} if allow_any else {}
    spec: Obj = {"egress": [{"hosts": ["./*"]}], "outboundTrafficPolicy": policy}
    if app:
        spec["workloadSelector"] = {"labels": {"app": app}}
    return _istio_object(resources.SIDECARS, name, namespace, spec, run_id=run_id)


def envoy_filter(
    name: str, namespace: str, *, app: str = "", sampling: int = 0, run_id: str
) -> Obj:
    """Build an EnvoyFilter that sets the sampling of traces, in per cent."""
    patch = {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "listener": {"filterChain": {"filter": {"name": "envoy.http_connection_manager"}}}
        },
        "patch": {
            "operation": "MERGE",
            "value": {
                "typed_config": {
                    "@type": _MANAGER,
                    "tracing": {"random_sampling": {"value": sampling}},
                }
            },
        },
    }
    spec: Obj = {"configPatches": [patch]}
    if app:
        spec["workloadSelector"] = {"labels": {"app": app}}
    return _istio_object(resources.ENVOY_FILTERS, name, namespace, spec, run_id=run_id)


def telemetry(name: str, namespace: str, *, app: str = "", sampling: int = 0, run_id: str) -> Obj:
    """Build a Telemetry that sets the sampling of traces, in per cent."""
    spec = _selecting(app, {"tracing": [{"randomSamplingPercentage": sampling}]})
    return _istio_object(resources.TELEMETRIES, name, namespace, spec, run_id=run_id)


def authorization_policy(
    name: str,
    namespace: str,
    *,
    scope: str,
    app: str = "",
    method: str = METHODS[0],
    run_id: str,
) -> Obj:
    """Build a policy that allows two issuers one method each.

    Args:
        name: Name of the object.
        namespace: Namespace of the object.
        scope: Begins the names of the issuers and hosts.
        app: The application that it is for; empty for the whole namespace.
        method: HTTP method.
        run_id: Value of the run label.
    """
    rules = [
        {
            "from": [{"source": {"requestPrincipals": [f"{scope}-{issuer}/*"]}}],
            "to": [{"operation": {"methods": [method], "hosts": [f"{scope}.{domain}"]}}],
        }
        for issuer, domain in (("foo", "example.com"), ("bar", "another-host.com"))
    ]
    spec = _selecting(app, {"rules": rules})
    return _istio_object(resources.AUTHORIZATION_POLICIES, name, namespace, spec, run_id=run_id)


def peer_authentication(
    name: str, namespace: str, *, app: str = "", mode: str = MTLS_MODES[0], run_id: str
) -> Obj:
    """Build the mTLS mode of a workload; `mode` is one of `MTLS_MODES`."""
    spec = _selecting(app, {"mtls": {"mode": mode} if mode else {}})
    return _istio_object(resources.PEER_AUTHENTICATIONS, name, namespace, spec, run_id=run_id)


def request_authentication(
    name: str, namespace: str, *, scope: str, app: str = "", run_id: str
) -> Obj:
    """Build the token rules for two issuers whose names begin with `scope`."""
    rules = [{"issuer": f"{scope}-{issuer}", "jwksUri": JWKS} for issuer in ("foo", "bar")]
    spec = _selecting(app, {"jwtRules": rules})
    return _istio_object(resources.REQUEST_AUTHENTICATIONS, name, namespace, spec, run_id=run_id)


def gateway(name: str, namespace: str, *, app: str, run_id: str) -> Obj:
    """Build a Gateway of the router `app`, with the TLS Secret of the same name."""
    hosts = ["*.example.com"]
    servers = [
        {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts},
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": hosts,
            "tls": {"mode": "SIMPLE", "credentialName": name},
        },
    ]
    spec = {"selector": {"app": app}, "servers": servers}
    return _istio_object(resources.GATEWAYS, name, namespace, spec, run_id=run_id)


def service_entry(name: str, namespace: str, *, workloads: bool, run_id: str) -> Obj:
    """Build a service outside of the cluster, or with `workloads` one of virtual machines."""
    spec: Obj = {
        "hosts": [name],
        "resolution": "DNS",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}],
    }
    if workloads:
        spec["location"] = "MESH_INTERNAL"
        spec["workloadSelector"] = {"labels": {"app": name}}
    return _istio_object(resources.SERVICE_ENTRIES, name, namespace, spec, run_id=run_id)


def workload_entry(name: str, namespace: str, *, address: str, weight: int = 0, run_id: str) -> Obj:
    """Build a virtual machine of the application `name`; a `weight` of 0 is left out."""
    spec: Obj = {"address": address, "labels": {"app": name}}
    if weight:
        spec["weight"] = weight
    return _istio_object(resources.WORKLOAD_ENTRIES, name, namespace, spec, run_id=run_id)


def workload_group(name: str, namespace: str, *, run_id: str) -> Obj:
    """Build the template of the virtual machines of the application `name`."""
    spec = {
        "metadata": {"labels": {"app": name}},
        "template": {"ports": {"http": 8080}, "labels": {"app": name}},
    }
    return _istio_object(resources.WORKLOAD_GROUPS, name, namespace, spec, run_id=run_id)


def waypoint(name: str, namespace: str, *, run_id: str) -> Obj:
    """Build the Gateway API's Gateway of a waypoint; its address is the waypoint's service."""
    spec = {
        "gatewayClassName": "istio-waypoint",
        "addresses": [
            {"type": "Hostname", "value": f"{name}.{namespace}.svc.cluster.local"},
        ],
        "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}],
    }
    return _istio_object(resources.KUBE_GATEWAYS, name, namespace, spec, run_id=run_id)
