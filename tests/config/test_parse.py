"""Tests of parsing config files, and of the problems and warnings about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyload.config.app_types import APP_TYPES, SIDECAR
from pyload.config.build_model import build_config
from pyload.config.dialect import SCHEMAS, choose_dialect
from pyload.config.dump import dump
from pyload.config.istio import APPLICATION_ONLY, KINDS
from pyload.config.model import (
    Application,
    ClusterConfig,
    ConfigRef,
    Gateways,
    IstioObject,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.config.parse import Loaded, default_config, parse_config
from pyload.config.scalars import Findings
from pyload.config.yaml import MappingNode, compose
from pyload.errors import ConfigError, Problem
from pyload.units import Duration

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.config.model import Dialect, IstioKind

SECOND = 1_000_000_000

WHOLE = """\
gracePeriod: 1.5s
jitter: {workloads: 4s, config: 0s, secrets: 0}
stableNames: on
nodeMetadata: {TEAM: load, SIZE: 5, ON: y, EMPTY: ~}
nodes:
- name: node
  count: 2
- {}
namespaces:
- name: mesh
  replicas: 2
  applications:
  - name: app
    type: plain
    replicas: 3
    instances: 4
    labels: {tier: gold, version: 1.5}
  - {}
- name: n
  replicas: 0
"""


def read(text: str, *, lenient: bool = False) -> Loaded:
    """Load a config."""
    return parse_config(text.encode(), source="f", lenient=lenient)


def problems(text: str, *, lenient: bool = False) -> list[str]:
    """Return the problems of a config that is refused."""
    with pytest.raises(ConfigError) as caught:
        read(text, lenient=lenient)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def warnings(text: str, *, lenient: bool = False) -> list[str]:
    """Return the warnings about a config that is accepted."""
    return [str(warning) for warning in read(text, lenient=lenient).warnings]


def application(text: str, *, before: str = "") -> str:
    """Make a config of one application."""
    return f"{before}namespaces:\n- applications:\n  - {text}\n"


def test_reads_every_key_of_the_classic_dialect() -> None:
    """A pilot-load config would build another mesh."""
    assert read(WHOLE).config == ClusterConfig(
        grace_period=Duration(1_500_000_000),
        jitter=Jitter(workloads=Duration(4 * SECOND)),
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
  - istio: {virtualService: {gateways: [main, 5]}, destinationRule: {}, sidecar: ~}
  - {type: router, istio: {default: true}, gateways: {name: edge, replicas: 3}}
  - {type: router, gateways: {name: edge}}
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
        IstioObject("virtualService", gateways=("main", "5")),
        IstioObject("destinationRule"),
    )
    assert [one.kind for one in istio[1]] == list(KINDS)
    assert [app.gateways for app in namespace.applications] == [
        Gateways(),
        Gateways("edge", 3),
        Gateways("edge", 1),
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


def test_templates_are_read_as_the_template_engine_wants_them() -> None:
    """A value that reached a template as text would render another object."""
    text = """\
