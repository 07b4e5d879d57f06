"""What `pyload render` prints is what a run makes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pyload.cli.program import program
from pyload.commands.cluster.options import ClusterOptions
from pyload.commands.render import RenderOptions, parse_values, render
from pyload.config.dump import as_yaml
from pyload.config.file import load_config
from pyload.config.model import Jitter
from pyload.config.parse import parse_config
from pyload.embedded.stack import start_kwok
from pyload.errors import ConfigError, PyloadError, UsageError
from pyload.mesh.names import Names, is_called
from pyload.report.thresholds import NO_THRESHOLDS, parse_thresholds
from pyload.tasks import Supervisor
from pyload.units import Duration
from tests.mesh.conftest import open_world
from tests.mesh.recording import comparable
from tests.mesh.scenarios.test_examples import EXAMPLES, small

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pyload.mesh.cluster_types import ClusterType

NOW = datetime(2026, 1, 2, tzinfo=UTC)

CLASSIC = """
istio: {telemetry: {}}
namespaces:
- name: mesh
  istio: {sidecar: {}}
  applications:
  - {name: web, replicas: 2, instances: 2, istio: {default: true}}
  - {name: gw, type: router, instances: 1, gateways: {name: main, replicas: 2}}
  - {name: vm, type: vm}
nodes: [{name: node, count: 2, ztunnel: {}}]
"""
CURRENT = """
stableNames: true
namespaces:
- name: mesh
  replicas: 2
  configs: [sidecar]
  applications:
  - {name: web, replicas: 2, pods: 1, configs: [{name: mine, config: {color: blue}}]}
  - {name: web-edge, pods: 1, configs: [{name: virtualservice, config: {gateways: [a]}}]}
  - {name: wp, type: waypoint, pods: 1}
templates:
  mine: |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: {{ .Name }}}
    data: {color: "{{ .color }}", "on": "{{ .Rand }}", text: "a\\nb"}
