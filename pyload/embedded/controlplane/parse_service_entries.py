"""Parsers of ServiceEntries and WorkloadEntries, which become services and workloads."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane.model import Address, Key, Pod, Port, Service, key, protocol_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.model import Labels, Resolution
    from pyload.kube.resources import Obj

_RESOLUTIONS: Final[Mapping[str, Resolution]] = {
    "STATIC": "eds",
    "DNS": "dns",
    "DNS_ROUND_ROBIN": "dns",
}


def service_entry(obj: Obj) -> tuple[Service, ...]:
    """Parse a ServiceEntry into one service for each of its hosts."""
    spec = obj.get("spec") or {}
    metadata = key(obj)
    ports = _ports(spec)
    return tuple(
        Service(
            key=Key(metadata.namespace, f"{metadata.name}/{host}"),
            host=host,
            ip=_first_ip(spec.get("addresses") or ()),
            resolution=_resolution(spec),
            selector=_selector(spec),
            ports=ports,
            addresses=_addresses(spec, host, ports),
        )
        for host in dict.fromkeys(spec.get("hosts") or ())
    )


def workload_entry(obj: Obj) -> Pod:
    """Parse a WorkloadEntry, which is ready from the start."""
    spec = obj.get("spec") or {}
    return Pod(
        key=entry_key(obj),
        ip=spec.get("address") or "",
        node="",
        labels=_labels(spec.get("labels") or {}),
        ports=tuple((spec.get("ports") or {}).items()),
        account=spec.get("serviceAccount") or "default",
    )


def entry_key(obj: Obj) -> Key:
    """Return the key of a WorkloadEntry among the workloads."""
    metadata = key(obj)
    return Key(metadata.namespace, f"entry/{metadata.name}")


def _ports(spec: Obj) -> tuple[Port, ...]:
    return tuple(
        Port(
            name=port.get("name") or "",
            port=port["number"],
            target=port.get("targetPort") or port["number"],
            protocol=protocol_of(port.get("protocol") or port.get("name") or ""),
        )
        for port in spec.get("ports") or ()
        if (port.get("protocol") or "").upper() != "UDP" and port.get("number")
    )


def _resolution(spec: Obj) -> Resolution:
    return _RESOLUTIONS.get(spec.get("resolution") or "", "original_dst")


def _selector(spec: Obj) -> Labels | None:
    chosen = (spec.get("workloadSelector") or {}).get("labels")
    return _labels(chosen) if chosen else None


def _addresses(spec: Obj, host: str, ports: tuple[Port, ...]) -> tuple[Address, ...]:
    """Return the endpoints in the entry; DNS without any endpoints resolves the host itself."""
    endpoints = spec.get("endpoints") or ()
    if not endpoints and _resolution(spec) == "dns" and _selector(spec) is None:
        endpoints = ({"address": host},)
    return tuple(_address(endpoint, ports) for endpoint in endpoints)


def _address(endpoint: Mapping[str, Any], ports: tuple[Port, ...]) -> Address:
    own = endpoint.get("ports") or {}
    numbers = tuple((port.name, int(own.get(port.name) or port.target)) for port in ports)
    return Address(endpoint.get("address") or "", "", "", numbers)


def _first_ip(addresses: Any) -> str:
    for address in addresses:
        try:
            return str(ip_address(address))
        except ValueError:
            continue  # A CIDR is matched, but not listened on.
    return ""


def _labels(labels: Mapping[str, str]) -> Labels:
    return frozenset(labels.items())
