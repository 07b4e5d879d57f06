"""Services and their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.service_addresses import NODE_PORTS

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SERVICES = "/api/v1/namespaces/default/services"


def _service(name: str = "s", **spec: Any) -> Obj:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def test_services_get_their_defaults(api: Api) -> None:
    """Istiod builds clusters from target ports, protocols and cluster IPs."""
    _, created = await api("POST", SERVICES, _service())

    spec = created["spec"]
    ip = spec.pop("clusterIP")
    assert ip.startswith("10.96.")
    assert spec == {
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "clusterIPs": [ip],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    }
    assert created["status"] == {"loadBalancer": {}}


async def test_a_cluster_ip_is_kept_and_never_given_twice(api: Api) -> None:
    """Two services with one address would shadow each other in the mesh."""
    _, first = await api("POST", SERVICES, _service("a"))
    ip = first["spec"]["clusterIP"]

    taken, _ = await api("POST", SERVICES, _service("b", clusterIP=ip))
    broken, _ = await api("POST", SERVICES, _service("b", clusterIP="here"))
    outside, own = await api("POST", SERVICES, _service("b", clusterIP="10.0.0.11"))
    changed, _ = await api("PUT", f"{SERVICES}/a", _service("a", clusterIP="10.0.0.12"))
    kept, updated = await api("PUT", f"{SERVICES}/a", _service("a", selector={"a": "b"}))
    await api("DELETE", f"{SERVICES}/a")
    free, _ = await api("POST", SERVICES, _service("c", clusterIP=ip))

    assert (taken, broken, outside, changed, kept, free) == (422, 422, 201, 422, 200, 201)
    assert own["spec"]["clusterIPs"] == ["10.0.0.11"]
    assert updated["spec"]["clusterIP"] == ip


async def test_headless_and_external_services_have_no_address(api: Api) -> None:
    """A headless service keeps the word None, an external one nothing."""
    _, headless = await api(
        "POST", SERVICES, {"metadata": {"name": "h"}, "spec": {"clusterIP": "None"}}
    )
    external = {"metadata": {"name": "e"}, "spec": {"type": "ExternalName", "externalName": "x.y"}}
    _, named = await api("POST", SERVICES, external)
    nameless, _ = await api("POST", SERVICES, _service("f", type="ExternalName"))

    assert headless["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in named["spec"]
    assert nameless == 422


async def test_node_ports_are_allocated_and_kept(api: Api) -> None:
    """A gateway of type LoadBalancer gets node ports that survive updates."""
    _, created = await api("POST", SERVICES, _service(type="LoadBalancer"))
    port = created["spec"]["ports"][0]["nodePort"]

    body = _service(
        type="LoadBalancer", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    )
    _, updated = await api("PUT", f"{SERVICES}/s", body)

    ports = [item["nodePort"] for item in updated["spec"]["ports"]]
    assert port in NODE_PORTS
    assert ports[0] == port
    assert ports[1] != port
    assert updated["spec"]["externalTrafficPolicy"] == "Cluster"
    deleted, _ = await api("DELETE", f"{SERVICES}/s")
    again, _ = await api(
        "POST", SERVICES, _service(type="NodePort", ports=[{"port": 1, "nodePort": port}])
    )
    assert (deleted, again) == (200, 201)