dialect: current
templates: {a: "{{ .Name }}", b: ~}
namespaces:
- configs: [a, {name: b, refresh: no, config: {size: 5, on: y, l: [1.5, ~, {x: "1"}]}}]
"""
    findings = Findings("f", lenient=False)
    root = compose(text.encode(), source="f").root
    assert isinstance(root, MappingNode)
    config = build_config(findings, choose_dialect(findings, root), root)

    assert config.templates == {"a": "{{ .Name }}", "b": ""}
    assert config.namespaces[0].configs == (
        ConfigRef("a"),
        ConfigRef("b", {"size": 5, "true": True, "l": [1.5, None, {"x": "1"}]}, refresh=False),
    )


def test_keys_may_be_in_any_case() -> None:
    """Configs that pilot-load read, as Go ignores case, would be refused."""
    config = read(
        "NAMESPACES:\n- Name: a\n  Applications: [{INSTANCES: 2}]\nGraceperiod: 1s\n"
    ).config
    assert config.grace_period == SECOND
    assert config.namespaces[0].applications[0].pods == 2


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "null", "{}", "namespaces:\nnodes: []"]
)
def test_an_empty_file_is_an_empty_mesh_with_defaults(text: str) -> None:
    """An empty file would be an error, or build something."""
    assert read(text).config == ClusterConfig(nodes=(NodeGroup("default", 1),))


def test_no_file_is_a_mesh_of_one_pod() -> None:
    """`pyload cluster` alone would do nothing."""
    assert default_config().config == ClusterConfig(
        nodes=(NodeGroup("default", 1),),
        namespaces=(Namespace("namespace", applications=(Application("app", SIDECAR, 1, 1),)),),
    )
    assert default_config().dialect == "classic"


@pytest.mark.parametrize(
    ("text", "dialect", "because"),
    [
        (application("instances: 1"), "classic", "because of `instances` at line 3"),
        (application("PODS: 1"), "current", "because of `pods` at line 3"),
        ("namespaces:\n- istio:\n", "classic", "because of `istio` at line 2"),
        ("jitter: {secrets: 0}", "classic", "because of `secrets` at line 1"),
        ("templates:\n", "current", "because of `templates` at line 1"),
        ("namespaces: [{gracePeriod: 0}]", "current", "because of `gracePeriod` at line 1"),
        ("{}", "classic", "as nothing in the file belongs to only one dialect"),
        ("", "classic", "as the file is empty"),
        ("nodes: []\ndialect: current", "current", "because of `dialect` at line 2"),
        ("dialect: classic", "classic", "because of `dialect` at line 1"),
        ("dialect:", "classic", "as nothing in the file belongs to only one dialect"),
    ],
)
def test_says_which_dialect_and_why(text: str, dialect: Dialect, because: str) -> None:
    """Applications would get the other dialect's default type, and nobody would know why."""
    loaded = read(text)
    assert (loaded.dialect, loaded.reason) == (dialect, f"{dialect} dialect, {because}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            application("pods: 1") + "  - instances: 1\n",
            (
                "f:4:5: `instances` belongs to the classic dialect, and `pods` at line 3 to the "
                "current one; use the keys and types of one of them"
            ),
        ),
        (
            application("instances: 1\n    type: plain") + "  - pods: 1\n  - pods: 2\n",
            (
                "f:5:5: `pods` belongs to the current dialect, and `instances` at line 3 to the "
                "classic one; use the keys and types of one of them"
            ),
        ),
        (
            application("pods: 1", before="dialect: classic\n"),
            (
                "f:4:5: key `pods` in an application belongs to the current dialect, and this is "
                "the classic dialect, because of `dialect` at line 1; write `instances`"
            ),
        ),
        (
            "dialect: classic\nnamespaces: [{gracePeriod: 1s}]",
            (
                "f:2:15: key `gracePeriod` in a namespace belongs to the current dialect, and this "
                "is the classic dialect, because of `dialect` at line 1; remove it, or write "
                "`dialect: current`"
            ),
        ),
        (
            application("type: gateway", before="dialect: classic\n"),
            (
                "f:4:11: application type `gateway` does not exist in the classic dialect; "
                "write `router`"
            ),
        ),
        (
            application("type: waypoint", before="dialect: classic\n"),
            (
                "f:4:11: application type `waypoint` does not exist in the classic dialect; "
                "use one of `sidecar`, `plain`, `ambient`, `router`, `external`, `vm`, `ztunnel`"
            ),
        ),
        ("dialect: currant", "f:1:10: unknown dialect `currant`; did you mean `current`?"),
        ("dialect: xyz", "f:1:10: unknown dialect `xyz`; write `classic` or `current`"),
        ("dialect: 5", "f:1:10: `dialect` takes a name; write `classic` or `current`"),
    ],
)
def test_dialects_do_not_mix(text: str, expected: str) -> None:
    """Half of the file would be ignored."""
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("namespace: []", "unknown key `namespace` at the top level; did you mean `namespaces`?"),
        (
            "instances: 1",
            "unknown key `instances` at the top level; `instances` belongs in an application",
        ),
        (
            "zzz: 1",
            (
                "unknown key `zzz` at the top level; use one of `gracePeriod`, `jitter`, "
                "`stableNames`, `nodeMetadata`, `istio`, `nodes`, `namespaces`"
            ),
        ),
        ("jitter: {workload: 1s}", "unknown key `workload` in `jitter`; did you mean `workloads`?"),
        ("nodes: [{cuont: 1}]", "unknown key `cuont` in a node; did you mean `count`?"),
        (
            "jitter: {on: 1}",
            (
                "unknown key `true` in `jitter` (`on` is YAML for `true`); use one of `workloads`, "
                "`config`, `secrets`"
            ),
        ),
        ("NODES: []\nnodes: []", "`nodes` is `nodes` again, given at line 1; remove one of them"),
        ("- a", "a config is a mapping, not a list; begin with a key such as `namespaces:`"),
        (
            "hello",
            "a config is a mapping, not the text `hello`; begin with a key such as `namespaces:`",
        ),
        (
            "namespaces: {a: b}",
            "`namespaces` takes a list, not a mapping; start each item with `-`",
        ),
        (
            "istio: {virtualService: {}}",
            (
                "unknown key `virtualService` in `istio`; `virtualService` belongs in an "
                "application's `istio`"
            ),
        ),
        (
            "istio: {sidecar: true}",
            "keys and values are expected in an object of `istio`, not the boolean `true`",
        ),
        (
            "istio: {sidecar: {name: A_}}",
            (
                "`A_` cannot be a Kubernetes name; use lower-case letters, digits, `-` and `.`, "
                "with a letter or digit at both ends"
            ),
        ),
        (
            "nodes: [{ztunnel: {image: x}}]",
            "unknown key `image` in `ztunnel`; leave it empty: `{}`",
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
        ("namespaces: [a]", "keys and values are expected in a namespace, not the text `a`"),
        ("jitter: 5s", "keys and values are expected in `jitter`, not the text `5s`"),
        (
            "stableNames: 1",
            "`stableNames` takes a boolean, not the number `1`; write `true` or `false`",
        ),
        (
            "stableNames: 'true'",
            "`stableNames` takes a boolean, not the text `true`; remove the quotes",
        ),
        (
            "nodes: [{count: '5'}]",
            "`count` takes a whole number, not the text `5`; remove the quotes",
        ),
        ("nodes: [{count: 1.5}]", "`count` takes a whole number, not the number `1.5`"),
        ("nodes: [{count: .inf}]", "`count` takes a whole number, not the number `.inf`"),
        ("nodes: [{count: yes}]", "`count` takes a whole number, not the boolean `yes`"),
        ("nodes: [{count: [1]}]", "`count` takes a whole number, not a list"),
        ("nodes: [{count: -1}]", "`count` cannot be negative"),
        ("nodes: [{count: 1000001}]", "`count` can be at most 1,000,000; check the number"),
        ("nodes: [{name: [a]}]", "`name` takes text, not a list"),
        ("nodeMetadata: [a]", "`nodeMetadata` takes a mapping of names to texts, not a list"),
        ("nodeMetadata: {a: {b: c}}", "`nodeMetadata.a` takes text, not a mapping"),
        (
            "gracePeriod: 5 s",
            (
                'time: unknown unit " s" in duration "5 s"; '
                "write a number and a unit, such as `10s` or `1m30s`"
            ),
        ),
        (
            "gracePeriod: yes",
            (
                "`gracePeriod`: invalid duration, the boolean `yes`; "
                'write a number and a unit, such as "10s" or "1m30s"'
            ),
        ),
        (
            "gracePeriod: 1e30",
            (
                "`gracePeriod`: invalid duration, the number `1e30`; "
                'write a number and a unit, such as "10s" or "1m30s"'
            ),
        ),
        ("gracePeriod: -1s", "`gracePeriod` cannot be negative"),
        (
            "jitter: {config: bad}",
            'time: invalid duration "bad"; write a number and a unit, such as `10s` or `1m30s`',
        ),
        (
            "jitter: {secrets: no}",
            (
                "`jitter.secrets`: invalid duration, the boolean `no`; "
                'write a number and a unit, such as "10s" or "1m30s"'
            ),
        ),
        (application("labels: [a]"), "`labels` takes a mapping of names to texts, not a list"),
        ("jitter: {workloads: -1s}", "`jitter.workloads` cannot be negative"),
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
        (
            application("labels: {-a: b}"),
            (
                "`-a` cannot be the key of a label; use at most 63 letters, digits, `-`, `_` and "
                "`.`, such as `example.com/tier`"
            ),
        ),
        (
            application("labels: {a: b c}"),
            (
                "`b c` cannot be the value of a label; "
                "use at most 63 letters, digits, `-`, `_` and `.`"
            ),
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


def test_all_problems_come_at_once_in_file_order() -> None:
    """The user would mend the file one run at a time."""
    text = """\
gracePeriod: bad
nodes:
- count: -1
- count: x
namespaces:
- name: Mesh
  name: mesh
  replicsa: 1
  applications:
  - type: routre
    instances: 1
    labels: {a b: c}
"""
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        "f:1:14",
        "f:3:10",
        "f:4:10",
        "f:7:3",
        "f:8:3",
        "f:10:11",
        "f:12:14",
    ]


def test_a_file_of_nothing_but_problems_is_cut_short() -> None:
    """Half a million lines would scroll by for a file that is no config at all."""
    told = problems("".join(f"k{number}: 1\n" for number in range(1200)))
    assert told[-1] == "f:1001:1: from here on there are 200 more problems; mend those above first"
    assert len(told) == 1001


def test_a_problem_in_an_anchor_is_named_once() -> None:
    """The same place would be reported for each alias."""
    text = (
        "namespaces:\n- applications: &a [{replica: 1}]\n- applications: *a\n- applications: *a\n"
    )
    assert problems(text) == [
        "f:2:22: unknown key `replica` in an application; did you mean `replicas`?"
    ]


def test_lenient_ignores_unknown_keys_aloud() -> None:
    """Old configs with leftovers could not be run at all."""
    text = "dialect: classic\ntypo: 1\nnamespaces:\n- applications: [{pods: 3}]\n"
    assert warnings(text, lenient=True) == [
        "f:2:1: unknown key `typo` at the top level, and is ignored",
        (
            "f:4:19: key `pods` in an application belongs to the current dialect, and this is the "
            "classic dialect, because of `dialect` at line 1, and is ignored"
        ),
    ]
    assert len(problems(text)) == 2


def test_keys_of_old_examples_only_warn() -> None:
    """The examples that pilot-load ships would be refused."""
    text = "kubernetes: {}\nnodes: [{enabled: true}]\nnamespaces: [{httpRoutes: 1}]\n"
    nothing = "in any version of pilot-load; remove it"
    assert warnings(text) == [
        f"f:1:1: `kubernetes` means nothing at the top level, {nothing}",
        f"f:2:10: `enabled` means nothing in a node, {nothing}",
        f"f:3:15: `httpRoutes` means nothing in a namespace, {nothing}",
    ]


STALE = """\
namespaces:
- applications:
  - pods: 1
  - {type: gateway, gateways: {name: main, kubernetes: true}}
  - istio: {httpRoutes: {}}
"""


@pytest.mark.parametrize("named", ["", "dialect: current\n"])
def test_blocks_of_old_keys_say_nothing_of_the_dialect(named: str) -> None:
    """pilot-load ships a current config with leftovers of the classic dialect, and runs it."""
    loaded = read(named + STALE)
    line = 4 + named.count("\n")
    nothing = "means nothing in an application of the current dialect; remove it"

    assert loaded.dialect == "current"
    assert list(map(str, loaded.warnings)) == [
        f"f:{line}:21: `gateways` with `kubernetes` {nothing}",
        f"f:{line + 1}:5: `istio` with `httpRoutes` {nothing}",
    ]
    assert [str(one) for one in read("istio: {httpRoutes: {}}").warnings] == [
        "f:1:9: `httpRoutes` means nothing in `istio`, in any version of pilot-load; remove it"
    ]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "gracePeriod: 5",
            (
                "f:1:14: `gracePeriod: 5` without a unit is 5ns, as a number means nanoseconds; "
                'write "5s" for seconds'
            ),
        ),
        (
            "namespaces: [{name: n}]",
            (
                "f:1:21: `name` becomes `false`, as that is what `n` is in YAML; "
                "put it in quotes to keep it as written"
            ),
        ),
        (
            "nodeMetadata: {A: 0123}",
            (
                "f:1:19: `nodeMetadata.A` becomes `83`, as that is what `0123` is in YAML; "
                "put it in quotes to keep it as written"
            ),
        ),
    ],
)
def test_warns_of_values_that_are_not_what_they_look_like(text: str, warning: str) -> None:
    """`gracePeriod: 5` would pass for five seconds, and `name: n` for a name."""
    assert warnings(text) == [warning]


