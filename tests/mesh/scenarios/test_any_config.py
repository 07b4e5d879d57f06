"""Any config runs and leaves nothing; any damaged one runs or is refused in plain words."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.app_types import APP_TYPES, types_of
from pyload.config.dump import dump
from pyload.config.model import (
    Application,
    ClusterConfig,
    ConfigRef,
    Gateways,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.config.parse import parse_config
from pyload.errors import PyloadError
from pyload.gotemplate.library import BUILTINS
from pyload.units import Duration
from tests.config.strategies import SHARED, istio
from tests.mesh.conftest import open_world
from tests.mesh.scenarios.test_examples import EXAMPLES, small
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from pyload.config.model import Dialect, IstioKind, IstioObject
    from pyload.config.parse import Loaded
    from pyload.mesh.cluster_types import ClusterType

TYPES: list[ClusterType] = ["fake-node", "fake", "real"]
KINDS: tuple[IstioKind, ...] = ("virtualService", "destinationRule", *SHARED)

NAME = st.sampled_from(["a", "b", "on"])
FEW = st.integers(1, 2)
SPAN = st.sampled_from([Duration(0), Duration(300_000_000)])


TEMPLATES = {
    "mine": "#refresh=true\napiVersion: v1\nkind: ConfigMap\n"
    "metadata: {name: '{{ .Name }}-{{ .RandNumber }}'}\n",
    "some": "{{ if .Rand }}apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
    "metadata: {name: some}\nspec: {hosts: [a.b]}{{ end }}",
}


def templated() -> st.SearchStrategy[tuple[ConfigRef, ...]]:
    """Use templates, with a name so that namespaces can have them too."""
    ref = st.builds(
        ConfigRef,
        st.sampled_from([*BUILTINS, *TEMPLATES]),
        st.fixed_dictionaries(
            {"Name": st.sampled_from(["c", "d"])},
            optional={
                "Rand": st.booleans(),
                "gateways": st.lists(st.sampled_from(["a", "b/a"]), min_size=1, max_size=2),
            },
        ),
        st.sampled_from([None, True, False]),
    )
    return st.lists(ref, max_size=2).map(tuple)


def applications(dialect: Dialect) -> st.SearchStrategy[Application]:
    """Make applications of every type of a dialect."""
    none: st.SearchStrategy[tuple[IstioObject, ...]] = st.just(())
    classic = dialect == "classic"
    types = [one for one in types_of(dialect) if not one.is_waypoint]
    return st.builds(
        Application,
        NAME,
        st.sampled_from(types),
        FEW,
        st.integers(0, 2),
        st.dictionaries(NAME, NAME, max_size=1),
        istio=istio(KINDS) if classic else none,
        configs=st.just(()) if classic else templated(),
    )


_OWN = "own"
"""Stands for the waypoint of the namespace itself, as one that there is not is an error."""


def _with_own_waypoint(namespace: Namespace) -> Namespace:
    if namespace.waypoint != _OWN:
        return namespace
    return replace(namespace, waypoint=namespace.applications[0].name)


def configs(dialect: Dialect) -> st.SearchStrategy[ClusterConfig]:
    """Make small valid configs."""
    none: st.SearchStrategy[tuple[IstioObject, ...]] = st.just(())
    classic = dialect == "classic"
    special = (
        st.builds(
            Application,
            NAME,
            st.just(APP_TYPES["router"]),
            pods=FEW,
            gateways=st.builds(Gateways, st.sampled_from(["", "main"]), FEW),
        )
        if classic
        else st.builds(Application, NAME, st.just(APP_TYPES["waypoint"]), FEW, FEW)
    )
    namespace = st.builds(
        Namespace,
        NAME,
        FEW,
        applications=st.tuples(special, applications(dialect), applications(dialect)),
        waypoint=st.just("") if classic else st.sampled_from(["", _OWN, "elsewhere/a"]),
        istio=istio(SHARED) if classic else none,
        configs=st.just(()) if classic else templated(),
    ).map(_with_own_waypoint)
    nodes = st.lists(st.builds(NodeGroup, NAME, FEW, st.booleans()), min_size=1, max_size=2)
    return st.builds(
        ClusterConfig,
        jitter=st.builds(Jitter, SPAN, SPAN, SPAN if classic else st.just(Duration(0))),
        stable_names=st.booleans(),
        nodes=nodes.map(tuple),
        namespaces=st.lists(namespace, max_size=2, unique_by=lambda one: one.name).map(tuple),
        istio=istio(SHARED) if classic else none,
        templates=st.just({} if classic else TEMPLATES),
        probe=SPAN,
    )


async def run(loaded: Loaded, cluster_type: ClusterType, *, duration: float) -> None:
    """Run a config; what was there before must be there afterwards, and nothing else."""
    options = ClusterOptions(
        loaded=loaded, cluster_type=cluster_type, duration=duration, seed=len(repr(loaded.config))
    )
    async with open_world() as world:
        before = {(one.kind, obj["metadata"]["name"]) for one, obj in world.server.store.objects()}
        outcome = await world.run(options)
        after = {(one.kind, obj["metadata"]["name"]) for one, obj in world.server.store.objects()}

    if outcome.error is not None:
        raise outcome.error
    assert (outcome.result.objects.failed, outcome.result.objects.left) == (0, 0)
    assert outcome.result.proxies.configured == outcome.result.proxies.wanted
    assert after == before


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(["classic", "current"]), st.sampled_from(TYPES))
def test_any_valid_config_runs_and_leaves_nothing(
    data: st.DataObject, dialect: Dialect, cluster_type: ClusterType
) -> None:
    """An untried combination would stay half built in a user's cluster."""
    text = f"dialect: {dialect}\n{dump(data.draw(configs(dialect)), dialect)}"
    loaded = parse_config(text.encode(), source="mesh.yaml")
    assume(loaded.nothing_to_run is None)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run(loaded, cluster_type, duration=2.0))