"""

pytestmark = pytest.mark.virtual


def rendered(text: str = CURRENT, **chosen: Any) -> list[dict[str, Any]]:
    """Return the objects of a config."""
    options = RenderOptions(loaded=parse_config(text.encode(), source="f"), **chosen)
    return [yaml.safe_load(document) for document in render(options, now=NOW)]


def names(objects: list[dict[str, Any]]) -> list[str]:
    """Return the names of objects."""
    return [f"{one['kind']} {one['metadata']['name']}" for one in objects]


def contents(bodies: Iterable[str]) -> list[str]:
    """Return what objects say, without times, addresses, keys and random names."""
    found = []
    for body in bodies:
        obj = json.loads(body)
        # The status goes to a subresource, and is often written by somebody else.
        for name in ("status", "data", "stringData") if obj["kind"] == "Secret" else ("status",):
            obj.pop(name, None)
        found.append(comparable(json.dumps(obj).encode()))
    return sorted(found)


async def written(options: ClusterOptions) -> list[str]:
    """Run a mesh, and return the objects that it has created or replaced."""
    async with open_world() as world, Supervisor() as background:
        if options.cluster_type == "kwok":
            start_kwok(world.server, background, stages="fast")
        outcome = await world.run(options, authenticated=True)
    assert outcome.error is None
    assert outcome.result.objects.failed == 0
    return [
        one.body
        for one in world.recorder.requests
        if one.verb in ("create", "update", "patch")
        and one.code < 300
        and not one.path.endswith(("/status", "/finalize", "/token"))
        and "/leases" not in one.path
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
async def test_every_object_that_a_run_of_an_example_creates_is_printed(path: Path) -> None:
    """What `kubectl` applies of it would be another mesh, such as one without rights."""
    loaded = small(load_config(str(path)))
    # Probes and thresholds are of the run; the mesh has no part of them.
    mesh = replace(loaded.config, jitter=Jitter(), probe=Duration(0), thresholds=NO_THRESHOLDS)
    loaded = replace(loaded, config=mesh)
    cluster_type: ClusterType = "kwok" if path.name.startswith("kwok-") else "fake-node"
    shown = [
        json.dumps(yaml.safe_load(document))
        for document in render(RenderOptions(loaded=loaded, cluster_type=cluster_type), now=NOW)
    ]
    made = await written(
        ClusterOptions(
            loaded=loaded,
            cluster_type=cluster_type,
            duration=0.1,
            seed=1,
            thresholds=parse_thresholds(["none"]),
        )
    )

    assert contents(shown) == contents(made)


@pytest.mark.anyio
@pytest.mark.parametrize("cluster_type", ["fake-node", "fake", "real"])
@pytest.mark.parametrize("text", [CLASSIC, CURRENT], ids=["classic", "current"])
async def test_every_object_that_a_run_creates_is_printed(
    text: str, cluster_type: ClusterType
) -> None:
    """Somebody who looks before a run would be shown another mesh."""
    loaded = parse_config(text.encode(), source="f")
    shown = rendered(text, cluster_type=cluster_type)
    made = await written(
        ClusterOptions(loaded=loaded, cluster_type=cluster_type, duration=0.1, seed=1)
    )

    assert contents(map(json.dumps, shown)) == contents(made)
    assert len({str(one["metadata"]["labels"]["pyload.dev/run"]) for one in shown}) == 1


def test_objects_come_in_the_order_of_a_run() -> None:
    """What is piped to kubectl would want namespaces that come later."""
    assert names(rendered())[:8] == [
        f"Node {rendered()[0]['metadata']['name']}",
        "Namespace mesh-0-0",
        "Sidecar restrict-visibility",
        "Service web-0-0",
        "ConfigMap web-0-0",
        names(rendered())[5],
        "Service web-0-1",
        "ConfigMap web-0-1",
    ]


def test_two_renderings_are_the_same() -> None:
    """Nobody could see what an edit of a template changes."""
    assert rendered() == rendered()


def test_a_seed_draws_the_names() -> None:
    """Before a run with `--seed 3`, `render --seed 3` shows the names that it will have (B10)."""
    first, second, other = (names(rendered(CLASSIC, seed=seed)) for seed in (3, 3, 4))
    assert first == second != other


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"namespace": "mesh-0-1", "app": "web-0-1"}, ["Service web-0-1", "ConfigMap web-0-1"]),
        (
            {"namespace": "mesh", "app": "web"},
            ["Service web-0-0", "ConfigMap web-0-0", "Service web-0-1", "ConfigMap web-0-1"] * 2,
        ),
        ({"app": "web-edge-1-0"}, ["Service web-edge-1-0", "VirtualService web-edge-1-0"] * 2),
        ({"namespace": "mesh-0-0", "app": "wp"}, ["Service wp-static", "Gateway wp-static"]),
    ],
)
def test_filters_take_the_name_of_the_config_or_the_whole_one(
    chosen: dict[str, str], expected: list[str]
) -> None:
    """Names with a random part cannot be known before, and equal beginnings are not the same."""
    assert [name for name in names(rendered(**chosen)) if not name.startswith("Pod")] == expected


def test_a_namespace_comes_with_what_is_its_own() -> None:
    """The namespace itself, and its templates, belong to it."""
    found = names(rendered(namespace="mesh-0-1"))

    assert found[:2] == ["Namespace mesh-0-1", "Sidecar restrict-visibility"]
    assert not any(name.startswith("Node") for name in found)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"namespace": "mash"}, "the config makes no namespace mash; did you mean mesh-0-"),
        ({"app": "web-edg"}, "the config makes no application web-edg; did you mean web-edge-1-0?"),
        ({"app": "zzz"}, "the config makes no application zzz; there is web-0-0, "),
    ],
)
def test_a_name_that_there_is_not_is_an_error(chosen: dict[str, str], expected: str) -> None:
    """No output would look as if the config made nothing."""
    with pytest.raises(UsageError) as caught:
        rendered(**chosen)
    assert str(caught.value).startswith(expected)


def test_values_take_the_place_of_the_configs() -> None:
    """The effect of a value could not be seen without editing the config."""
    [_, obj, _] = rendered(
        namespace="mesh-0-0", app="web-0-0", values=parse_values(["color=5", "Rand=false"])
    )

    assert obj["data"] == {"color": "5", "on": "true", "text": "a\nb"}


def test_values_are_yaml() -> None:
    """A list or a number would reach the template as text."""
    given_ = ["a=1", "b=1.5", "c=[x, {k: z}]", "d=yes", "e='1'", "f=", "g=a=b", "a=2"]

    assert parse_values(given_) == {
        "a": 2,
        "b": 1.5,
        "c": ["x", {"k": "z"}],
        "d": True,
        "e": "1",
        "f": None,
        "g": "a=b",
    }


@pytest.mark.parametrize("setting", ["a", "=b", "", "a=[", "a={b: c", "a=: :"])
def test_what_is_no_value_is_an_error(setting: str) -> None:
    """A traceback, for a bracket that the shell took."""
    with pytest.raises(UsageError, match="--set"):
        parse_values([setting])


def test_a_template_that_fails_says_for_which_application() -> None:
    """Of a hundred applications with one template, one gives it the wrong values."""
    text = CURRENT.replace("{{ .color }}", "{{ fail .Name }}")
    with pytest.raises(PyloadError, match=r"^for mesh-0-0/web-0-0: template: mine:4:\d+: "):
        rendered(text)
    with pytest.raises(ConfigError, match=r"template mine for web-0-0:1:1: .*no kind"):
        rendered(CURRENT.replace("kind: ConfigMap", ""))


@given(st.from_regex(r"[a-z][-a-z0-9]{0,9}", fullmatch=True), st.integers(0, 99), st.randoms())
def test_every_name_of_a_run_is_called_as_in_the_config(
    name: str, number: int, rng: Random
) -> None:
    """A filter would find nothing for some kinds of names."""
    drawn = Names(Random(rng.random())).draw(name)
    for full in (name, drawn, f"{name}-{number}-0", f"{name}-static", f"{name}-static-{number}"):
        assert is_called(full, name)
        assert not is_called(f"{full}x-", name)


TEXT = st.text(max_size=20) | st.sampled_from(["on", "n", "1e3", "a\nb\n", " a\n", "\n", "#", "~"])


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none(), max_size=5))
def test_any_object_can_be_read_back(data: dict[str, Any]) -> None:
    """Text that looks like a number or a boolean would reach the API server as one."""
    assert yaml.safe_load(as_yaml(data)) == data


def test_the_command_prints_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pyload render ... | kubectl apply -f -`."""
    path = tmp_path / "mesh.yaml"
    path.write_text(CURRENT)
    arguments = ["render", "-c", str(path), "--app", "web", "--set", "color=green"]

    assert program("pyload", [*arguments, "--namespace", "mesh-0-0"]) == 0
    found = list(yaml.safe_load_all(capsys.readouterr().out))
    assert names(found).count("ConfigMap web-0-0") == 1
    assert {one["data"]["color"] for one in found if one["kind"] == "ConfigMap"} == {"green"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "Error: --config required"),
        (["-c", "/nonexistent"], "/nonexistent: failed to read config file"),
        (["-c", "MESH", "--app", "zzz"], "Error: the config makes no application zzz"),
        (["-c", "MESH", "--set", "x"], "Error: --set x is not KEY=VALUE"),
        (["-c", "MESH", "--cluster-type", "fak"], "Error: "),
        (["-c", "MESH", "--set", "Rand=5"], "Error: `Rand` for template"),
    ],
)
def test_mistakes_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    """A script could not tell a wrong call from a broken mesh."""
    path = tmp_path / "mesh.yaml"
    path.write_text(CURRENT)
    code = program(
        "pyload", ["render", *(str(path) if one == "MESH" else one for one in arguments)]
    )
    captured = capsys.readouterr()

    assert code == 2, captured.err
    assert captured.err.startswith(expected)
    assert captured.out == ""
