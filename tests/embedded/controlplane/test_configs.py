"""Which of Istio's objects apply to whom."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.configs import (
    DESTINATION_RULE,
    SIDECAR,
    TELEMETRY,
    ConfigKey,
    ConfigStore,
)
from pyload.embedded.controlplane.model import Key
from tests.embedded.controlplane.support import (
    configs_of,
    istio,
    mesh_of,
    namespace,
    plural_of,
    service,
    waypoint_gateway,
)

_APP = frozenset({("app", "app")})


def _state(*objects: Any) -> Any:
    configs = configs_of(*objects)
    configs.pop_changes()
    return configs.state


def _aged(obj: Any, created: str) -> Any:
    obj["metadata"]["creationTimestamp"] = created
    return obj


def test_a_workloads_own_sidecar_comes_before_its_namespaces_and_the_roots() -> None:
    """The wrong one would show a proxy services that it must not load."""
    hosts = {"egress": [{"hosts": ["./*"]}]}
    own = istio("Sidecar", "own", {**hosts, "workloadSelector": {"labels": {"app": "app"}}})
    state = _state(
        own, istio("Sidecar", "all", hosts), istio("Sidecar", "r", hosts, namespace="istio-system")
    )

    assert state.sidecar_for("mesh", _APP).key == Key("mesh", "own")
    assert state.sidecar_for("mesh", frozenset()).key == Key("mesh", "all")
    assert state.sidecar_for("other", _APP).key == Key("istio-system", "r")
    assert _state(own).sidecar_for("mesh", frozenset()) is None


def test_the_clients_rule_comes_before_the_services_and_the_roots() -> None:
    """A namespace may treat somebody else's service in its own way."""
    host = "app.mesh.svc.cluster.local"
    state = _state(
        istio("DestinationRule", "home", {"host": "app"}),
        istio("DestinationRule", "client", {"host": host}, namespace="client"),
        istio("DestinationRule", "root", {"host": host}, namespace="istio-system"),
        istio("DestinationRule", "stranger", {"host": host}, namespace="stranger"),
    )

    assert state.rule_for(host, "mesh", "client").key.name == "client"
    assert state.rule_for(host, "mesh", "other").key.name == "home"
    assert state.rule_for(host, "elsewhere", "other").key.name == "root"
    assert state.rule_for("x", "mesh", "client") is None


def test_the_older_of_two_rules_counts() -> None:
    """Names must not decide, or a new object could take over."""
    state = _state(
        _aged(istio("DestinationRule", "a", {"host": "app"}), "2026-01-02T00:00:00Z"),
        _aged(istio("DestinationRule", "b", {"host": "app"}), "2026-01-01T00:00:00Z"),
    )

    assert state.rule_for("app.mesh.svc.cluster.local", "mesh", "").key.name == "b"


def test_mutual_tls_is_inherited() -> None:
    """UNSET asks the next wider policy; without any, both are accepted."""
    unset = {"selector": {"matchLabels": {"app": "app"}}, "mtls": {}}
    state = _state(
        istio("PeerAuthentication", "own", unset),
        istio("PeerAuthentication", "all", {"mtls": {"mode": "STRICT"}}),
        istio("PeerAuthentication", "r", {"mtls": {"mode": "DISABLE"}}, namespace="istio-system"),
    )

    assert state.mtls_for("mesh", _APP) == "STRICT"
    assert state.mtls_for("other", _APP) == "DISABLE"
    assert _state().mtls_for("mesh", _APP) == "PERMISSIVE"