WORDS = [
    *("", "0", "-1", "1s", "true", "~", "[]", "{}", "- x", "{name: x}", "x: y", "'", "a/b", "A_b"),
    *("router", "gateway", "waypoint", "vm", "ztunnel", "default: true", "pods: 1", "instances: 1"),
    *("name: a", "type: ambient", "istio: {default: true}", "waypoint: a", "ztunnel: {}"),
    *("configs: [sidecar]", "{{ .Name }}", "{{ if .x }}", "#refresh=true", "metadata: {name: 5}"),
]


def damaged(text: str, rng: Random) -> str:
    """Change a few places of a config as a tired user would."""
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        line = lines[at]
        indent = line[: len(line) - len(line.lstrip())]
        key = line.partition(":")[0]
        match rng.randrange(6):
            case 0:
                lines[at] = f"{key}: {rng.choice(WORDS)}"
            case 1:
                lines.insert(at, f"{indent}{rng.choice(WORDS)}")
            case 2:
                lines[at] = " " + line
            case 3:
                lines[at] = line.replace("- ", "  ", 1)
            case 4:
                other = rng.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                lines[at] = line[: rng.randint(0, len(line))]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(8))
def test_damaged_configs_run_or_are_refused(seed: int) -> None:
    """A mistake in a config would end in a traceback, or in a mesh that is left behind."""
    rng = Random(seed)
    texts = [path.read_text() for path in EXAMPLES if not path.name.startswith("kwok")]
    ran, said = 0, []
    for _ in range(25):
        text = damaged(rng.choice(texts), rng)
        try:
            loaded = parse_config(text.encode(), source="mesh.yaml")
        except PyloadError as error:
            said.append(str(error))
            continue
        ran += 1
        config = replace(small(loaded).config, grace_period=Duration(0))
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            try:
                runner.run(run(replace(loaded, config=config), rng.choice(TYPES), duration=0.1))
            except PyloadError as error:
                said.append(str(error))

    assert 0 < ran < 25
    assert all(said)
