"""The definitions of Istio's kinds and the Gateway API's, with which a server starts.

Each says how the kind is named and served, and nothing of what its objects hold: unknown fields are
kept. The names, versions, columns and the bundle version are facts of Istio and of the Gateway API
1.6; the real definitions, once applied, replace these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.definitions import complete
from pyload.embedded.apiserver.schemas.structural import KEEPS_UNKNOWN
from pyload.kube import resources

if TYPE_CHECKING:
    from pyload.kube.resources import Obj, Resource

_BUNDLE: Final = {
    "gateway.networking.k8s.io/bundle-version": "v1.6.0",
    "gateway.networking.k8s.io/channel": "experimental",
}
"""What istiod reads to learn whether the Gateway API is new enough."""

_KEYED: Final[Obj] = {"x-kubernetes-list-type": "map", "type": "array"}
_CONDITIONS: Final[Obj] = {
    "conditions": {
        **_KEYED,
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "properties": {"type": {"type": "string"}},
            KEEPS_UNKNOWN: True,
        },
    }
}
_LISTENERS: Final[Obj] = {
    **_KEYED,
    "x-kubernetes-list-map-keys": ["name"],
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, **_CONDITIONS},
        KEEPS_UNKNOWN: True,
    },
}

_AGE: Final = ("Age", "date", ".metadata.creationTimestamp")
_HOSTS: Final = ("Hosts", "string", ".spec.hosts")
_HOSTNAMES: Final = ("Hostnames", "string", ".spec.hostnames")

Column = tuple[str, str, str]
"""Name, type and JSON path of a column that kubectl shows."""


def _definition(
    resource: Resource,
    *older: str,
    short: str = "",
    category: str = "istio-io",
    columns: tuple[Column, ...] = (_AGE,),
    fields: Obj | None = None,
    is_plain: bool = False,
    annotations: Obj | None = None,
) -> Obj:
    """Return a definition.

    Args:
        resource: The kind, in the version that is stored.
        older: Other versions that are served.
        short: Short name.
        category: Group of resources for kubectl.
        columns: What kubectl shows beside the name.
        fields: Schemas of fields whose lists merge by key, by ``spec`` or ``status``.
        is_plain: Whether it lacks the status subresource.
        annotations: Annotations of the definition.
    """
    merged = {"status": _CONDITIONS, **(fields or {})}
    schema = {
        "type": "object",
        KEEPS_UNKNOWN: True,
        "properties": {
            name: {"type": "object", "properties": known, KEEPS_UNKNOWN: True}
            for name, known in merged.items()
        },
    }
    version: Obj = {
        "served": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path} for name, type_, path in columns
        ],
        **({} if is_plain else {"subresources": {"status": {}}}),
    }
    names: Obj = {"plural": resource.plural, "kind": resource.kind, "categories": [category]}
    if short:
        names["shortNames"] = [short]
    metadata: Obj = {"name": resource.qualified}
    if annotations:
        metadata["annotations"] = annotations
    return complete(
        {
            "metadata": metadata,
            "spec": {
                "group": resource.group,
                "names": names,
                "scope": "Namespaced" if resource.namespaced else "Cluster",
                "versions": [
                    {"name": name, "storage": name == resource.version, **version}
                    for name in (resource.version, *older)
                ],
            },
        }
    )


def _gateway_api(resource: Resource, *older: str, **rest: Any) -> Obj:
    rest = {"short": "", "category": "gateway-api", **rest}
    return _definition(resource, *older, annotations=_BUNDLE, **rest)


OWN: Final = (
    _definition(
        resources.VIRTUAL_SERVICES,
        *("v1beta1", "v1alpha3"),
        short="vs",
        columns=(("Gateways", "string", ".spec.gateways"), _HOSTS, _AGE),
    ),
    _definition(
        resources.DESTINATION_RULES,
        *("v1beta1", "v1alpha3"),
        short="dr",
        columns=(("Host", "string", ".spec.host"), _AGE),
    ),
    _definition(resources.GATEWAYS, "v1beta1", "v1alpha3", short="gw"),
    _definition(
        resources.SERVICE_ENTRIES,
        *("v1beta1", "v1alpha3"),
        short="se",
        columns=(
            _HOSTS,
            ("Location", "string", ".spec.location"),
            ("Resolution", "string", ".spec.resolution"),
            _AGE,
        ),
    ),
    _definition(resources.SIDECARS, "v1beta1", "v1alpha3"),
    _definition(
        resources.WORKLOAD_ENTRIES,
        *("v1beta1", "v1alpha3"),
        short="we",
        columns=(_AGE, ("Address", "string", ".spec.address")),
    ),
    _definition(resources.WORKLOAD_GROUPS, "v1beta1", "v1alpha3", short="wg"),
    _definition(resources.ENVOY_FILTERS),
    _definition(resources.PROXY_CONFIGS),
    _definition(
        resources.AUTHORIZATION_POLICIES,
        "v1beta1",
        short="ap",
        columns=(("Action", "string", ".spec.action"), _AGE),
    ),
    _definition(
        resources.PEER_AUTHENTICATIONS,
        "v1beta1",
        short="pa",
        columns=(("Mode", "string", ".spec.mtls.mode"), _AGE),
    ),
    _definition(resources.REQUEST_AUTHENTICATIONS, "v1beta1", short="ra"),
    _definition(resources.TELEMETRIES, "v1alpha1", short="telemetry"),
    _definition(resources.WASM_PLUGINS),
    _definition(resources.TRAFFIC_EXTENSIONS),
    _gateway_api(
        resources.GATEWAY_CLASSES,
        "v1beta1",
        short="gc",
        columns=(
            ("Controller", "string", ".spec.controllerName"),
            ("Accepted", "string", '.status.conditions[?(@.type=="Accepted")].status'),
            _AGE,
        ),
    ),
    _gateway_api(
        resources.KUBE_GATEWAYS,
        "v1beta1",
        short="gtw",
        columns=(
            ("Class", "string", ".spec.gatewayClassName"),
            ("Address", "string", ".status.addresses[*].value"),
            ("Programmed", "string", '.status.conditions[?(@.type=="Programmed")].status'),
            _AGE,
        ),
        fields={
            "spec": {"listeners": _LISTENERS},
            "status": {**_CONDITIONS, "listeners": _LISTENERS},
        },
    ),
    _gateway_api(resources.HTTP_ROUTES, "v1beta1", columns=(_HOSTNAMES, _AGE)),
    _gateway_api(resources.GRPC_ROUTES, columns=(_HOSTNAMES, _AGE)),
    _gateway_api(resources.REFERENCE_GRANTS, "v1", short="refgrant", is_plain=True),
    _gateway_api(resources.TCP_ROUTES, "v1"),
    _gateway_api(resources.TLS_ROUTES, "v1", "v1alpha3"),
    _gateway_api(resources.UDP_ROUTES, "v1"),
    _gateway_api(resources.BACKEND_TLS_POLICIES, "v1alpha3", short="btlspolicy"),
    _gateway_api(resources.LISTENER_SETS, short="lset"),
)
"""The definitions; never changed."""