def test_warns_of_gateways_where_there_are_none() -> None:
    """A user who forgot `type: router` would wait for Gateways in vain."""
    assert warnings(application("gateways: {name: a}")) == [
        "f:3:15: `gateways` has no effect for the type `sidecar`; write `type: router`"
    ]


@pytest.mark.parametrize("text", ["gracePeriod: 0", "nodeMetadata: {A: 5}", "nodes: [{name: 'n'}]"])
def test_does_not_warn_without_need(text: str) -> None:
    """Users would learn to ignore warnings."""
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "namespaces: [{configs: [sidecars]}]",
            "f:1:25: there is no template `sidecars`; did you mean `sidecar`?",
        ),
        (
            "templates: {mine: x}\nnamespaces: [{applications: [{configs: [{name: zzz}]}]}]",
            "f:2:41: there is no template `zzz`; use one of httproute, istio-gateway, mine,",
        ),
        ("templates: {a: '{{.x'}", "f:1:16: template: a:1: unclosed action"),
        ("templates: {a: '{{nope}}'}", 'f:1:16: template: a:1: function "nope" not defined'),
        (
            "templates:\n  a: |\n    x\n    {{ .Name | uper }}\n",
            'f:2:6: template: a:2: function "uper" not defined; did you mean upper?',
        ),
        ("templates: {a: [b]}", "f:1:16: `templates.a` takes text, not a list; put it in a block"),
        ("templates: [a]", "f:1:12: `templates` takes a mapping of names to texts, not a list"),
        ("namespaces: [{configs: [{}]}]", "f:1:25: an item of `configs` needs the name of a"),
        ("namespaces: [{configs: sidecar}]", "f:1:24: `configs` takes a list"),
        (
            "namespaces: [{configs: [{name: sidecar, config: {Rand: 5}}]}]",
            "f:1:56: `config.Rand` takes a boolean, not the number `5`",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, config: {Namespace: A_b}}]}]",
            "f:1:61: `A_b` cannot be a Kubernetes name",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, config: [a]}]}]",
            "f:1:49: `config` takes a mapping, not a list",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, refresh: 'true'}]}]",
            "f:1:50: `refresh` takes a boolean",
        ),
        (
            "namespaces: [{configs: [{name: sidecar, values: {}}]}]",
            "f:1:41: unknown key `values`",
        ),
    ],
)
def test_templates_that_cannot_be_used_are_told_with_their_place(text: str, expected: str) -> None:
    """A run would fail in the middle of its start, and the user look for the line."""
    (problem,) = problems(text)
    assert problem.startswith(expected)


