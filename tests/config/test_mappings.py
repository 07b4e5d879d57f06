"""Tests of keys: known, unknown and misplaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.dialect import SCHEMAS
from pyload.errors import ConfigError
from tests.config.configs import SECOND, problems, read, warnings

if TYPE_CHECKING:
    from pyload.config.model import Dialect


def test_keys_may_be_in_any_case() -> None:
    """Configs that pilot-load read, as Go ignores case, would be refused."""
    config = read(
        "NAMESPACES:\n- Name: a\n  Applications: [{INSTANCES: 2}]\nGraceperiod: 1s\n"
    ).config
    assert config.grace_period == SECOND
    assert config.namespaces[0].applications[0].pods == 2


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
                "`stableNames`, `nodeMetadata`, `istio`, `nodes`, `namespaces`, `thresholds`, "
                "`probe`"
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
            "nodes: [{ztunnel: {image: x}}]",
            "unknown key `image` in `ztunnel`; leave it empty: `{}`",
        ),
        ("namespaces: [a]", "keys and values are expected in a namespace, not the text `a`"),
        ("jitter: 5s", "keys and values are expected in `jitter`, not the text `5s`"),
    ],
)
def test_says_what_is_wrong_and_how_to_mend_it(text: str, expected: str) -> None:
    """A mistake would show only once the objects are half created."""
    (problem,) = problems(text)
    assert problem.split(": ", 1)[1] == expected


def test_items_with_nothing_in_them_are_left_out() -> None:
    """A dash that is left over would be a namespace, or a crash."""
    config = read("nodes: [~]\nnamespaces:\n-\n- name: a\n  applications: [~, {}]\n").config
    assert [namespace.name for namespace in config.namespaces] == ["a"]
    assert len(config.namespaces[0].applications) == 1
    assert config.nodes == read("").config.nodes


@given(st.sampled_from(sorted(SCHEMAS)), st.data())
def test_a_key_is_known_in_its_place_and_shown_there_elsewhere(
    dialect: Dialect, data: st.DataObject
) -> None:
    """A user with a key at the wrong level would search for the right one."""
    places = SCHEMAS[dialect].keys
    key = data.draw(st.sampled_from(sorted({key for keys in places.values() for key in keys})))
    written = "".join(data.draw(st.sampled_from([sign.lower(), sign.upper()])) for sign in key)

    unknown = [one for one in unusable(f"dialect: {dialect}\n{written}:") if "unknown key" in one]
    if key in places["root"]:
        assert unknown == []
    else:
        assert f"; `{key}` belongs in " in unknown[0]


def unusable(text: str) -> list[str]:
    """Return the problems of a config, if it has any."""
    try:
        read(text)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []
