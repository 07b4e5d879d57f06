"""Route configurations as istiod shapes them."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any, Final

from pyload.embedded.controlplane.clusters import PASSTHROUGH
from pyload.embedded.controlplane.library import library
from pyload.embedded.controlplane.template import Template, gap

_RETRY_HOST: Final = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


@functools.cache
def virtual_host(*, address: bool) -> Template:
    """Build the ``VirtualHost`` of a Service port.

    Gaps: ``name``, ``host``, ``dotted`` (the host as an absolute name), ``cluster``,
    ``operation`` and, with an address, ``ip``. Not wrapped.
    """
    lib = library()
    domains = [gap("host"), gap("dotted"), *([gap("ip")] if address else ())]
    retries = lib.route.RetryPolicy(
        retry_on="connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        num_retries=2,
        retry_host_predicate=[
            lib.route.RetryPolicyRetryHostPredicate(
                name="envoy.retry_host_predicates.previous_hosts",
                typed_config=lib.any(_RETRY_HOST),
            )
        ],
        host_selection_retry_max_attempts=5,
    )
    host = lib.route.VirtualHost(
        name=gap("name"),
        domains=domains,
        routes=[route(gap("cluster"), name="default", operation=gap("operation"), retries=retries)],
        include_request_attempt_count=True,
    )
    return Template(bytes(host))


def route_configuration(name: str) -> bytes:
    """Build the ``RouteConfiguration`` of a port, with nothing but the way out of the mesh.

    Not wrapped: the virtual hosts of services are put before it.
    """
    lib = library()
    routes = lib.route.RouteConfiguration(
        name=name,
        virtual_hosts=[
            lib.route.VirtualHost(
                name="allow_any",
                domains=["*"],
                routes=[route(PASSTHROUGH, name="allow_any")],
                include_request_attempt_count=True,
            )
        ],
        validate_clusters=False,
        max_direct_response_body_size_bytes=1048576,
        ignore_port_in_host_matching=True,
    )
    return bytes(routes)


def route(cluster: str, *, name: str, operation: str = "", retries: Any = None) -> Any:
    """Build the route of everything to one cluster."""
    lib = library().route
    action = lib.RouteAction(cluster=cluster, timeout=timedelta(), retry_policy=retries)
    made = lib.Route(match=lib.RouteMatch(prefix="/"), route=action, name=name)
    if operation:
        made.decorator = lib.Decorator(operation=operation)
    return made