def test_a_template_in_place_of_a_builtin_is_warned_of() -> None:
    """All applications would change what they apply, and perhaps nobody meant it."""
    text = "templates:\n  mine: a\n  sidecar: b\n"
    assert warnings(text) == ['f:3:3: overriding default template "sidecar"']


def test_values_that_say_nothing_are_left_out() -> None:
    """A key with nothing behind it would be a crash at the start, as it is in pilot-load."""
    config = read(
        "namespaces: [{configs: [{name: sidecar, config: {Rand: ~, Namespace: ~, other: ~}}]}]"
    ).config
    assert config.namespaces[0].configs == (ConfigRef("sidecar", {"other": None}),)


@pytest.mark.parametrize(
    "text",
    [
        "templates:",
        "namespaces: [{configs: ~}]",
        application("configs:"),
    ],
)
def test_what_asks_for_nothing_is_not_refused(text: str) -> None:
    """Configs that only spell out that something is off could not be run."""
    assert warnings(text) == []


def test_unnamed_namespaces_do_not_collide() -> None:
    """All of them would be the one namespace `namespace`."""
    config = read("namespaces: [{}, {name: a}, {}, {replicas: 2}, {}]").config
    names = [namespace.name for namespace in config.namespaces]
    assert names == ["namespace", "a", "namespace-2", "namespace", "namespace-4"]


def test_counts_may_be_written_as_floats() -> None:
    """`1e3`, which Go reads as 1000, would be refused."""
    config = read("nodes: [{count: 1e3}, {count: 5.0}, {count: 0x10}]").config
    assert [group.count for group in config.nodes] == [1000, 5, 16]


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


def test_dumps_sorted_keys_and_go_durations() -> None:
    """The log would not show what runs, or in a form that scripts do not know."""
    config = read(WHOLE).config
    assert dump(config, "classic") == (
        "gracePeriod: 1.5s\n"
        "jitter:\n"
        "  workloads: 4s\n"
        "namespaces:\n"
        "- applications:\n"
        "  - instances: 4\n"
        "    labels:\n"
        "      tier: gold\n"
        '      version: "1.5"\n'
        "    name: app\n"
        "    replicas: 3\n"
        "    type: plain\n"
        "  - instances: 0\n"
        "    name: app\n"
        "    replicas: 1\n"
        "    type: sidecar\n"
        "  name: mesh\n"
        "  replicas: 2\n"
        '- name: "false"\n'
        "  replicas: 1\n"
        "nodeMetadata:\n"
        '  EMPTY: ""\n'
        '  SIZE: "5"\n'
        "  TEAM: load\n"
        '  "true": "true"\n'
        "nodes:\n"
        "- count: 2\n"
        "  name: node\n"
        "- count: 1\n"
        "  name: default\n"
        "stableNames: true\n"
    )
    current = ClusterConfig(namespaces=(Namespace(grace_period=Duration(1)),))
    assert "gracePeriod: 1ns" in dump(current, "current")
    assert dump(ClusterConfig(), "current") == "jitter: {}\nnodes:\n- count: 1\n  name: default\n"


LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True) | st.sampled_from(
    ["n", "y", "on", "no", "null", "0x1f", "1e3", "012", "5"]
)
SERVICE = LABEL.filter(lambda name: name[0].isalpha())
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
SPAN = st.integers(0, (1 << 63) - 1).map(Duration)


def istio(kinds: tuple[IstioKind, ...]) -> st.SearchStrategy[tuple[IstioObject, ...]]:
    """Make the objects of an `istio` block, in their order."""
    names = st.sampled_from(["", "a", "on"])

    def make(kind: IstioKind) -> st.SearchStrategy[IstioObject]:
        gateways = (
            st.lists(LABEL, max_size=2).map(tuple) if kind == "virtualService" else st.just(())
        )
        return st.builds(IstioObject, st.just(kind), names, gateways)

    return st.sets(st.sampled_from(kinds)).flatmap(
        lambda chosen: st.tuples(*(make(kind) for kind in kinds if kind in chosen))
    )


SHARED = tuple(kind for kind in KINDS if kind not in APPLICATION_ONLY)


def values() -> st.SearchStrategy[Any]:
    """Make what a template may be given, as it is in a file."""
    plain = st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | PRINTABLE
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PRINTABLE, inner, max_size=2),
        max_leaves=4,
    )


TEMPLATES = {"mine": "a: {{ .Name }}\n  b\n", "on": " {{ .x }}", "": ""}


def refs() -> st.SearchStrategy[tuple[ConfigRef, ...]]:
    """Use templates."""
    given = st.dictionaries(
        PRINTABLE.filter(lambda key: key not in ("Rand", "Namespace")), values(), max_size=2
    )
    names = st.sampled_from(["mine", "on", "sidecar"])
    one = st.builds(ConfigRef, names, given, st.sampled_from([None, True, False]))
    return st.lists(one, max_size=2).map(tuple)


def configs(dialect: Dialect) -> st.SearchStrategy[ClusterConfig]:
    """Make valid configs."""
    count = st.integers(0, 20)
    classic = dialect == "classic"
    none: st.SearchStrategy[tuple[IstioObject, ...]] = st.just(())
    types = [one for one in SCHEMAS[dialect].types if not one.is_waypoint]
    application = st.builds(
        Application,
        SERVICE,
        st.sampled_from(types),
        st.integers(1, 20),
        count,
        st.dictionaries(LABEL, LABEL | st.just(""), max_size=3),
        istio=istio(KINDS) if classic else none,
        configs=st.just(()) if classic else refs(),
    )
    router = st.builds(
        Application,
        SERVICE,
        st.just(APP_TYPES["router"]),
        gateways=st.builds(Gateways, LABEL | st.just(""), st.integers(1, 3)),
    )
    namespace = st.builds(
        Namespace,
        LABEL,
        st.integers(1, 20),
        applications=st.lists(application | router if classic else application, max_size=3).map(
            tuple
        ),
        waypoint=st.just("") if classic else st.sampled_from(["", "w", "infra/w"]),
        istio=istio(SHARED) if classic else none,
        configs=st.just(()) if classic else refs(),
    )
    nodes = st.lists(
        st.builds(NodeGroup, LABEL, st.integers(1, 20), st.booleans()), min_size=1, max_size=3
    )
    jitter = st.builds(Jitter, SPAN, SPAN, SPAN if classic else st.just(Duration(0)))
    return st.builds(
        ClusterConfig,
        SPAN,
        jitter,
        st.booleans(),
        st.dictionaries(PRINTABLE, PRINTABLE, max_size=3),
        nodes.map(tuple),
        st.lists(namespace, max_size=3, unique_by=lambda one: one.name).map(tuple),
        istio=istio(SHARED) if classic else none,
        templates=st.just({} if classic else TEMPLATES),
    )


