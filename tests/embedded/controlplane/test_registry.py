"""What the control plane makes of Kubernetes objects, and which changes it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.mesh_state import InboundPort, MeshChanges
from pyload.embedded.controlplane.model import Endpoint, Key, Locality
from pyload.embedded.controlplane.registry import ServiceRegistry
from tests.embedded.controlplane.support import HTTP, istio, mesh_of, node, pod, service

if TYPE_CHECKING:
    from collections.abc import Callable

APP = Key("mesh", "app")


def _ips(registry: ServiceRegistry, key: Key = APP, port: int = 80) -> list[str]:
    registry.pop_changes()
    return [endpoint.ip for endpoint in registry.mesh().endpoints[key][port]]


def test_running_pods_that_a_service_selects_are_its_endpoints() -> None:
    """Traffic to a service must have somewhere to go, with Istio's description of it."""
    registry = mesh_of(
        node("node-a", "region", "zone"),
        service("app"),
        pod("app-1", app="app", ip="10.1.0.1", labels={"security.istio.io/tlsMode": "istio"}),
        pod("other-1", app="other", ip="10.1.0.2"),
        pod("app-1", app="app", ip="10.1.0.3", namespace="elsewhere"),
    )
    registry.pop_changes()

    labels = frozenset({("app", "app"), ("security.istio.io/tlsMode", "istio")})
    expected = Endpoint(
        "10.1.0.1", 80, "app-1;mesh;app;;Kubernetes", True, Locality("region", "zone"), labels
    )
    assert registry.mesh().endpoints[APP] == {
        80: (expected,),
        443: (expected._replace(port=443),),
    }


def test_named_target_ports_are_looked_up_on_each_pod() -> None:
    """A Service may name the container's port, which can differ from pod to pod."""
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    registry = mesh_of(
        service("app", ports=ports),
        pod("app-1", app="app", ports=[{"name": "web", "containerPort": 8080}]),
        pod("app-2", app="app", ports=[{"name": "other", "containerPort": 1}]),
    )
    registry.pop_changes()

    assert [one.port for one in registry.mesh().endpoints[APP][80]] == [8080]


def _slice(name: str, *ips: str, of: str = "app", ready: bool | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": "mesh",
            "labels": {"kubernetes.io/service-name": of},
        },
        "endpoints": [
            {"addresses": [ip], "conditions": {} if ready is None else {"ready": ready}}
            for ip in ips
        ],
        "ports": [{"name": "http", "port": 8080}],
    }


def test_a_service_without_selector_takes_its_endpoint_slices() -> None:
    """To istiod they are all there is; a captured cluster may have slices and no Endpoints."""
    registry = mesh_of(
        service("app", selector={}),
        _slice("b", "10.1.0.2", "10.1.0.3", ready=True),
        _slice("a", "10.1.0.1"),
        _slice("c", "10.1.0.4", ready=False),
        _slice("d", "10.1.0.5", of="other"),
    )
    assert _ips(registry) == ["10.1.0.1", "10.1.0.2", "10.1.0.3"]

    kind = "endpointslices.discovery.k8s.io"
    registry.event(kind, "MODIFIED", _slice("b", "10.1.0.2"))
    assert registry.pop_changes().endpoints == {APP}
    assert _ips(registry) == ["10.1.0.1", "10.1.0.2"]
    registry.event(kind, "DELETED", _slice("a", "10.1.0.1"))
    assert _ips(registry) == ["10.1.0.2"]
    registry.event(kind, "MODIFIED", _slice("b", "10.1.0.2", of="other"))
    assert _ips(registry) == []
    registry.event(kind, "MODIFIED", _slice("d", "10.1.0.5", of="app"))
    registry.replace(kind, [_slice("b", "10.1.0.6")])
    assert _ips(registry) == ["10.1.0.6"]


