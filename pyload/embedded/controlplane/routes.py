"""Route configurations as istiod shapes them."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane.clusters import PASSTHROUGH, cluster_name
from pyload.embedded.controlplane.envoy_modules import envoy
from pyload.embedded.controlplane.template import MessageTemplate, gap
from pyload.embedded.controlplane.wire import field, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.embedded.controlplane.istio_model import (
        Destination,
        HttpRoute,
        RequestMatch,
        TextMatch,
        VirtualService,
    )

_RETRY_HOST: Final = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
# Fields of RouteMatch that hold a path, and of StringMatcher that hold a text.
_PATHS: Final = {"prefix": 1, "exact": 2, "regex": 10}
_TEXTS: Final = {"exact": 1, "prefix": 2, "regex": 5}


@functools.cache
def virtual_host(*, address: bool) -> MessageTemplate:
    """Build the ``VirtualHost`` of a Service port.

    Gaps: ``name``, ``host``, ``dotted`` (the host as an absolute name), ``cluster``,
    ``operation`` and, with an address, ``ip``. Not wrapped.
    """
    lib = envoy()
    domains = [gap("host"), gap("dotted"), *([gap("ip")] if address else ())]
    main = route(
        gap("cluster"), name="default", operation=gap("operation"), retries=_retry_policy()
    )
    host = lib.route.VirtualHost(
        name=gap("name"), domains=domains, routes=[main], include_request_attempt_count=True
    )
    return MessageTemplate(bytes(host))


def ruled_host(
    name: str,
    domains: Iterable[str],
    rule: VirtualService,
    port_of: Callable[[Destination], int],
    cluster_of: Callable[[Destination], str] | None = None,
) -> bytes:
    """Encode the ``VirtualHost`` of a host whose routes a VirtualService gives. Not wrapped.

    Args:
        name: Its name.
        domains: The host in all its spellings.
        rule: The VirtualService.
        port_of: Returns the port of a destination.
        cluster_of: Returns the name of its cluster; that of a sidecar by default.
    """

    def outbound(one: Destination) -> str:
        return cluster_name("outbound", port_of(one), one.host, one.subset)

    routes = b"".join(
        field(3, _ruled_route(one, match, rule, port_of, cluster_of or outbound))
        for one in rule.http
        for match in one.matches
    )
    named = field(1, name.encode()) + b"".join(field(2, domain.encode()) for domain in domains)
    return named + routes + number(14, 1)


def black_hole_host(port: int) -> bytes:
    """Encode the ``VirtualHost`` of a gateway's port that no route leads on from. Not wrapped."""
    return field(1, f"blackhole:{port}".encode()) + field(2, b"*")


@functools.lru_cache(maxsize=1024)
def route_configuration(name: str, *, allow_any: bool = True) -> bytes:
    """Build the ``RouteConfiguration`` of a port, with nothing but the way out of the mesh.

    Not wrapped: the virtual hosts of services are put before it.

    Args:
        name: Its name.
        allow_any: Whether there is a way out.
    """
    lib = envoy().route
    way = (
        route(PASSTHROUGH, name="allow_any")
        if allow_any
        else lib.Route(
            match=lib.RouteMatch(prefix="/"),
            direct_response=lib.DirectResponseAction(status=502),
            name="block_all",
        )
    )
    host = lib.VirtualHost(
        name=way.name, domains=["*"], routes=[way], include_request_attempt_count=True
    )
    return bytes(_configuration(name, [host]))


@functools.lru_cache(maxsize=1024)
def gateway_configuration(name: str) -> bytes:
    """Build the ``RouteConfiguration`` of a gateway's server, without virtual hosts.

    Not wrapped: they are put before it.
    """
    return bytes(_configuration(name, []))


def route(cluster: str, *, name: str, operation: str = "", retries: Any = None) -> Any:
    """Build the route of everything to one cluster."""
    lib = envoy().route
    action = lib.RouteAction(cluster=cluster, timeout=timedelta(), retry_policy=retries)
    made = lib.Route(match=lib.RouteMatch(prefix="/"), route=action, name=name)
    if operation:
        made.decorator = lib.Decorator(operation=operation)
    return made


def _configuration(name: str, hosts: list[Any]) -> Any:
    return envoy().route.RouteConfiguration(
        name=name,
        virtual_hosts=hosts,
        validate_clusters=False,
        max_direct_response_body_size_bytes=1048576,
        ignore_port_in_host_matching=True,
    )


def _retry_policy() -> Any:
    lib = envoy()
    return lib.route.RetryPolicy(
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


def _ruled_route(
    one: HttpRoute,
    match: RequestMatch,
    rule: VirtualService,
    port_of: Callable[[Destination], int],
    cluster_of: Callable[[Destination], str],
) -> bytes:
    made = field(1, _match(match)) + field(4, _config_metadata(rule))
    if one.name:
        made += field(14, one.name.encode())
    if one.status or not one.destinations:
        return made + field(7, number(1, one.status or 404))
    first = one.destinations[0]
    path = match.path if match.kind == "prefix" else match.path.rstrip("*")
    operation = f"{first.host}:{port_of(first)}{path}*"
    action = _action_base() + _clusters(one.destinations, cluster_of)
    return made + field(2, action) + field(5, field(1, operation.encode()))


@functools.cache
def _action_base() -> bytes:
    return bytes(envoy().route.RouteAction(timeout=timedelta(), retry_policy=_retry_policy()))


def _clusters(
    destinations: tuple[Destination, ...], cluster_of: Callable[[Destination], str]
) -> bytes:
    """Encode the fields of a ``RouteAction`` that say where it leads."""
    named = [(cluster_of(one), one.weight) for one in destinations]
    if len(named) == 1:
        return field(1, named[0][0].encode())
    weighted = b"".join(
        field(1, field(1, name.encode()) + field(2, number(1, weight) if weight else b""))
        for name, weight in named
    )
    return field(3, weighted)


def _match(match: RequestMatch) -> bytes:
    return (
        field(_PATHS[match.kind], _pattern(match.kind, match.path))
        + (field(4, b"") if match.any_case else b"")
        + b"".join(field(6, _text_matcher(one, string=13, present=7)) for one in match.headers)
        + b"".join(field(7, _text_matcher(one, string=5, present=6)) for one in match.query)
    )


def _text_matcher(match: TextMatch, *, string: int, present: int) -> bytes:
    """Encode a ``HeaderMatcher``, or a ``QueryParameterMatcher``, which has fewer fields."""
    if match.kind:
        meets = field(string, field(_TEXTS[match.kind], _pattern(match.kind, match.text)))
    else:
        meets = number(present, 1)
    # Without the last field, a header that is not there would not count as one that differs.
    inverted = number(8, 1) + (number(14, 1) if match.kind else b"")
    return field(1, match.name.encode()) + meets + (inverted if match.inverted else b"")


def _pattern(kind: str, text: str) -> bytes:
    """Encode a text, or a ``RegexMatcher``."""
    return field(2, text.encode()) if kind == "regex" else text.encode()


def _config_metadata(rule: VirtualService) -> bytes:
    """Encode the ``Metadata`` that says which object a route comes from."""
    path = config_path("virtual-service", rule.key.namespace, rule.key.name)
    value = field(3, path.encode())
    fields = field(1, field(1, b"config") + field(2, value))
    return field(1, field(1, b"istio") + field(2, fields))


def config_path(kind: str, namespace: str, name: str) -> str:
    """Return the path by which istiod refers to an object in metadata."""
    return f"/apis/networking.istio.io/v1/namespaces/{namespace}/{kind}/{name}"
