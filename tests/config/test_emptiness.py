"""Configs that make nothing which a run could measure."""

from __future__ import annotations

import pytest

from pyload.config.parse import parse_config

FIX = "list `applications` with `{}` in `namespaces`, or leave -c out for a small mesh"


def nothing(text: str) -> str:
    """Return the problem that nothing would run; empty if something would."""
    problem = parse_config(text.encode(), source="f").nothing_to_run
    return "" if problem is None else str(problem)


@pytest.mark.parametrize("text", ["", "# later\n", "{}", "---\n", "~\n"])
def test_an_empty_file_makes_nothing(text: str) -> None:
    """`cat missing | pyload cluster -c -` ran for its whole duration, and was all right (A7)."""
    assert nothing(text) == f"f: the config is empty; {FIX.format('instances')}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nodes: [{count: 3}]", f"f:1:1: nothing would run: there are no applications; {FIX}"),
        ("namespaces: []", f"f:1:13: nothing would run: there are no applications; {FIX}"),
        (
            "namespaces:\n- name: a\n- applications:\n  - name: web\n",
            "f:4:5: nothing would run: no application has pods; add `instances: 1`",
        ),
        (
            "dialect: current\nnamespaces: [{applications: [{type: gateway}]}]",
            "f:2:30: nothing would run: no application has pods; add `pods: 1`",
        ),
    ],
)
def test_a_half_written_file_makes_nothing(text: str, problem: str) -> None:
    """An application without a number of pods has none, in both dialects (A7)."""
    assert nothing(text) == problem.format("instances")


@pytest.mark.parametrize(
    "text",
    [
        "namespaces: [{applications: [{instances: 1}]}]",
        "namespaces: [{applications: [{name: a}, {instances: 1}]}]",
        "namespaces: [{applications: [{instances: 0}]}]",
        "namespaces: [{applications: [{type: external}]}]",
        "namespaces: [{applications: [{type: vm}]}]",
        "namespaces: [{applications: [{type: router, gateways: {replicas: 1}}]}]",
        "namespaces: [{applications: [{istio: {virtualService: {}}}]}]",
        "namespaces: [{istio: {sidecar: {}}}]",
        "istio: {telemetry: {}}",
        "dialect: current\nnamespaces: [{configs: [sidecar]}]",
        "dialect: current\nnamespaces: [{applications: [{configs: [sidecar]}]}]",
        "nodes: [{ztunnel: {}}]",
    ],
)
def test_meshes_of_services_istio_objects_or_ztunnels_are_something(text: str) -> None:
    """A load of configuration alone is what another run's proxies are to receive."""
    assert nothing(text) == ""
