"""What gateways are told: listeners, routes and certificates."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
)
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse

from pyload.embedded.controlplane.gateways import covers
from pyload.embedded.controlplane.mesh_state import InboundPort
from pyload.embedded.controlplane.model import Key
from pyload.xds.types import CDS, LDS, RDS, SDS
from tests.embedded.controlplane.reading import CLASSES, downstream_tls, only_filter, read
from tests.embedded.controlplane.support import (
    HTTP,
    audience,
    istio,
    service,
    snapshot_of,
    world_of,
)

if TYPE_CHECKING:
    from pathlib import Path

_HOST = "app.mesh.svc.cluster.local"


def _gateway(*servers: Any, name: str = "gw") -> Any:
    return istio("Gateway", name, {"selector": {"app": "gw"}, "servers": list(servers)})


def _server(number: int, protocol: str, *hosts: str, **tls: Any) -> Any:
    port = {"number": number, "name": protocol.lower(), "protocol": protocol}
    return {"port": port, "hosts": list(hosts), **({"tls": tls} if tls else {})}


def _routes_to(host: str, *hosts: str, gateways: tuple[str, ...] = ("gw",), **spec: Any) -> Any:
    to = {"route": [{"destination": {"host": host}}]}
    return istio(
        "VirtualService",
        "v",
        {"hosts": list(hosts), "gateways": list(gateways), "http": [to], **spec},
    )


def _view(*objects: Any, **who: Any) -> Any:
    registry, configs = world_of(service("app", ports=[HTTP]), *objects)
    given = {"labels": {"app": "gw"}, **who}
    return snapshot_of(registry, configs=configs).view(audience("router", **given))


def test_a_gateway_that_nothing_selects_listens_nowhere() -> None:
    """It still gets all clusters, as from istiod."""
    view = _view(_gateway(_server(80, "HTTP", "*")), labels={"app": "other"})

    assert list(read(*view.of(CDS))) == [
        f"outbound|80||{_HOST}",
        "BlackHoleCluster",
        "connect_originate",
    ]
    assert list(read(*view.of(LDS))) == ["connect_originate"]
    assert read(*view.of(RDS)) == {}


def test_plain_http_has_one_listener_and_one_set_of_routes_for_a_port() -> None:
    """Several servers and Gateways may share a port."""
    view = _view(
        _gateway(_server(80, "HTTP", "a.example.com"), _server(80, "HTTP", "b.example.com")),
        _gateway(_server(80, "HTTP", "*.example.com"), name="other"),
        _routes_to(
            "app", "a.example.com", "b.example.com", "elsewhere.com", gateways=("gw", "other")
        ),
    )

    listeners, routes = read(*view.of(LDS)), read(*view.of(RDS))
    assert list(listeners) == ["0.0.0.0_80", "connect_originate"]
    (chain,) = listeners["0.0.0.0_80"].filter_chains
    assert only_filter(chain).rds.route_config_name == "http.80"
    assert [host.domains for host in routes["http.80"].virtual_hosts] == [
        ["a.example.com"],
        ["b.example.com"],
    ]
    assert routes["http.80"].virtual_hosts[0].routes[0].route.cluster == f"outbound|80||{_HOST}"


def test_a_port_without_routes_is_a_black_hole() -> None:
    """The proxy asks for the routes of its listener, and must get an answer."""
    (routes,) = read(*_view(_gateway(_server(80, "HTTP", "*"))).of(RDS)).values()

    assert [(host.name, host.domains) for host in routes.virtual_hosts] == [("blackhole:80", ["*"])]


def test_https_has_a_chain_for_each_server_with_its_certificate() -> None:
    """The certificate is asked of the control plane, by the Secret's name."""
    view = _view(
        _gateway(
            _server(443, "HTTPS", "mesh/a.example.com", mode="SIMPLE", credentialName="one"),
            _server(443, "HTTPS", "*", mode="MUTUAL", credentialName="two"),
        ),
        _routes_to("app", "a.example.com", gateways=("mesh/gw",)),
    )

    listener = read(*view.of(LDS))["0.0.0.0_443"]
    first, second = listener.filter_chains
    assert first.filter_chain_match.server_names == ["a.example.com"]
    assert second.filter_chain_match is None
    assert only_filter(first).rds.route_config_name == "https.443.https.gw.mesh"
    one, two = (downstream_tls(chain) for chain in (first, second))
    (certificate,) = one.common_tls_context.tls_certificate_sds_secret_configs
    assert certificate.name == "kubernetes://one"
    assert certificate.sds_config.ads is not None
    assert (one.require_client_certificate, two.require_client_certificate) == (False, True)
    validation = two.common_tls_context.combined_validation_context
    assert validation.validation_context_sds_secret_config.name == "kubernetes://two-cacert"
    assert [one.name for one in listener.listener_filters] == [
        "envoy.filters.listener.tls_inspector"
    ]


