"""Tests of the catalogue of kinds, and of the paths of the API server."""

from __future__ import annotations

import ast
from typing import Final

import pytest

from pyload.kube import resources
from pyload.kube.resources import LEASES, NAMESPACES, NODES, PODS, Location, Resource, locate
from tests.conftest import ROOT

PACKAGE: Final = ROOT / "pyload"
CATALOGUE: Final = PACKAGE / "kube" / "resources.py"
CLASSES: Final = frozenset({"Resource", "GroupKind", "Kind"})

ALL: Final = [one for one in vars(resources).values() if isinstance(one, Resource)]


def test_a_kind_is_described_in_the_catalogue_only() -> None:
    """A kind whose plural or scope is wrong in one of several lists would fail in one command."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path != CATALOGUE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in CLASSES
        and any(isinstance(argument, ast.Constant) and argument.value for argument in node.args)
    }

    assert found == set()


def test_no_kind_is_listed_twice() -> None:
    """Of two entries one would be changed, and the other be used."""
    assert len({one.group_kind for one in ALL}) == len(ALL)
    assert len({(one.group, one.plural) for one in ALL}) == len(ALL)


def test_kinds_of_one_name_are_told_apart_by_their_groups() -> None:
    """A capture's Gateways of Istio would be counted with those of the Gateway API."""
    names = [str(one.group_kind) for one in (resources.GATEWAYS, resources.KUBE_GATEWAYS)]

    assert names == ["Gateway.networking.istio.io", "Gateway.gateway.networking.k8s.io"]
    assert str(resources.PODS.group_kind) == "Pod"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (NODES.path(), Location("", "v1", "nodes")),
        (NODES.path(None, "n", "status"), Location("", "v1", "nodes", "", "n", "status")),
        (PODS.path(), Location("", "v1", "pods")),
        (PODS.path("mesh"), Location("", "v1", "pods", "mesh")),
        (PODS.path("mesh", "a"), Location("", "v1", "pods", "mesh", "a")),
        (NAMESPACES.path(), Location("", "v1", "namespaces")),
        (NAMESPACES.path(None, "mesh"), Location("", "v1", "namespaces", "", "mesh")),
        (
            NAMESPACES.path(None, "mesh", "finalize"),
            Location("", "v1", "namespaces", "", "mesh", "finalize"),
        ),
        (
            LEASES.path("kube-node-lease", "n"),
            Location("coordination.k8s.io", "v1", "leases", "kube-node-lease", "n"),
        ),
        ("/version", None),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
        ("/", None),
    ],
)
def test_paths_are_built_and_taken_apart_alike(path: str, location: Location | None) -> None:
    """A message about a refused request would name the wrong thing."""
    assert locate(path) == location


def test_paths_are_the_api_servers() -> None:
    """Every request would miss."""
    assert PODS.path("mesh", "a", "status") == "/api/v1/namespaces/mesh/pods/a/status"
    assert LEASES.path("kube-node-lease") == (
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    )
    assert LEASES.api_version == "coordination.k8s.io/v1"
    assert PODS.api_version == "v1"
