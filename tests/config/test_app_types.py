"""Tests of the table of application types, and of its being the only one."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import Final, get_args

import pytest

from pyload.config.app_types import APP_TYPES, SIDECAR, types_of
from pyload.config.model import Dialect
from tests.conftest import ROOT

PACKAGE: Final = ROOT / "pyload"
TABLE: Final = "config/app_types.py"

XDS: Final = "xDS node types, which are istiod's words"
ISTIO_OBJECTS: Final = "keys of Istio objects, which are no applications"
KEYS: Final = "keys of a config file"

OTHER_WORDS: Final = {
    "config/build_model.py": ({"waypoint", "ztunnel"}, KEYS),
    "config/classic.py": ({"sidecar", "ztunnel"}, KEYS),
    "config/current.py": ({"waypoint", "ztunnel"}, KEYS),
    "config/dump.py": ({"waypoint", "ztunnel"}, KEYS),
    "config/jsonschema.py": ({"waypoint", "ztunnel"}, KEYS),
    "config/model.py": ({"sidecar"}, ISTIO_OBJECTS),
    "config/references.py": ({"waypoint"}, KEYS),
    "config/schema.py": ({"ztunnel"}, KEYS),
    "mesh/istio_objects.py": ({"gateway", "sidecar", "waypoint"}, ISTIO_OBJECTS),
    "mesh/planner.py": ({"gateway"}, ISTIO_OBJECTS),
    "mesh/builder.py": ({"gateway", "sidecar", "waypoint"}, ISTIO_OBJECTS),
    "xds/node.py": ({"router", "sidecar", "waypoint", "ztunnel"}, XDS),
    "embedded/controlplane/": ({"router", "sidecar", "waypoint", "ztunnel"}, XDS),
    "embedded/kwok/": (
        {"gateway", "router", "sidecar"},
        "templates and arguments of Istio's injector",
    ),
    "manifests/kwok.py": ({"gateway"}, "a template of Istio's injector"),
    "gotemplate/library.py": ({"sidecar"}, "the name of a built-in template"),
    "gotemplate/sprig/system.py": ({"plain"}, "a group of a regular expression"),
    "cli/panel/layout.py": ({"plain"}, "the tone of a text"),
    "report/rows.py": ({"plain"}, "the tone of a text"),
    "cli/init.py": ({"ambient", "gateway"}, "names of examples"),
    "cli/impersonate.py": ({"external", "sidecar"}, "values of a flag"),
    "commands/prober/": ({"gateway"}, "the gateway that is probed"),
    "commands/impersonate/command.py": ({"external", "sidecar"}, "values of a flag"),
}
"""Modules and folders with words that are also names of types, and what they mean there."""


def words_by_place() -> dict[str, set[str]]:
    """Find the texts that are names of types, by their key in `OTHER_WORDS` or their module."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).as_posix()
        place = next((key for key in OTHER_WORDS if module.startswith(key)), module)
        texts = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if words := texts & set(APP_TYPES):
            found[place] |= words
    return found


def test_a_type_is_named_in_its_table_only() -> None:
    """A new type would have to be added in a dozen modules, and be forgotten in one of them."""
    found = words_by_place()
    del found[TABLE]

    assert found == {place: words for place, (words, _) in OTHER_WORDS.items()}


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_a_dialect_has_one_default_which_comes_first(dialect: Dialect) -> None:
    """An application without a type would be of another one than in pilot-load."""
    types = types_of(dialect)

    assert [one.default_of == dialect for one in types] == [True] + [False] * (len(types) - 1)


def test_counterparts_are_each_others() -> None:
    """A user who mixes the dialects would be advised to write a type that does not exist."""
    for one in APP_TYPES.values():
        if one.counterpart:
            assert APP_TYPES[one.counterpart].counterpart == one.name
            assert not set(APP_TYPES[one.counterpart].dialects) & set(one.dialects)


def test_a_run_without_a_file_has_the_classic_dialects_type() -> None:
    """`pyload cluster` would make another mesh than a classic config of the same values."""
    assert types_of("classic")[0] == SIDECAR