@given(st.data(), st.sampled_from(["classic", "current"]))
def test_what_is_dumped_loads_as_the_same_config(data: st.DataObject, dialect: Dialect) -> None:
    """A config copied from the log would build another mesh."""
    config = data.draw(configs(dialect))
    text = f"dialect: {dialect}\n{dump(config, dialect)}"
    loaded = parse_config(text.encode(), source="f")
    assert loaded.config == config
    assert loaded.warnings == ()


def loads_or_is_refused(data: bytes) -> None:
    """Check that bytes give a config or problems, and nothing else."""
    problems: tuple[Problem, ...] | None = None
    try:
        parse_config(data, source="f")
    except ConfigError as error:
        problems = error.problems
    assert problems is None or (problems and problems == tuple(sorted(set(problems))))


@given(st.binary(max_size=200))
@example(b"\xfe\xff")
@example(b"a: \xef\xbb\xbf")
@example("a: \x85b\u2028c\r\n".encode())
def test_any_bytes_are_a_config_or_problems(data: bytes) -> None:
    """Binary junk would end in a traceback."""
    loads_or_is_refused(data)


@given(st.text(max_size=200) | st.text("-[]{}:,\n &*!|>'\"%@`#?ab<01.~\t", max_size=200))
def test_any_text_is_a_config_or_problems(text: str) -> None:
    """A file that is not a config would end in a traceback."""
    loads_or_is_refused(text.encode("utf-8", "replace"))


KEYS = [
    *("gracePeriod", "jitter", "stableNames", "nodeMetadata", "istio", "nodes", "templates"),
    *("namespaces", "workloads", "config", "secrets", "name", "count", "ztunnel", "replicas"),
    *("waypoint", "configs", "applications", "type", "pods", "instances", "labels", "gateways"),
    *("dialect", "enabled", "typo", "<<", "on", "5", "~"),
]
VALUES = [
    *("1", "-1", "0", "1.5", ".inf", ".nan", "1e30", "99999999999999999999", "5s", "0s", "bad"),
    *("sidecar", "router", "gateway", "sidcar", "a", "A_", "yes", "~", "''", "'5'", "classic"),
    *("current", "[]", "{}", "[[]]", "[~]", "{a: b}", "[{a: 1}]", "!!int x", "*x", "&x {a: *x}"),
]


@given(
    st.recursive(
        st.sampled_from(VALUES),
        lambda inner: (
            st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=5).map(
                lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
            )
            | st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        ),
        max_leaves=30,
    )
)
def test_any_mix_of_keys_and_values_is_a_config_or_problems(text: str) -> None:
    """A mistake that nobody thought of would end in a traceback."""
    loads_or_is_refused(text.encode())


@given(st.data())
def test_a_damaged_config_is_a_config_or_problems(data: st.DataObject) -> None:
    """A file cut off or edited badly would end in a traceback."""
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, min(len(WHOLE), start + 30)))
    loads_or_is_refused((WHOLE[:start] + data.draw(st.text(max_size=5)) + WHOLE[end:]).encode())


@pytest.mark.golden
def test_the_recorded_classic_config_loads(golden: Path) -> None:
    """The config of the recorded requests could not be replayed."""
    loaded = parse_config((golden / "kube" / "classic-basic.yaml").read_bytes(), source="f")
    assert loaded == Loaded(
        ClusterConfig(
            jitter=Jitter(workloads=Duration(4 * SECOND)),
            nodes=(NodeGroup("node", 2),),
            namespaces=(Namespace("mesh", applications=(Application("app", replicas=2, pods=2),)),),
        ),
        "classic",
        "classic dialect, because of `instances` at line 8",
    )


@pytest.mark.golden
@pytest.mark.parametrize("name", ["classic-types", "current-ambient", "current-mix"])
def test_recorded_configs_load_without_a_warning(golden: Path, name: str) -> None:
    """Configs that pilot-load ran must run unchanged."""
    assert warnings((golden / "kube" / f"{name}.yaml").read_text()) == []
