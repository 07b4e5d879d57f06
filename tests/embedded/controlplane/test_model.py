"""How Kubernetes' objects are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.embedded.controlplane.model import Key
from tests.embedded.controlplane.support import mesh_of, pod, service

if TYPE_CHECKING:
    from pyload.embedded.controlplane.registry import ServiceRegistry

APP = Key("mesh", "app")


def _ips(registry: ServiceRegistry, key: Key = APP, port: int = 80) -> list[str]:
    registry.pop_changes()
    return [endpoint.ip for endpoint in registry.mesh().endpoints[key][port]]


def test_pods_that_are_not_ready_are_no_endpoints() -> None:
    """Proxies must not be sent to pods that do not serve."""
    terminating = pod("app-3", app="app", ip="10.1.0.3")
    terminating["metadata"]["deletionTimestamp"] = "2026-11-23T19:00:00Z"
    pending = pod("app-4", app="app", ip="10.1.0.4")
    pending["status"]["phase"] = "Pending"
    registry = mesh_of(
        service("app"),
        pod("app-1", app="app", ip="10.1.0.1"),
        pod("app-2", app="app", ip="10.1.0.2", ready=False),
        terminating,
        pending,
    )

    assert _ips(registry) == ["10.1.0.1"]


def test_protocols_follow_istios_rules() -> None:
    """The wrong protocol would give a port a TCP listener instead of routes."""
    ports: list[dict[str, Any]] = [
        {"name": "http-web", "port": 1},
        {"name": "grpc", "port": 2},
        {"name": "tcp", "port": 3},
        {"name": "https", "port": 4},
        {"name": "any", "port": 5, "appProtocol": "http"},
        {"name": "http", "port": 6, "appProtocol": "tcp"},
        {"port": 7},
        {"name": "dns", "port": 8, "protocol": "UDP"},
    ]
    registry = mesh_of(service("app", ports=ports))

    found = registry.mesh().services[APP].ports
    assert [(port.port, port.http) for port in found] == [
        (1, True),
        (2, True),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
        (7, False),
    ]


def test_external_names_have_no_cluster() -> None:
    """Istio does not serve them either."""
    external = service("app")
    external["spec"] = {"type": "ExternalName", "externalName": "example.com"}

    assert mesh_of(external).mesh().services == {}
