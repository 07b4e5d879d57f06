"""Routes, read back with the library that knows Envoy's types."""

from __future__ import annotations

from pyload.xds.types import RDS
from tests.embedded.controlplane.reading import read
from tests.embedded.controlplane.support import (
    HTTP,
    istio,
    mesh_of,
    service,
    sidecar_view,
    snapshot_of,
    view_of,
)

_WEB = "web.other.svc.cluster.local"
_HOST = "app.mesh.svc.cluster.local"


def test_routes_have_a_virtual_host_for_each_service() -> None:
    """Requests are told apart by host: the name, the absolute name, the cluster IP."""
    registry = mesh_of(service("app"), service("web", ip="10.0.0.2", ports=[HTTP]))
    routes = read(*sidecar_view(snapshot_of(registry)).of(RDS))

    assert list(routes) == ["80"]
    app, web, rest = routes["80"].virtual_hosts
    assert app.domains == [_HOST, f"{_HOST}.", "10.0.0.1"]
    assert app.routes[0].route.cluster == f"outbound|80||{_HOST}"
    assert app.routes[0].decorator.operation == f"{_HOST}:80/*"
    assert web.name == "web.mesh.svc.cluster.local:80"
    assert rest.domains == ["*"]


def test_a_virtual_service_replaces_the_routes_of_its_host() -> None:
    """Weights are what churn changes, so they must be in what is sent."""
    rule = istio(
        "VirtualService",
        "app",
        {
            "hosts": ["app", "app.example.com"],
            "http": [
                {
                    "name": "split",
                    "match": [{"uri": {"exact": "/x"}}],
                    "route": [
                        {"destination": {"host": "app", "subset": "a"}, "weight": 30},
                        {"destination": {"host": _WEB, "port": {"number": 81}}, "weight": 70},
                    ],
                },
                {"match": [{"uri": {"regex": "/r.*"}}], "directResponse": {"status": 418}},
                {"route": [{"destination": {"host": "web.other.svc.cluster.local"}}]},
            ],
        },
    )
    (routes,) = read(*view_of(rule).of(RDS)).values()

    app, web, extra, rest = routes.virtual_hosts
    assert (app.name, app.domains) == (f"{_HOST}:80", [_HOST, f"{_HOST}.", "10.0.0.1"])
    assert web.routes[0].route.cluster == f"outbound|80||{_WEB}"
    assert (extra.name, extra.domains) == ("app.example.com:80", ["app.example.com"])
    assert rest.domains == ["*"]
    for host in (app, extra):
        split, teapot, plain = host.routes
        assert (split.name, split.match.path) == ("split", "/x")
        assert [(one.name, one.weight) for one in split.route.weighted_clusters.clusters] == [
            (f"outbound|80|a|{_HOST}", 30),
            (f"outbound|81||{_WEB}", 70),
        ]
        assert (teapot.match.safe_regex.regex, teapot.direct_response.status) == ("/r.*", 418)
        assert plain.route.cluster == f"outbound|80||{_WEB}"
        assert plain.decorator.operation == f"{_WEB}:80/*"
        config = plain.metadata.filter_metadata["istio"].fields["config"].string_value
        assert config == "/apis/networking.istio.io/v1/namespaces/mesh/virtual-service/app"


def test_a_route_asks_of_a_request_what_its_match_does() -> None:
    """Envoy would send the requests of all users to where those of a few should go."""
    match = {
        "uri": {"prefix": "/a"},
        "headers": {"x-user": {"exact": "jason"}, "cookie": {}},
        "withoutHeaders": {"x-old": {"regex": "1.*"}, "x-none": {}},
        "queryParams": {"debug": {"prefix": "y"}},
        "ignoreUriCase": True,
    }
    http = [{"match": [match], "route": [{"destination": {"host": "app"}}]}]
    rule = istio("VirtualService", "app", {"hosts": ["app"], "http": http})
    (routes,) = read(*view_of(rule).of(RDS)).values()
    (route,) = routes.virtual_hosts[0].routes

    assert (route.match.prefix, route.match.case_sensitive) == ("/a", False)
    cookie, user, none, old = route.match.headers
    assert (cookie.name, cookie.present_match, cookie.invert_match) == ("cookie", True, False)
    assert (user.name, user.string_match.exact) == ("x-user", "jason")
    assert (none.present_match, none.invert_match) == (True, True)
    assert (old.name, old.string_match.safe_regex.regex) == ("x-old", "1.*")
    assert old.invert_match
    assert old.treat_missing_header_as_empty
    (debug,) = route.match.query_parameters
    assert (debug.name, debug.string_match.prefix) == ("debug", "y")
