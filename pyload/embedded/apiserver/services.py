"""The addresses that the API server allocates to a service, and the fields that follow."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.kinds import SERVICE
from pyload.embedded.apiserver.refusals import Cause

if TYPE_CHECKING:
    from pyload.embedded.apiserver.service_addresses import ServiceAddresses
    from pyload.kube.resources import Obj


_WITH_NODE_PORTS: Final = ("NodePort", "LoadBalancer")


def complete(obj: Obj, old: Obj | None, addresses: ServiceAddresses) -> Obj:
    """Fill in a service's defaults and choose its addresses, without claiming them yet.

    Args:
        obj: The service as written.
        old: The service as it is, or None.
        addresses: Addresses of other services.

    Raises:
        Refused: The addresses asked for cannot be given.
    """
    spec = obj.get("spec", {})
    before = old["spec"] if old else {}
    type_ = spec.get("type", "ClusterIP")
    spec = {"sessionAffinity": "None", **spec, "type": type_}
    if "ports" in spec:
        spec["ports"] = [_port(port) for port in spec["ports"]]
    if type_ == "ExternalName":
        for field in ("clusterIP", "clusterIPs"):
            spec.pop(field, None)
        return {**obj, "spec": spec}
    _choose_ip(obj, spec, before, addresses)
    spec.setdefault("ipFamilies", ["IPv6" if ":" in spec["clusterIP"] else "IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if type_ in _WITH_NODE_PORTS:
        spec.setdefault("externalTrafficPolicy", "Cluster")
        _choose_ports(spec, before, addresses)
    if type_ == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    completed = {**obj, "spec": spec}
    completed.setdefault("status", {"loadBalancer": {}})
    return completed


def _port(port: Obj) -> Obj:
    filled = {"protocol": "TCP", **port}
    # Zero is what a client sends that knows no "absent".
    if not filled.get("targetPort"):
        filled["targetPort"] = filled.get("port")
    return filled


def _choose_ip(obj: Obj, spec: Obj, before: Obj, addresses: ServiceAddresses) -> None:
    name = obj["metadata"]["name"]
    given = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
    current = before.get("clusterIP", "")
    if current:
        if given and given != current:
            cause = Cause.invalid("spec.clusterIPs[0]", given, "may not change once set")
            raise refusals.invalid(SERVICE, name, [cause])
        given = current
    elif not given:
        given = addresses.free_ip()
    elif given != "None":
        _check_ip(name, given, addresses)
    spec["clusterIP"] = given
    spec["clusterIPs"] = [given]


def _check_ip(name: str, ip: str, addresses: ServiceAddresses) -> None:
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        cause = Cause.invalid("spec.clusterIPs[0]", ip, "must be a valid IP address")
        raise refusals.invalid(SERVICE, name, [cause]) from None
    if addresses.is_used(ip):
        why = "failed to allocate IP " + ip + ": provided IP is already allocated"
        raise refusals.invalid(SERVICE, name, [Cause.invalid("spec.clusterIPs", [ip], why)])


def _choose_ports(spec: Obj, before: Obj, addresses: ServiceAddresses) -> None:
    known = {port["port"]: port.get("nodePort") for port in before.get("ports", ())}
    ports = []
    for port in spec.get("ports", ()):
        number = port.get("nodePort") or known.get(port["port"]) or addresses.free_port()
        ports.append({**port, "nodePort": number})
    spec["ports"] = ports


def reserve(obj: Obj, addresses: ServiceAddresses) -> None:
    """Claim a stored service's addresses."""
    spec = obj.get("spec", {})
    if spec.get("clusterIP", "None") != "None":
        addresses.claim(spec["clusterIP"])
    for port in spec.get("ports", ()):
        if port.get("nodePort"):
            addresses.claim_port(port["nodePort"])


def release(obj: Obj, addresses: ServiceAddresses) -> None:
    """Release a deleted service's addresses."""
    spec = obj.get("spec", {})
    addresses.release(spec.get("clusterIP", ""))
    for port in spec.get("ports", ()):
        if port.get("nodePort"):
            addresses.release_port(port["nodePort"])
