"""Names of a config that refer to nothing."""

from __future__ import annotations

import pytest

from pyload.config.parse import parse_config
from pyload.errors import ConfigError


def problems(text: str) -> list[str]:
    """Return the problems of a config."""
    try:
        parse_config(text.encode(), source="f")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def waypoint(text: str, *, second: str = "") -> list[str]:
    """Return the problems of a mesh with the waypoint `wp` that names another."""
    return problems(
        f"namespaces:\n- {{name: a, waypoint: {text}, applications: [{{type: waypoint, name: wp, "
        f"pods: 1}}]}}\n{second}"
    )


@pytest.mark.parametrize("text", ["wp", "a/wp", "elsewhere/wp"])
def test_waypoints_that_there_are_or_may_be_are_no_problem(text: str) -> None:
    """One in another namespace may be in the cluster already."""
    assert waypoint(text) == []


def test_a_waypoint_that_there_is_not_is_a_problem_where_it_stands() -> None:
    """The namespace was labelled with it, and its traffic went nowhere (A7)."""
    fix = "use one of `wp`"
    assert waypoint("nothere") == [
        f"f:2:23: there is no waypoint `nothere` in this namespace; {fix}"
    ]
    assert waypoint("wpp") == [
        "f:2:23: there is no waypoint `wpp` in this namespace; did you mean `wp`?"
    ]
    assert waypoint("b/x", second="- {name: b, applications: [{pods: 1}]}") == [
        (
            "f:2:23: there is no waypoint `x` in namespace `b`; "
            "add an application `x` of `type: waypoint`"
        )
    ]


def test_numbered_namespaces_are_known_by_their_names() -> None:
    """With `stableNames` one can know them, and refer to them."""
    text = (
        "stableNames: true\nnamespaces:\n- {name: a, replicas: 2, applications: [{type: waypoint, "
        "name: wp, pods: 1}]}\n- {name: b, waypoint: a-0-1/%s, applications: [{pods: 1}]}\n"
    )
    assert problems(text % "wp") == []
    assert problems(text % "x") == [
        "f:4:23: there is no waypoint `x` in namespace `a-0-1`; use one of `wp`"
    ]


def gateways(*names: str) -> list[str]:
    """Return the problems of a VirtualService of these Gateways beside the Gateway `main`."""
    return problems(
        "namespaces:\n- {name: a, applications: [{type: router, instances: 1, gateways: {name: "
        "main}}]}\n- name: b\n  applications:\n  - instances: 1\n    istio:\n"
        f"      virtualService: {{gateways: [{', '.join(names)}]}}\n"
    )


def test_gateways_that_there_are_or_may_be_are_no_problem() -> None:
    """`mesh` are the sidecars; one in another namespace may be in the cluster already."""
    assert gateways("main", "a/main", "mesh", "istio-system/ingress") == []


def test_a_gateway_that_there_is_not_is_a_problem_where_it_stands() -> None:
    """The routes were bound to nothing, and were not pushed to any gateway (A7)."""
    assert gateways("main", "nope", "a/man") == [
        "f:7:41: no application makes a Gateway `nope`; use one of `main`",
        "f:7:47: no application makes a Gateway `man` in namespace `a`; did you mean `main`?",
    ]
    (problem,) = gateways("b/x")
    assert problem.endswith("write NAMESPACE/NAME for one that is in the cluster")
