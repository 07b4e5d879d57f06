"""Where webhooks are reached."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.embedded.apiserver.webhooks.address import address_of
from pyload.embedded.apiserver.webhooks.review import WebhookError
from tests.embedded.apiserver.conftest import Api

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

CORE = "/api/v1/namespaces/istio-system"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices"
CLIENT: dict[str, Any] = {
    "service": {"name": "istiod", "namespace": "istio-system", "port": 443, "path": "/inject"}
}


async def test_urls_stand_for_themselves() -> None:
    """The injector of an istiod that runs beside the API server is found this way."""
    address = address_of({"url": "https://localhost:15017/inject"}, Api().server.store)

    assert (address.host, address.port, address.server_name) == ("localhost", 15017, "localhost")


@pytest.mark.parametrize("sliced", [True, False])
async def test_services_stand_for_their_first_ready_endpoint(*, sliced: bool) -> None:
    """Cluster IPs lead nowhere here, but istiod's own manifests name its service."""
    api = Api()
    ports = [{"name": "https-webhook", "port": 443, "targetPort": 15017}]
    service = {"metadata": {"name": "istiod"}, "spec": {"ports": ports}}
    await api("POST", f"{CORE}/services", service)
    port = {"name": "https-webhook", "port": 15017}
    if sliced:
        metadata = {"name": "s", "labels": {"kubernetes.io/service-name": "istiod"}}
        endpoints = [
            {"addresses": ["127.0.0.2"], "conditions": {"ready": False}},
            {"addresses": ["127.0.0.1"]},
        ]
        body = {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints}
        await api("POST", SLICES, {**body, "ports": [{"name": "other", "port": 1}, port]})
    else:
        subsets = [{"addresses": [{"ip": "127.0.0.1"}], "ports": [port]}]
        await api("POST", f"{CORE}/endpoints", {"metadata": {"name": "istiod"}, "subsets": subsets})

    address = address_of(CLIENT, api.server.store)

    assert (address.host, address.port) == ("127.0.0.1", 15017)
    assert address.server_name == "istiod.istio-system.svc"
    assert address.url == "https://istiod.istio-system.svc:443/inject"


async def test_what_is_missing_is_named() -> None:
    """Each of the three steps can be forgotten."""
    api = Api()
    texts = []
    for body in (None, {"port": 1}, {"port": 443}):
        if body:
            await api("DELETE", f"{CORE}/services/istiod")
            service = {"metadata": {"name": "istiod"}, "spec": {"ports": [body]}}
            await api("POST", f"{CORE}/services", service)
        with pytest.raises(WebhookError) as raised:
            address_of(CLIENT, api.server.store)
        texts.append(str(raised.value))

    assert texts == [
        'service "istiod" not found',
        'no service port 443 found for service "istiod"',
        'no endpoints available for service "istiod"',
    ]
