"""Tests of what a config file means, and of values that no mesh can have."""

from __future__ import annotations

import pytest

from pyload.config.app_types import APP_TYPES, SIDECAR
from pyload.config.istio import APPLICATION_ONLY, KINDS
from pyload.config.model import (
    Application,
    ClusterConfig,
    Gateways,
    IstioObject,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.units import Duration
from tests.config.configs import SECOND, WHOLE, application, problems, read, warnings


def test_reads_every_key_of_the_classic_dialect() -> None:
    """A pilot-load config would build another mesh."""
    assert read(WHOLE).config == ClusterConfig(
        grace_period=Duration(1_500_000_000),
        jitter=Jitter(workloads=Duration(4 * SECOND)),
        probe=Duration(10 * SECOND),
        stable_names=True,
        node_metadata={"TEAM": "load", "SIZE": "5", "true": "true", "EMPTY": ""},
        nodes=(NodeGroup("node", 2), NodeGroup("default", 1)),
        namespaces=(
            Namespace(
                "mesh",
                2,
                applications=(
                    Application(
                        "app", APP_TYPES["plain"], 3, 4, {"tier": "gold", "version": "1.5"}
                    ),
                    Application("app", SIDECAR, 1, 0),
                ),
            ),
            Namespace("false", 1),
        ),
    )


def test_reads_every_supported_key_of_the_current_dialect() -> None:
    """A config of today's pilot-load would be refused or misread."""
    loaded = read(
        "namespaces:\n- gracePeriod: 2s\n  applications:\n  - pods: 3\n  - {type: sidecar}\n"
    )
    assert loaded.dialect == "current"
    assert loaded.config.namespaces == (
        Namespace(
            grace_period=Duration(2 * SECOND),
            applications=(Application(type=APP_TYPES["plain"], pods=3), Application()),
        ),
    )


def test_reads_istio_blocks_at_each_level() -> None:
    """A policy of the config would not be made, or for the wrong scope."""
    config = read(
        """\
istio: {telemetry: {}, sidecar: {name: all}}
namespaces:
- istio: {default: true, envoyFilter: {name: trace}}
  applications:
  - istio: {virtualService: {gateways: [edge, 5]}, destinationRule: {}, sidecar: ~}
  - {type: router, istio: {default: true}, gateways: {name: edge, replicas: 3}}
  - {type: router, gateways: {name: 5}}
  - {type: router, gateways: {replicas: 2}}
  - {type: router, gateways: {}}
"""
    ).config
    shared = tuple(kind for kind in KINDS if kind not in APPLICATION_ONLY)
    namespace = config.namespaces[0]
    istio = [app.istio for app in namespace.applications]

    assert config.istio == (IstioObject("sidecar", "all"), IstioObject("telemetry"))
    assert [one.kind for one in namespace.istio] == list(shared)
    assert IstioObject("envoyFilter", "trace") in namespace.istio
    assert istio[0] == (
        IstioObject("virtualService", gateways=("edge", "5")),
        IstioObject("destinationRule"),
    )
    assert [one.kind for one in istio[1]] == list(KINDS)
    assert [app.gateways for app in namespace.applications] == [
        Gateways(),
        Gateways("edge", 3),
        Gateways("5", 1),
        Gateways("", 2),
        Gateways(),
    ]


def test_reads_waypoints_and_ztunnels() -> None:
    """An ambient mesh would run without the proxies that make it one."""
    loaded = read(
        "nodes: [{ztunnel: {}}, {ztunnel: ~}, {}]\n"
        "namespaces: [{waypoint: infra/wp, applications: [{type: waypoint, name: wp}]}]\n"
    )
    assert loaded.dialect == "current"
    assert [group.ztunnel for group in loaded.config.nodes] == [True, False, False]
    assert loaded.config.namespaces[0].waypoint == "infra/wp"
    assert loaded.config.namespaces[0].applications[0].type.is_waypoint


def test_warns_of_gateways_where_there_are_none() -> None:
    """A user who forgot `type: router` would wait for Gateways in vain."""
    assert warnings(application("gateways: {name: a}")) == [
        "f:3:15: `gateways` has no effect for the type `sidecar`; write `type: router`"
    ]


def test_unnamed_namespaces_do_not_collide() -> None:
    """All of them would be the one namespace `namespace`."""
    config = read("namespaces: [{}, {name: a}, {}, {replicas: 2}, {}]").config
    names = [namespace.name for namespace in config.namespaces]
    assert names == ["namespace", "a", "namespace-2", "namespace", "namespace-4"]


def test_names_that_only_look_numbered_do_not_collide() -> None:
    """A namespace whose name ends in numbers would be refused without need."""
    entries = "{name: a, replicas: 2}, {name: a-0-2}, {name: a-1-0}, {name: a-0-00}, {name: b-0-1}"
    assert len(read(f"stableNames: true\nnamespaces: [{entries}]").config.namespaces) == 5
    assert len(read("namespaces: [{name: a, replicas: 2}, {name: a-0-1}]").config.namespaces) == 2


@pytest.mark.parametrize("type_", ["external", "vm"])
def test_what_has_no_service_may_begin_with_a_digit(type_: str) -> None:
    """Only the names of Services have to begin with a letter."""
    assert warnings(application(f"{{name: 2nd, type: {type_}}}")) == []


def test_what_has_no_pods_needs_no_nodes() -> None:
    """The pods that an external service does not get would be missed."""
    text = application("{type: external, instances: 2}", before="nodes: [{count: 0}]\n")
    assert warnings(text) == []


def test_a_name_may_be_as_long_as_its_service_may() -> None:
    """Pods get a further suffix, and may be called so; pilot-load ran such a config."""
    assert warnings(application(f"name: {'a' * 54}")) == []


def test_stable_names_may_be_longer() -> None:
    """Short suffixes would count as long ones."""
    text = f"stableNames: true\nnamespaces: [{{name: {'a' * 59}, replicas: 10}}]"
    assert len(read(text).config.namespaces[0].name) == 59


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "istio: {sidecar: {name: A_}}",
            (
                "`A_` cannot be a Kubernetes name; use lower-case letters, digits, `-` and `.`, "
                "with a letter or digit at both ends"
            ),
        ),
        (
            "namespaces: [{waypoint: a/B}]",
            (
                "`B` cannot be a Kubernetes name; use lower-case letters, digits and `-`, "
                "with a letter or digit at both ends"
            ),
        ),
        (
            application("{type: waypoint, name: w}") + "  - {type: waypoint, name: w}\n",
            (
                "waypoint `w` is already made by the entry at line 3; give it another name, or "
                "use `replicas`"
            ),
        ),
        (
            "namespaces: [{name: Mesh_1}]",
            (
                "`Mesh_1` cannot be a Kubernetes name; use lower-case letters, digits and `-`, "
                "with a letter or digit at both ends"
            ),
        ),
        (
            "nodes: [{name: a..b}]",
            (
                "`a..b` cannot be a Kubernetes name; use lower-case letters, digits, `-` and `.`, "
                "with a letter or digit at both ends"
            ),
        ),
        (
            f"namespaces: [{{name: {'a' * 64}}}]",
            f"the name `{'a' * 37}...` has 64 characters; use at most 63 characters",
        ),
        (
            f"namespaces: [{{replicas: 2, name: {'a' * 55}}}]",
            (
                f"the name `{'a' * 37}...` has 55 characters, and objects get 9 more as a suffix; "
                "use at most 54 characters"
            ),
        ),
        (
            f"namespaces: [{{applications: [{{name: {'a' * 55}}}]}}]",
            (
                f"the name `{'a' * 37}...` has 55 characters, and objects get 9 more as a suffix; "
                "use at most 54 characters"
            ),
        ),
        (
            application("name: 5"),
            "`5` cannot be the name of a Service; begin it with a letter",
        ),
        (
            application("{name: 2nd, type: waypoint}"),
            "`2nd` cannot be the name of a Service; begin it with a letter",
        ),
        (application("type: sidcar"), "unknown application type `sidcar`; did you mean `sidecar`?"),
        (
            application("type: xyz"),
            (
                "unknown application type `xyz`; use one of `sidecar`, `plain`, `ambient`, "
                "`router`, `external`, `vm`, `ztunnel`"
            ),
        ),
        (
            "namespaces:\n- name: a\n- name: a\n",
            (
                "namespace `a` is already made by the entry at line 2; "
                "give it another name, or use `replicas`"
            ),
        ),
        (
            "stableNames: true\nnamespaces:\n- {name: a, replicas: 2}\n- name: a-0-1\n",
            "namespace `a-0-1` is already made by the entry at line 3; give it another name",
        ),
        (
            application("instances: 1") + "nodes: [{count: 0}]",
            "there are pods, but no nodes for them; set a `count` above 0",
        ),
        (
            "namespaces:\n- replicas: 1000\n  applications: [{replicas: 1000, instances: 1000}]",
            (
                "this makes 1,000,000,000 pods, and at most 10,000,000 are possible; "
                "check the replicas and counts"
            ),
        ),
    ],
)
def test_says_what_is_wrong_and_how_to_mend_it(text: str, expected: str) -> None:
    """A mistake would show only once the objects are half created."""
    (problem,) = problems(text)
    assert problem.split(": ", 1)[1] == expected
