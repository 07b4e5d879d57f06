"""Tests of parsing config files, and of the problems and warnings about them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyload.config.app_types import SIDECAR
from pyload.config.model import (
    Application,
    ClusterConfig,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.config.parse import Loaded, default_config, parse_config
from pyload.errors import ConfigError, Problem
from pyload.report.header import ConfigFile
from pyload.units import Duration
from tests.config.configs import SECOND, WHOLE, problems, read, warnings

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "a config is a mapping, not a list; begin with a key such as `namespaces:`"),
        (
            "hello",
            "a config is a mapping, not the text `hello`; begin with a key such as `namespaces:`",
        ),
    ],
)
def test_says_what_is_wrong_and_how_to_mend_it(text: str, expected: str) -> None:
    """A mistake would show only once the objects are half created."""
    (problem,) = problems(text)
    assert problem.split(": ", 1)[1] == expected


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
    *(
        "probe",
        "gracePeriod",
        "jitter",
        "stableNames",
        "nodeMetadata",
        "istio",
        "nodes",
        "templates",
    ),
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
    text = (golden / "kube" / "classic-basic.yaml").read_bytes()
    loaded = parse_config(text, source="f")
    assert loaded == Loaded(
        ClusterConfig(
            jitter=Jitter(workloads=Duration(4 * SECOND)),
            nodes=(NodeGroup("node", 2),),
            namespaces=(Namespace("mesh", applications=(Application("app", replicas=2, pods=2),)),),
        ),
        "classic",
        "classic dialect, because of `instances` at line 8",
        file=ConfigFile.of("f", text),
    )
    assert loaded.file is not None
    assert loaded.file.sha256 == hashlib.sha256(text).hexdigest()


@pytest.mark.golden
@pytest.mark.parametrize("name", ["classic-types", "current-ambient", "current-mix"])
def test_recorded_configs_load_without_a_warning(golden: Path, name: str) -> None:
    """Configs that pilot-load ran must run unchanged."""
    assert warnings((golden / "kube" / f"{name}.yaml").read_text()) == []