def test_what_is_in_endpoints_and_in_their_copy_is_one_endpoint() -> None:
    """Kubernetes mirrors Endpoints into EndpointSlices; traffic must not be doubled by that."""
    endpoints = {
        "kind": "Endpoints",
        "metadata": {"name": "app", "namespace": "mesh"},
        "subsets": [{"addresses": [{"ip": "10.1.0.1"}], "ports": [{"name": "http", "port": 8080}]}],
    }
    registry = mesh_of(service("app", selector={}), endpoints, _slice("a", "10.1.0.1", "10.1.0.2"))

    assert _ips(registry) == ["10.1.0.1", "10.1.0.2"]


def test_a_service_without_selector_takes_its_endpoints_object() -> None:
    """The cluster type real creates Endpoints by hand."""
    endpoints = {
        "kind": "Endpoints",
        "metadata": {"name": "app", "namespace": "mesh"},
        "subsets": [
            {
                "addresses": [
                    {"ip": "10.1.0.2"},
                    {"ip": "10.1.0.1", "targetRef": {"kind": "Pod", "name": "app-1"}},
                ],
                "notReadyAddresses": [{"ip": "10.1.0.3"}],
                "ports": [{"name": "http", "port": 8080}],
            }
        ],
    }
    registry = mesh_of(service("app", selector={}), endpoints, pod("app-1", app="app"))
    registry.pop_changes()

    assert registry.mesh().endpoints[APP] == {
        80: (
            Endpoint(
                "10.1.0.1",
                8080,
                "app-1;mesh;app;;Kubernetes",
                False,
                Locality(),
                frozenset({("app", "app")}),
            ),
            Endpoint("10.1.0.2", 8080, "", False, Locality()),
        ),
        443: (),
    }


def test_a_new_pod_changes_endpoints_only() -> None:
    """A thousand pods that start must not make every proxy load everything again."""
    registry = mesh_of(service("app"), service("other"))
    registry.pop_changes()

    registry.event("pods", "ADDED", pod("app-1", app="app"))

    pods = frozenset({Key("mesh", "app-1")})
    assert registry.pop_changes() == MeshChanges(
        endpoints=frozenset({APP}), pods=pods, workloads=pods
    )


def test_a_changed_service_is_a_full_push() -> None:
    """A port that is added needs clusters, listeners and routes."""
    registry = mesh_of(service("app"), pod("app-1", app="app"))
    registry.pop_changes()

    registry.event("services", "MODIFIED", service("app", ports=[HTTP]))

    assert registry.pop_changes() == MeshChanges(
        services=frozenset({APP}), workloads=frozenset({Key("mesh", "app-1")})
    )


def test_what_does_not_matter_changes_nothing() -> None:
    """Status updates of pods must not be pushed to the whole mesh."""
    registry = mesh_of(service("app"), pod("app-1", app="app"), node("node-a", "r", "z"))
    registry.pop_changes()

    again = pod("app-1", app="app")
    again["metadata"]["resourceVersion"] = "2"
    again["status"]["startTime"] = "2026-11-23T19:00:00Z"
    registry.event("pods", "MODIFIED", again)
    registry.replace("services", [service("app")])
    registry.event("nodes", "MODIFIED", node("node-a", "r", "z"))

    assert not registry.dirty
    assert not registry.pop_changes()


def test_a_pod_that_comes_and_goes_within_a_push_changes_no_endpoints() -> None:
    """Only the difference between pushes counts."""
    registry = mesh_of(service("app"))
    registry.pop_changes()

    registry.event("pods", "ADDED", pod("app-1", app="app"))
    registry.event("pods", "DELETED", pod("app-1", app="app"))

    assert registry.pop_changes().endpoints == frozenset()


def test_objects_missing_from_a_new_list_are_gone() -> None:
    """After a broken watch, the list is all there is to learn of deletions."""
    registry = mesh_of(service("app"), pod("app-1", app="app"), pod("app-2", app="app"))

    registry.replace("pods", [pod("app-2", app="app", ip="10.1.0.2")])

    assert _ips(registry) == ["10.1.0.2"]


