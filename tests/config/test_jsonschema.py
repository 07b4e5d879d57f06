"""Tests of the JSON Schema that editors check configs with."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import jsonschema
import pytest
import yaml

from pyload.config.dialect import SCHEMAS
from pyload.config.jsonschema import json_schema
from pyload.config.model import Dialect
from pyload.config.parse import parse_config
from pyload.errors import ConfigError
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))


def accepts(schema: dict[str, Any], text: str) -> bool:
    """Return whether an editor would accept a config."""
    return jsonschema.Draft7Validator(schema).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("dialect", [*DIALECTS, None])
def test_schemas_are_schemas_whose_references_lead_somewhere(dialect: Dialect | None) -> None:
    """An editor would ignore the whole schema, or a part of it."""
    schema = json_schema(dialect)
    jsonschema.Draft7Validator.check_schema(schema)
    references = re.findall(r'"#/definitions/([^"]+)"', json.dumps(schema))

    assert set(references) == set(schema["definitions"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_name_a_schema_that_accepts_them(path: Path) -> None:
    """An editor would mark errors in a file that pyload takes."""
    first, _, text = path.read_text().partition("\n")
    dialect = parse_config(text.encode(), source=path.name).dialect

    assert first == f"# yaml-language-server: $schema=../schema/{dialect}.json"
    assert (path.parent / f"../schema/{dialect}.json").exists()
    assert accepts(json_schema(dialect), text)
    assert accepts(json_schema(), text)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_schemas_know_every_key_and_type_of_their_dialect(dialect: Dialect) -> None:
    """A key that pyload reads would be marked as an error."""
    schema, tables = json_schema(dialect), SCHEMAS[dialect]
    parts = {"root": schema, **schema["definitions"]}
    for place, keys in tables.keys.items():
        part = parts.get(place, {"properties": {}})
        properties = part.get("properties") or part.get("anyOf", [{}, {}])[-1].get("properties", {})
        assert set(properties) - {"dialect"} == set(keys)
    assert parts["applications"]["properties"]["type"]["enum"] == [*tables.type_names, None]


@pytest.mark.parametrize(
    "text",
    [
        "gracePeriod: 5 s",
        "gracePeriod: -1",
        "jitter: {workload: 1s}",
        "nodes: {a: b}",
        "nodes: [{count: x}]",
        "nodes: [{count: -1}]",
        "nodes: [{ztunnel: {a: b}}]",
        "namespaces: [{applications: [{type: sidcar}]}]",
        "istio: {virtualService: {}}",
        "istio: {sidecar: true}",
        "stableNames: 1",
        "typo: 1",
    ],
)
def test_what_the_schema_refuses_pyload_refuses_too(text: str) -> None:
    """Editors would call an error what runs, or be silent about what does not."""
    assert not accepts(json_schema("classic"), text)
    with pytest.raises(ConfigError):
        parse_config(f"dialect: classic\n{text}".encode(), source="f")


@pytest.mark.parametrize("text", ["1h30m", "0", "1.5s", ".5ms", "100ns", "5µs"])
def test_durations_are_durations_for_both(text: str) -> None:
    """A config copied from pilot-load would be marked as wrong in the editor."""
    config = f"gracePeriod: '{text}'"

    assert accepts(json_schema("classic"), config)
    assert parse_config(config.encode(), source="f").warnings == ()
