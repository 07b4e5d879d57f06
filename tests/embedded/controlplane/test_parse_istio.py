"""How Istio's objects are read."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.embedded.controlplane.configs import (
    FOLLOWED,
    ConfigStore,
)
from pyload.embedded.controlplane.istio_model import Egress, RequestMatch, TextMatch
from tests.embedded.controlplane.support import (
    configs_of,
    istio,
    waypoint_gateway,
)

_BROKEN: list[Any] = [
    {"servers": "x"},
    {"hosts": 5},
    {"host": {"a": 1}},
    {"egress": [None]},
    {"mtls": "STRICT"},
    {"rules": [1]},
    {"http": [{"match": [{"uri": 3}]}]},
    "text",
]


def _state(*objects: Any) -> Any:
    configs = configs_of(*objects)
    configs.pop_changes()
    return configs.state


def test_a_sidecars_hosts_are_read_as_istio_reads_them() -> None:
    """A dot is the workload's namespace; a policy without mode is REGISTRY_ONLY, as enums go."""
    spec = {"egress": [{"hosts": ["./*", "other/a.b", "*/*.c"]}], "outboundTrafficPolicy": {}}
    (found,) = _state(istio("Sidecar", "s", spec)).sidecars["mesh"]

    assert found.egress == (Egress(".", "*"), Egress("other", "a.b"), Egress("*", "*.c"))
    assert found.allow_any is False
    (open_,) = _state(istio("Sidecar", "s", {})).sidecars["mesh"]
    assert (open_.egress, open_.allow_any) == (None, True)


def test_gateways_of_other_classes_are_no_waypoints() -> None:
    """They are somebody else's business."""
    other = waypoint_gateway()
    other["spec"]["gatewayClassName"] = "istio"

    assert _state(other).waypoints == {}


def test_routes_are_read_with_their_matches() -> None:
    """Each path of a route is a route of Envoy's."""
    spec = {
        "hosts": ["app"],
        "http": [
            {
                "match": [{"uri": {"prefix": "/a"}}, {"uri": {"exact": "/b"}}, {"headers": {}}],
                "route": [{"destination": {"host": "app", "subset": "v1"}, "weight": 10}],
            },
            {"redirect": {"uri": "/c"}},
        ],
    }
    (found,) = _state(istio("VirtualService", "vs", spec)).virtual_services

    assert found.hosts == ("app.mesh.svc.cluster.local",)
    assert found.http[0].matches == (
        RequestMatch("prefix", "/a"),
        RequestMatch("exact", "/b"),
        RequestMatch("prefix", "/"),
    )
    assert found.http[0].destinations[0].host == "app.mesh.svc.cluster.local"
    assert found.http[1].status == 301


def test_everything_that_a_match_asks_of_a_request_is_read() -> None:
    """A canary by a header would get the traffic of all."""
    match = {
        "method": {"exact": "GET"},
        "headers": {"x-user": {"exact": "jason"}, "cookie": {}},
        "withoutHeaders": {"x-old": {"prefix": "1"}},
        "queryParams": {"debug": {"regex": ".+"}},
        "ignoreUriCase": True,
    }
    spec = {"hosts": ["app"], "http": [{"match": [match], "route": []}]}
    (found,) = _state(istio("VirtualService", "vs", spec)).virtual_services

    assert found.http[0].matches == (
        RequestMatch(
            headers=(
                TextMatch(":method", "exact", "GET"),
                TextMatch("cookie", "", ""),
                TextMatch("x-user", "exact", "jason"),
                TextMatch("x-old", "prefix", "1", inverted=True),
            ),
            query=(TextMatch("debug", "regex", ".+"),),
            any_case=True,
        ),
    )


@pytest.mark.parametrize("spec", _BROKEN, ids=str)
@pytest.mark.parametrize("kind", sorted(FOLLOWED))
def test_objects_that_make_no_sense_are_not_there(kind: str, spec: Any) -> None:
    """The embedded API server has no schemas, and a user's typo must not end the run."""
    configs = ConfigStore()

    configs.event(kind, "ADDED", {"metadata": {"name": "a", "namespace": "mesh"}, "spec": spec})
    configs.pop_changes()

    assert configs.state is not None