def test_a_node_that_appears_late_gives_its_pods_their_locality() -> None:
    """The watches are independent: pods may be seen before their node."""
    registry = mesh_of(service("app"), pod("app-1", app="app"))
    registry.pop_changes()

    registry.event("nodes", "ADDED", node("node-a", "region", "zone"))

    assert registry.pop_changes() == MeshChanges(
        endpoints=frozenset({APP}), workloads=frozenset({Key("mesh", "app-1")})
    )
    assert registry.mesh().endpoints[APP][80][0].locality == Locality("region", "zone")


def test_a_proxy_serves_the_ports_of_the_services_that_select_its_pod() -> None:
    """Inbound configuration follows the pod's labels, and a shared port is served once."""
    registry = mesh_of(
        service("app", ports=[{"name": "http", "port": 80, "targetPort": 8080}]),
        service(
            "app-canary", selector={"app": "app"}, ports=[HTTP, {"port": 9, "targetPort": 8080}]
        ),
        pod("app-1", app="app"),
    )

    assert registry.inbound(Key("mesh", "app-1"), frozenset()) == (
        InboundPort(80, True, Key("mesh", "app-canary"), 80, "app-canary.mesh.svc.cluster.local"),
        InboundPort(8080, True, APP, 80, "app.mesh.svc.cluster.local"),
    )


def test_a_proxy_without_pod_is_taken_at_its_word() -> None:
    """Istiod matches the LABELS of a proxy whose pod it does not know."""
    registry = mesh_of(service("app", ports=[HTTP]))

    inbound = registry.inbound(Key("mesh", "nowhere"), frozenset({("app", "app")}))

    assert inbound == (InboundPort(80, True, APP, 80, "app.mesh.svc.cluster.local"),)


_MAKERS: dict[str, Callable[[str, str, int, bool], Any]] = {
    "services": lambda name, app, number, ready: service(name, selector={"app": app}),
    "pods": lambda name, app, number, ready: pod(name, app=app, ip=f"10.1.0.{number}", ready=ready),
    "serviceentries.networking.istio.io": lambda name, app, number, ready: istio(
        "ServiceEntry",
        name,
        {
            "hosts": ["a.b", f"{app}.b"],
            "resolution": "STATIC" if ready else "DNS",
            "ports": [{"number": 80, "name": "http"}],
            "workloadSelector": {"labels": {"app": app}},
        },
    ),
    "workloadentries.networking.istio.io": lambda name, app, number, ready: istio(
        "WorkloadEntry", name, {"address": f"10.2.0.{number}", "labels": {"app": app}}
    ),
}
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(_MAKERS)),
        st.sampled_from(["ADDED", "DELETED"]),
        st.integers(0, 3),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    )
)


@given(_EVENTS)
def test_however_events_come_the_result_is_that_of_a_fresh_list(
    events: list[tuple[str, str, int, str, bool]],
) -> None:
    """Indexes that drift would leave endpoints of dead pods, or lose those of living ones."""
    registry = ServiceRegistry()
    kept: dict[str, dict[str, Any]] = {kind: {} for kind in _MAKERS}
    for kind, type_, number, app, ready in events:
        # One name for all kinds: they share tables.
        name = f"o-{number}"
        obj = _MAKERS[kind](name, app, number, ready)
        if type_ == "DELETED":
            if kept[kind].pop(name, None) is None:
                continue
        else:
            kept[kind][name] = obj
        registry.event(kind, type_, obj)
        if ready:
            registry.pop_changes()
    registry.pop_changes()
    fresh = ServiceRegistry()
    for kind, objects in kept.items():
        fresh.replace(kind, objects.values())
    fresh.pop_changes()
    assert registry.mesh() == fresh.mesh()

    for kind, objects in kept.items():
        registry.replace(kind, objects.values())
    assert not registry.dirty
    for kind in kept:
        registry.replace(kind, [])
    registry.pop_changes()
    assert registry.mesh() == ServiceRegistry().mesh()
