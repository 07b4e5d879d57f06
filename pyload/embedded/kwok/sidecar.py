"""The parts that Istio's injector adds to a pod and that are the same for many pods.

The API server never changes what it stores, so all pods share these objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


PROXY: Final = "istio-proxy"
INIT: Final = "istio-init"

_LOG_ARGS: Final = (
    "--proxyLogLevel=warning",
    "--proxyComponentLogLevel=misc:error",
    "--log_output_level=default:info",
)


def proxy_args(type_: str) -> list[str]:
    """Return the arguments of a proxy; the type is ``sidecar`` or ``router``."""
    return ["proxy", type_, "--domain", "$(POD_NAMESPACE).svc.cluster.local", *_LOG_ARGS]


def _field(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _limit(name: str, resource: str) -> Obj:
    reference = {"resource": f"limits.{resource}", "divisor": "1"}
    return {"name": name, "valueFrom": {"resourceFieldRef": reference}}


FIRST_ENV: Final[list[Obj]] = [
    {"name": "PILOT_CERT_PROVIDER", "value": "istiod"},
    {"name": "CA_ADDR", "value": "istiod.istio-system.svc:15012"},
    _field("POD_NAME", "metadata.name"),
    _field("POD_NAMESPACE", "metadata.namespace"),
    _field("INSTANCE_IP", "status.podIP"),
    _field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
    _field("HOST_IP", "status.hostIP"),
    _limit("ISTIO_CPU_LIMIT", "cpu"),
    {"name": "PROXY_CONFIG", "value": "{}\n"},
]
MEMORY_ENV: Final = _limit("GOMEMLIMIT", "memory")
NODE_ENV: Final = _field("ISTIO_META_NODE_NAME", "spec.nodeName")
LAST_ENV: Final[list[Obj]] = [
    {"name": "ISTIO_META_MESH_ID", "value": "cluster.local"},
    {"name": "TRUST_DOMAIN", "value": "cluster.local"},
]

RESOURCES: Final[Obj] = {
    "limits": {"cpu": "2", "memory": "1Gi"},
    "requests": {"cpu": "100m", "memory": "128Mi"},
}
PORTS: Final[list[Obj]] = [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}]

_READY: Final[Obj] = {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"}
READINESS: Final[Obj] = {
    "httpGet": _READY,
    "timeoutSeconds": 3,
    "periodSeconds": 15,
    "successThreshold": 1,
    "failureThreshold": 4,
}
STARTUP: Final[Obj] = {
    "httpGet": _READY,
    "timeoutSeconds": 3,
    "periodSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 600,
}
DRAIN: Final[Obj] = {
    "preStop": {
        "exec": {"command": ["pilot-agent", "request", "--debug-port=15020", "POST", "drain"]}
    }
}

INIT_SECURITY: Final[Obj] = {
    "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
    "privileged": False,
    "runAsUser": 0,
    "runAsGroup": 0,
    "runAsNonRoot": False,
    "readOnlyRootFilesystem": False,
    "allowPrivilegeEscalation": False,
}
SIDECAR_SECURITY: Final[Obj] = {
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "runAsUser": 1337,
    "runAsGroup": 1337,
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
}
GATEWAY_SECURITY: Final[Obj] = {"runAsUser": 1337, "runAsGroup": 1337}
GATEWAY_POD_SECURITY: Final[Obj] = {
    "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
}


def init_args(mode: str) -> list[str]:
    """Return the arguments of the init container; the mode is ``REDIRECT`` or ``TPROXY``."""
    ports = ["-p", "15001", "-z", "15006", "-u", "1337", "-m", mode]
    return [
        "istio-iptables",
        *ports,
        *("-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"),
        "--log_output_level=default:info",
    ]


def _config_map(name: str, **rest: bool) -> Obj:
    return {"name": name, "configMap": {"name": name, "defaultMode": 420, **rest}}


def _pod_info(*names: str) -> list[Obj]:
    return [
        {"path": name, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{name}"}}
        for name in names
    ]


VOLUMES: Final[list[Obj]] = [
    {"name": "workload-socket", "emptyDir": {}},
    {"name": "credential-socket", "emptyDir": {}},
    {"name": "workload-certs", "emptyDir": {}},
    {"name": "istio-envoy", "emptyDir": {"medium": "Memory"}},
    {"name": "istio-data", "emptyDir": {}},
    {
        "name": "istio-podinfo",
        "downwardAPI": {"items": _pod_info("labels", "annotations"), "defaultMode": 420},
    },
    {
        "name": "istio-token",
        "projected": {
            "sources": [
                {
                    "serviceAccountToken": {
                        "audience": "istio-ca",
                        "expirationSeconds": 43200,
                        "path": "istio-token",
                    }
                }
            ],
            "defaultMode": 420,
        },
    },
    {
        "name": "istiod-ca-cert",
        "configMap": {"name": "istio-ca-root-cert", "defaultMode": 420},
    },
]
SIDECAR_VOLUMES: Final = [*VOLUMES, _config_map("istio-ca-crl", optional=True)]

_CRL_MOUNT: Final[Obj] = {"name": "istio-ca-crl", "mountPath": "/var/run/secrets/istio/crl"}
MOUNTS: Final[list[Obj]] = [
    {"name": name, "mountPath": path}
    for name, path in (
        ("workload-socket", "/var/run/secrets/workload-spiffe-uds"),
        ("credential-socket", "/var/run/secrets/credential-uds"),
        ("workload-certs", "/var/run/secrets/workload-spiffe-credentials"),
        ("istiod-ca-cert", "/var/run/secrets/istio"),
        ("istio-data", "/var/lib/istio/data"),
        ("istio-envoy", "/etc/istio/proxy"),
        ("istio-token", "/var/run/secrets/tokens"),
        ("istio-podinfo", "/etc/istio/pod"),
    )
]
SIDECAR_MOUNTS: Final = [*MOUNTS[:4], _CRL_MOUNT, *MOUNTS[4:]]
