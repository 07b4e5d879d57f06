"""Endpoints of clusters as istiod shapes them."""

from __future__ import annotations

import functools
from typing import Any

from pyload.embedded.controlplane.envoy_modules import address, envoy, struct, text
from pyload.embedded.controlplane.template import MessageTemplate, gap


@functools.cache
def load_assignment() -> MessageTemplate:
    """Build a ``ClusterLoadAssignment`` without endpoints; gap ``cluster``. Not wrapped."""
    return MessageTemplate(
        bytes(envoy().endpoint.ClusterLoadAssignment(cluster_name=gap("cluster")))
    )


@functools.lru_cache(maxsize=4096)
def locality_endpoints(region: str, zone: str, weight: int) -> bytes:
    """Build the ``LocalityLbEndpoints`` of a place, without endpoints. Not wrapped."""
    lib = envoy()
    where = lib.core.Locality(region=region, zone=zone)
    return bytes(lib.endpoint.LocalityLbEndpoints(locality=where, load_balancing_weight=weight))


@functools.cache
def lb_endpoint(port: int, *, tls: bool) -> MessageTemplate:
    """Build the ``LbEndpoint`` of a pod; gaps ``ip`` and ``workload``. Not wrapped."""
    metadata = {"istio": struct(workload=text(gap("workload")))}
    if tls:
        metadata["envoy.transport_socket_match"] = struct(tlsMode=text("istio"))
    return _endpoint(address(gap("ip"), port), metadata)


@functools.cache
def tunnel_endpoint() -> MessageTemplate:
    """Build the ``LbEndpoint`` that a waypoint reaches through its tunnel. Not wrapped.

    Gaps: ``target`` (``IP:PORT``) and ``workload``.
    """
    core = envoy().core
    inside = core.EnvoyInternalAddress(
        server_listener_name="connect_originate", endpoint_id=gap("target")
    )
    metadata = {
        "envoy.filters.listener.original_dst": struct(local=text(gap("target"))),
        "istio": struct(workload=text(gap("workload"))),
    }
    return _endpoint(core.Address(envoy_internal_address=inside), metadata)


def _endpoint(at: Any, metadata: dict[str, Any]) -> MessageTemplate:
    lib = envoy()
    endpoint = lib.endpoint.LbEndpoint(
        endpoint=lib.endpoint.Endpoint(address=at),
        health_status=lib.core.HealthStatus.HEALTHY,
        metadata=lib.core.Metadata(filter_metadata=metadata),
        load_balancing_weight=1,
    )
    return MessageTemplate(bytes(endpoint))
