"""A captured cluster, object by object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def obj(api_version: str, kind: str, name: str, namespace: str = "mesh", **rest: Any) -> Obj:
    """Make an object as `kubectl get` prints it."""
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"l": "v"},
    }
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


NAMESPACE = obj("v1", "Namespace", "mesh", "")

SERVICE = obj(
    "v1",
    "Service",
    "web",
    spec={
        "type": "LoadBalancer",
        "clusterIP": "10.1.2.3",
        "clusterIPs": ["10.1.2.3"],
        "selector": {"app": "web"},
        "loadBalancerIP": "1.2.3.4",
        "healthCheckNodePort": 30001,
        "ports": [{"name": "http", "port": 80, "nodePort": 30002}],
    },
    status={"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
)

ENDPOINTS = obj(
    "v1",
    "Endpoints",
    "web",
    subsets=[
        {
            "addresses": [{"ip": "10.9.0.1", "targetRef": {"kind": "Pod", "name": "a"}}],
            "notReadyAddresses": [{"ip": "10.9.0.2", "targetRef": {"kind": "Pod", "name": "b"}}],
            "ports": [{"name": "http", "port": 80}],
        }
    ],
)

ACCOUNT = obj("v1", "ServiceAccount", "sa")

CONFIG = obj("v1", "ConfigMap", "c", data={"text": "a: |\n---\nitems:\n- x\n"})

ROUTE = obj("networking.istio.io/v1", "VirtualService", "r", spec={"hosts": ["web"]})

RULE = obj("networking.istio.io/v1alpha3", "DestinationRule", "d", spec={"host": "web"})

HTTP = obj("gateway.networking.k8s.io/v1", "HTTPRoute", "h", spec={"hostnames": ["x.example.com"]})

SECRET = obj("v1", "Secret", "s", data={"key": "cGFzc3dvcmQ="})

PODS = (
    pod("a", ip="10.9.0.1"),
    pod("gw", ip="10.9.0.3", proxy=proxy_container("router")),
    plain_pod("plain", ip="10.9.0.4"),
    pod("done", ip="10.9.0.5", phase="Succeeded"),
    pod("young"),
)

CAPTURE = (*PODS, ACCOUNT, ENDPOINTS, SERVICE, CONFIG, HTTP, RULE, ROUTE, SECRET, NAMESPACE)
