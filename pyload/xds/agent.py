"""What Istio's agent says in the node of its Envoy, as far as it does not depend on the pod.

The agent writes Envoy's bootstrap: an entry of metadata for each variable ``ISTIO_META_X``, which
the injector has put into the pod, some of its own, and the name of the cluster that the Envoy
belongs to. A ztunnel has no agent, and says little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.xds.node import SIDECAR

if TYPE_CHECKING:
    from collections.abc import Mapping

DISCOVERY: Final = "istiod.istio-system.svc:15012"
"""Where an agent connects by default."""

UNKNOWN_VERSION: Final = "unknown"
"""What an agent that was built without a version calls itself; istiod takes it for the newest."""

PROXY_CONFIG: Final[Mapping[str, object]] = {
    "configPath": "./etc/istio/proxy",
    "binaryPath": "/usr/local/bin/envoy",
    "serviceCluster": "istio-proxy",
    "drainDuration": "45s",
    "discoveryAddress": DISCOVERY,
    "proxyAdminPort": 15000,
    "controlPlaneAuthPolicy": "MUTUAL_TLS",
    "statNameLength": 189,
    "statusPort": 15020,
    "terminationDrainDuration": "5s",
}
"""The agent's ProxyConfig where nobody says otherwise."""

_CONSTANT: Final[Mapping[str, object]] = {
    "ENVOY_PROMETHEUS_PORT": 15090,
    "ENVOY_SKIP_DEPRECATED_LOGS": "true",
    "ENVOY_STATUS_PORT": 15021,
    "WORKLOAD_IDENTITY_SOCKET_FILE": "socket",
}

_NAME_LABELS: Final = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name")
"""Labels that name an application, the first one first."""

_LOCALITY_LABELS: Final = ("topology.istio.io/locality", "istio-locality")

_TOPOLOGY_LABELS: Final = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
)

_ANNOTATIONS: Final[Mapping[str, str]] = {
    "istio.io/rev": "default",
    "prometheus.io/path": "/stats/prometheus",
    "prometheus.io/port": "15020",
    "prometheus.io/scrape": "true",
}
_SIDECAR_ANNOTATIONS: Final[Mapping[str, str]] = {
    **_ANNOTATIONS,
    "kubectl.kubernetes.io/default-container": "app",
    "kubectl.kubernetes.io/default-logs-container": "app",
    "sidecar.istio.io/status": (
        '{"initContainers":["istio-init","istio-proxy"],"containers":null,'
        '"volumes":["workload-socket","credential-socket","workload-certs","istio-envoy",'
        '"istio-data","istio-podinfo","istio-token","istiod-ca-cert","istio-ca-crl"],'
        '"imagePullSecrets":null,"revision":"default"}'
    ),
}


def agent_entries(
    config: Mapping[str, object], environment: Mapping[str, str], *, hbone: bool
) -> dict[str, object]:
    """Return the metadata that an agent adds of its own accord.

    Args:
        config: Its ProxyConfig.
        environment: Its environment.
        hbone: Whether ``ENABLE_HBONE`` is set in its metadata.
    """
    entries = {**_CONSTANT, "PROXY_CONFIG": config}
    for name in ("ENVOY_STATUS_PORT", "ENVOY_PROMETHEUS_PORT"):
        if environment.get(name, "").isdecimal():
            entries[name] = int(environment[name])
    if environment.get("ENVOY_SKIP_DEPRECATED_LOGS") == "false":
        del entries["ENVOY_SKIP_DEPRECATED_LOGS"]
    if environment.get("EXIT_ON_ZERO_ACTIVE_CONNECTIONS") == "true":
        entries["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"] = "true"
    for name in ("WORKLOAD_IDENTITY_SOCKET_FILE", "DNS_PROXY_ADDR"):
        if environment.get(name):
            entries[name] = environment[name]
    follows = environment.get("PEER_METADATA_DISCOVERY") or ("true" if hbone else "false")
    entries["METADATA_DISCOVERY"] = follows
    if config.get("controlPlaneAuthPolicy") == "MUTUAL_TLS":
        entries["PILOT_SAN"] = [_san(str(config.get("discoveryAddress") or ""))]
    return entries