@pytest.mark.parametrize(
    ("labels", "of_service", "expected"),
    [
        ({"istio.io/use-waypoint": "wp"}, {}, "wp"),
        ({}, {"istio.io/use-waypoint": "wp"}, "wp"),
        ({"istio.io/use-waypoint": "wp"}, {"istio.io/use-waypoint": "none"}, None),
        ({"istio.io/use-waypoint": "missing"}, {}, None),
        ({}, {"istio.io/use-waypoint": "wp", "istio.io/use-waypoint-namespace": "infra"}, "infra"),
        ({}, {}, None),
    ],
)
def test_a_services_waypoint_follows_from_labels(
    labels: dict[str, str], of_service: dict[str, str], expected: str | None
) -> None:
    """Without its waypoint, a service's traffic is not what ambient mode would do."""
    obj = service("app")
    obj["metadata"]["labels"] = of_service
    (record,) = mesh_of(obj).mesh().services.values()
    state = _state(
        namespace("mesh", **labels), waypoint_gateway(), waypoint_gateway("wp", namespace="infra")
    )

    found = state.waypoint_for(record)
    hosts = {
        "wp": "wp.mesh.svc.cluster.local",
        "infra": "wp.infra.svc.cluster.local",
        None: None,
    }
    assert (found.host if found is not None else None) == hosts[expected]


def test_a_waypoint_is_not_behind_itself() -> None:
    """Its own service lies in the namespace that it serves."""
    (record,) = mesh_of(service("wp")).mesh().services.values()
    state = _state(namespace("mesh", **{"istio.io/use-waypoint": "wp"}), waypoint_gateway())

    assert state.waypoint_for(record) is None


def test_what_no_record_shows_is_a_change_all_the_same() -> None:
    """Churn of telemetry must be pushed, though none of it is modelled."""
    configs = configs_of(istio("Telemetry", "t", {"tracing": [{"randomSamplingPercentage": 1}]}))
    configs.pop_changes()

    configs.event(
        TELEMETRY,
        "MODIFIED",
        istio("Telemetry", "t", {"tracing": [{"randomSamplingPercentage": 2}]}),
    )

    assert configs.pop_changes() == {ConfigKey(TELEMETRY, Key("mesh", "t"))}
    assert not configs.dirty


def test_an_object_that_comes_again_is_no_change() -> None:
    """Writes that change nothing but a resourceVersion must not be pushed to thousands."""
    configs = configs_of(istio("Sidecar", "s", {}))
    before = configs.pop_changes(), configs.state

    configs.replace(SIDECAR, [istio("Sidecar", "s", {})])

    assert before[0] == {ConfigKey(SIDECAR, Key("mesh", "s"))}
    assert not configs.dirty
    assert configs.pop_changes() == frozenset()
    assert configs.state is before[1]


def test_states_share_what_did_not_change() -> None:
    """Generation starts from what is another object now."""
    configs = configs_of(istio("Sidecar", "s", {}), istio("DestinationRule", "d", {"host": "a"}))
    configs.pop_changes()
    before = configs.state

    configs.event(TELEMETRY, "ADDED", istio("Telemetry", "t", {}))
    configs.pop_changes()
    assert configs.state.routes_like(before)

    configs.event(SIDECAR, "DELETED", istio("Sidecar", "s", {}))
    configs.pop_changes()
    assert not configs.state.routes_like(before)
    assert configs.state.rules is before.rules


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["Sidecar", "DestinationRule", "VirtualService", "PeerAuthentication"]),
        st.sampled_from(["ADDED", "DELETED"]),
        st.integers(0, 2),
        st.sampled_from(["a", "b"]),
    )
)


@given(_EVENTS)
def test_however_events_come_the_result_is_that_of_a_fresh_list(
    events: list[tuple[str, str, int, str]],
) -> None:
    """Indexes that drift would keep rules of deleted objects."""
    configs = ConfigStore()
    kept: dict[tuple[str, int], Any] = {}
    for kind, type_, number, host in events:
        obj = istio(kind, f"o-{number}", {"host": host, "hosts": [host]})
        if type_ == "DELETED":
            if kept.pop((kind, number), None) is None:
                continue
        else:
            kept[kind, number] = obj
        configs.event(plural_of(obj), type_, obj)
        configs.pop_changes()

    fresh = _state(*kept.values())
    for name in ("virtual_services", "rules", "sidecars", "peers"):
        assert getattr(configs.state, name) == getattr(fresh, name)


def test_names_of_kinds_are_those_of_the_objects() -> None:
    """The helper of these tests would otherwise feed nothing."""
    assert plural_of(istio("DestinationRule", "a", {})) == DESTINATION_RULE
    assert plural_of(istio("Sidecar", "a", {})) == SIDECAR
