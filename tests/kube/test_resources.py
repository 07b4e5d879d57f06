"""Tests of the catalogue of kinds."""

from __future__ import annotations

import ast
from typing import Final

from pyload.kube import resources
from pyload.kube.resources import Resource
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