def assumed_metadata(
    *,
    type: str,  # noqa: A002 - xDS's word
    namespace: str,
    service_account: str,
    labels: Mapping[str, str],
    cluster_id: str,
    workload: str,
) -> dict[str, object]:
    """Return the metadata of an Envoy as the agent in a freshly injected pod would send it.

    Left out are the pod's name, IPs and node, and the version.

    Args:
        type: Node type.
        namespace: The pod's namespace.
        service_account: Its service account.
        labels: Its labels.
        cluster_id: Istio's name of the cluster.
        workload: Name of the pod's Deployment; may be empty.
    """
    metadata: dict[str, object] = {
        **agent_entries(PROXY_CONFIG, {}, hbone=False),
        "ANNOTATIONS": _SIDECAR_ANNOTATIONS if type == SIDECAR else _ANNOTATIONS,
        "CLUSTER_ID": cluster_id,
        "INTERCEPTION_MODE": "REDIRECT",
        "LABELS": labels,
        "MESH_ID": "cluster.local",
        "NAMESPACE": namespace,
        "SERVICE_ACCOUNT": service_account,
    }
    if type == SIDECAR:
        metadata["APP_CONTAINERS"] = "app"
    if workload:
        path = f"namespaces/{namespace}/deployments/{workload}"
        metadata["OWNER"] = f"kubernetes://apis/apps/v1/{path}"
        metadata["WORKLOAD_NAME"] = workload
    return metadata


def assumed_ztunnel_metadata(*, namespace: str, cluster_id: str) -> dict[str, object]:
    """Return the metadata of a ztunnel but for its name, IP and node."""
    return {"CLUSTER_ID": cluster_id, "ENABLE_HBONE": "true", "NAMESPACE": namespace}


def service_cluster(metadata: Mapping[str, object]) -> str:
    """Return the name of the cluster that an Envoy belongs to, from the whole metadata."""
    config = _mapping(metadata, "PROXY_CONFIG")
    labels = _mapping(metadata, "LABELS")
    workload, namespace = metadata.get("WORKLOAD_NAME"), metadata.get("NAMESPACE") or ""
    written = config.get("serviceCluster")
    match config.get("tracingServiceName"):
        case "CANONICAL_NAME_AND_NAMESPACE" if namespace:
            return f"{_canonical(labels, workload)}.{namespace}"
        case "CANONICAL_NAME_AND_NAMESPACE" | "CANONICAL_NAME_ONLY":
            written = _canonical(labels, workload)
    if written and written != "istio-proxy":
        return str(written)
    name = next((labels[name] for name in _NAME_LABELS if name in labels), workload)
    if name:
        return f"{name}.{namespace}"
    return f"istio-proxy.{namespace}" if namespace else "istio-proxy"


def locality_of(labels: Mapping[str, str]) -> str:
    """Return ``REGION/ZONE/SUBZONE`` of the labels of a pod or node, without what is missing."""
    written = next((labels[name] for name in _LOCALITY_LABELS if labels.get(name)), "")
    if written:
        # The value of a label has no slash.
        return written if "/" in written else written.replace(".", "/")
    return "/".join(labels.get(name) or "" for name in _TOPOLOGY_LABELS).rstrip("/")


def _canonical(labels: Mapping[str, object], workload: object) -> object:
    names = (labels[name] for name in reversed(_NAME_LABELS) if name in labels)
    return next(names, workload or "istio-proxy")


def _san(address: str) -> str:
    host = address.partition(":")[0]
    return "istiod.istio-system.svc" if host == "localhost" else host


def _mapping(metadata: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = metadata.get(name)
    return value if isinstance(value, dict) else {}