def test_tcp_and_passthrough_lead_to_clusters() -> None:
    """Without HTTP there are no routes to ask for."""
    to = [{"route": [{"destination": {"host": "app", "port": {"number": 80}}}]}]
    view = _view(
        _gateway(
            _server(9000, "TCP", "*"),
            _server(8443, "TLS", "a.example.com", mode="PASSTHROUGH"),
            _server(8444, "TLS", "none.example.com", mode="PASSTHROUGH"),
        ),
        _routes_to("app", "a.example.com", tcp=to, tls=to),
    )

    listeners = read(*view.of(LDS))
    assert list(listeners) == ["0.0.0.0_8443", "0.0.0.0_9000", "connect_originate"]
    for name, hosts in (("0.0.0.0_9000", []), ("0.0.0.0_8443", ["a.example.com"])):
        (chain,) = listeners[name].filter_chains
        assert only_filter(chain).cluster == f"outbound|80||{_HOST}"
        match = chain.filter_chain_match
        assert (match.server_names if match is not None else []) == hosts
    assert read(*view.of(RDS)) == {}


def test_the_pods_port_counts_not_the_services() -> None:
    """A gateway's Service maps 80 to 8080, because its pod may not bind 80."""
    behind = (InboundPort(8080, True, Key("mesh", "gw"), 80, "gw.mesh.svc.cluster.local"),)
    view = _view(_gateway(_server(80, "HTTP", "*")), inbound=behind)

    assert list(read(*view.of(LDS))) == ["0.0.0.0_8080", "connect_originate"]
    assert list(read(*view.of(RDS))) == ["http.8080"]


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("*", "a.b", True),
        ("*.b", "a.b", True),
        ("*.b", "*.a.b", True),
        ("*.b", "b", False),
        ("a.b", "a.b", True),
        ("a.b", "*.b", False),
    ],
)
def test_patterns_cover_hosts(pattern: str, host: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A route bound to a host that the server does not serve must not be there."""
    assert covers(pattern, host) is expected


def test_a_wide_route_is_narrowed_to_what_the_server_serves() -> None:
    """A VirtualService for any host takes the server's."""
    view = _view(_gateway(_server(80, "HTTP", "a.example.com")), _routes_to("app", "*"))

    (routes,) = read(*view.of(RDS)).values()
    assert [host.domains for host in routes.virtual_hosts] == [["a.example.com"]]


def _secret(name: str, **data: bytes) -> Any:
    encoded = {
        key.replace("_", "."): base64.b64encode(value).decode() for key, value in data.items()
    }
    metadata = {"name": name, "namespace": "mesh"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def test_certificates_are_for_those_who_have_proved_who_they_are() -> None:
    """Istiod gives private keys to nobody else, and not even an answer."""
    secrets = [
        _secret("one", tls_crt=b"certificate", tls_key=b"key", ca_crt=b"authority"),
        _secret("other", password=b"x"),
    ]

    verified = _view(*secrets, verified=True)
    found = read(*verified.of(SDS))
    assert list(found) == ["kubernetes://one", "kubernetes://one-cacert"]
    pair = found["kubernetes://one"].tls_certificate
    assert pair.certificate_chain.inline_bytes == b"certificate"
    assert pair.private_key.inline_bytes == b"key"
    trusted = found["kubernetes://one-cacert"].validation_context.trusted_ca
    assert trusted.inline_bytes == b"authority"
    assert not verified.is_silent(SDS)
    assert read(*_view(*secrets, verified=True, namespace="other").of(SDS)) == {}
    assert _view(*secrets).is_silent(SDS)


@pytest.mark.golden
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_gateways_resources_have_the_shape_of_istiods(golden: Path) -> None:
    """What a test sees here should be what it would see from istiod."""
    folder = golden / "xds" / "raw" / "delta-sidecar-gateway"
    theirs: dict[str, Any] = {}
    for name in ("015-stream0004-Listener.pb", "022-stream0004-RouteConfiguration.pb"):
        for resource in DeltaDiscoveryResponse.parse((folder / name).read_bytes()).resources:
            message = CLASSES[resource.resource.type_url].parse(resource.resource.value)
            theirs[resource.name] = message
    for routes in (theirs["http.80"], theirs["https.443.https.gateway.mesh"]):
        # Deprecated, and so left out here.
        routes.virtual_hosts[0].routes[0].route.max_grpc_timeout = None
    name = "gw-jvowwlmp"
    to = {"route": [{"destination": {"host": name, "port": {"number": 443}}}]}
    view = _view(
        service(name),
        istio(
            "Gateway",
            "gateway",
            {
                "selector": {"app": "gw"},
                "servers": [
                    _server(80, "HTTP", "*.example.com"),
                    _server(443, "HTTPS", "*.example.com", mode="SIMPLE", credentialName=name),
                ],
            },
        ),
        istio(
            "VirtualService",
            name,
            {"hosts": [f"{name}.example.com"], "gateways": ["gateway"], "http": [to]},
        ),
    )

    listeners, routes = read(*view.of(LDS)), read(*view.of(RDS))
    assert routes == {name: theirs[name] for name in routes}
    for listener in ("0.0.0.0_80", "0.0.0.0_443"):
        mine, their = listeners[listener], theirs[listener]
        assert mine.address == their.address
        assert mine.traffic_direction == their.traffic_direction
        (ours,), (recorded,) = mine.filter_chains, their.filter_chains
        assert ours.filter_chain_match == recorded.filter_chain_match
        manager = HttpConnectionManager.parse(recorded.filters[0].typed_config.value)
        assert only_filter(ours).rds == manager.rds
        assert only_filter(ours).stat_prefix == manager.stat_prefix
    ours, recorded = listeners["0.0.0.0_443"].filter_chains, theirs["0.0.0.0_443"].filter_chains
    assert (
        downstream_tls(ours[0]).common_tls_context == downstream_tls(recorded[0]).common_tls_context
    )
