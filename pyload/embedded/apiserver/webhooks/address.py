"""Where a webhook is reached: at its URL, or at an endpoint of its service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyload.embedded.apiserver.kinds import ENDPOINT_SLICE, ENDPOINTS, SERVICE
from pyload.embedded.apiserver.webhooks.review import WebhookError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyload.embedded.apiserver.store import Store
    from pyload.kube.resources import Obj


@dataclass(frozen=True, slots=True)
class Address:
    """Where a webhook is.

    Attributes:
        url: What messages show, and the path to ask.
        host: The host to connect to.
        port: The port.
        server_name: The name that its certificate must have.
    """

    url: str
    host: str
    port: int
    server_name: str


def address_of(client: Obj, store: Store) -> Address:
    """Return the address in a webhook's ``clientConfig``.

    Cluster IPs lead nowhere here, so a service stands for its first ready endpoint.

    Raises:
        WebhookError: There is no such service, port or endpoint.
    """
    if client.get("url"):
        url = urlsplit(client["url"])
        host = url.hostname or ""
        return Address(client["url"], host, url.port or 443, host)
    wanted = client["service"]
    namespace, name, number = wanted["namespace"], wanted["name"], wanted["port"]
    service = store.get(SERVICE, namespace, name)
    if service is None:
        raise WebhookError(f'service "{name}" not found')
    spec = service.obj["spec"]
    port = next((one for one in spec.get("ports") or () if one["port"] == number), None)
    if port is None:
        raise WebhookError(f'no service port {number} found for service "{name}"')
    server_name = f"{name}.{namespace}.svc"
    path = wanted.get("path", "").lstrip("/")
    url_text = f"https://{server_name}:{number}/{path}"
    if spec["type"] == "ExternalName":
        return Address(url_text, spec["externalName"], number, server_name)
    for host, found in _endpoints(store, namespace, name, port.get("name", "")):
        return Address(url_text, host, found, server_name)
    raise WebhookError(f'no endpoints available for service "{name}"')


def _endpoints(store: Store, namespace: str, service: str, port: str) -> Iterator[tuple[str, int]]:
    """Yield the ready endpoints of one port of a service, from its slices and its Endpoints."""
    for entry in store.entries(ENDPOINT_SLICE, namespace):
        labels = entry.obj["metadata"].get("labels") or {}
        if labels.get("kubernetes.io/service-name") != service:
            continue
        for one in entry.obj["endpoints"]:
            if (one.get("conditions") or {}).get("ready") is not False:
                yield from _pairs(one["addresses"], entry.obj["ports"], port)
    known = store.get(ENDPOINTS, namespace, service)
    for subset in known.obj.get("subsets") or () if known else ():
        hosts = [one["ip"] for one in subset.get("addresses") or ()]
        yield from _pairs(hosts, subset.get("ports") or (), port)


def _pairs(hosts: Iterable[str], ports: Iterable[Obj], wanted: str) -> Iterator[tuple[str, int]]:
    for host in hosts:
        for port in ports:
            if port.get("name", "") == wanted and port.get("port"):
                yield host, port["port"]
