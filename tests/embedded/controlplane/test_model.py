"""How Kubernetes' objects are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controlplane import model
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


@pytest.mark.parametrize(
    ("labels", "canonical"),
    [
        ({}, ("", "")),
        ({"app": "a", "version": "v1"}, ("a", "v1")),
        ({"app": "a", "service.istio.io/canonical-name": "b"}, ("b", "")),
        ({"version": "v1", "service.istio.io/canonical-revision": "v2"}, ("", "v2")),
    ],
)
def test_a_workload_has_istios_canonical_service(
    labels: dict[str, str], canonical: tuple[str, str]
) -> None:
    """Telemetry would show the workload under another name than from istiod."""
    obj = pod("p", app="")
    obj["metadata"]["labels"] = labels

    assert model.pod(obj).canonical == canonical


def test_a_pod_is_told_from_a_workload_entry_of_its_name() -> None:
    """A ztunnel would replace one by the other."""
    theirs = model.pod(pod("vm", app="a"))
    entry = replace(theirs, key=Key("mesh", "entry/vm"))

    assert (theirs.name, entry.name) == ("vm", "vm")
    assert theirs.uid == "Kubernetes//Pod/mesh/vm"
    assert entry.uid == "Kubernetes/networking.istio.io/WorkloadEntry/mesh/vm"


def test_a_named_port_is_found_on_the_pod_that_has_it() -> None:
    """Endpoints would have the Service's port, where nothing listens."""
    found = model.pod(pod("p", app="a", ports=[{"name": "web", "containerPort": 8080}]))

    assert [found.resolve(target) for target in (80, "web", "other")] == [80, 8080, None]


def test_slices_keep_the_addresses_that_are_not_known_to_be_unready() -> None:
    """Kubernetes lets a condition that is unknown count as ready."""
    ready = [None, {}, {"ready": True}, {"ready": None}, {"ready": False}]
    found = model.endpoint_slice(
        {
            "metadata": {"name": "s", "namespace": "mesh"},
            "endpoints": [
                {"addresses": [f"10.0.0.{9 - at}"], "conditions": conditions}
                for at, conditions in enumerate(ready)
            ],
            "ports": [{"port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}],
        }
    )

    assert found.service == Key("mesh", "")
    assert [one.ip for one in found.addresses] == ["10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"]
    assert {one.ports for one in found.addresses} == {(("", 80),)}


@pytest.mark.parametrize("obj", [{}, {"metadata": {}}, {"metadata": []}, {"metadata": {"name": 1}}])
def test_an_object_that_cannot_be_read_is_none(obj: Any) -> None:
    """A user's typing error would end the whole control plane."""
    assert model.parse_or_none(lambda obj: int(obj["metadata"]["name"] + "x"), obj) is None
