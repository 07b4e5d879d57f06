"""Structural schemas: what they prune, fill in and refuse, in a real server's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.schemas import structural

TEXT = {"type": "string"}


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return the faults of a field `x` as messages show them."""
    whole = {"type": "object", "properties": {"x": schema}}
    return [f"{one.field}: {one.message}" for one in structural.check({"x": value}, whole)]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (
            {"type": "integer"},
            "a",
            'Invalid value: "string": x in body must be of type integer: "string"',
        ),
        (
            {"type": "integer"},
            True,
            'Invalid value: "boolean": x in body must be of type integer: "boolean"',
        ),
        (
            {"type": "string"},
            None,
            'Invalid value: "null": x in body must be of type string: "null"',
        ),
        ({"enum": ["a", 1]}, "b", 'Unsupported value: "b": supported values: "a", 1'),
        ({"minLength": 2}, "a", 'Invalid value: "a": x in body should be at least 2 chars long'),
        ({"maxLength": 2}, "abc", "Too long: may not be more than 2 bytes"),
        (
            {"pattern": r"^[$]\d$"},
            "$1\n",
            "Invalid value: \"$1\n\": x in body should match '^[$]\\d$'",
        ),
        ({"pattern": "^a$"}, "b", "Invalid value: \"b\": x in body should match '^a$'"),
        (
            {"format": "date-time", "type": "string"},
            "noon",
            'Invalid value: "noon": x in body must be of type date-time: "noon"',
        ),
        ({"minimum": 1}, 0, "Invalid value: 0: x in body should be greater than or equal to 1"),
        (
            {"minimum": 1, "exclusiveMinimum": True},
            1,
            "Invalid value: 1: x in body should be greater than 1",
        ),
        ({"maximum": 1}, 2, "Invalid value: 2: x in body should be less than or equal to 1"),
        (
            {"maximum": 1, "exclusiveMaximum": True},
            1,
            "Invalid value: 1: x in body should be less than 1",
        ),
        ({"multipleOf": 2}, 3, "Invalid value: 3: x in body should be a multiple of 2"),
        (
            {"multipleOf": 2},
            10**17 + 1,
            "Invalid value: 100000000000000001: x in body should be a multiple of 2",
        ),
        (
            {"multipleOf": 0.1},
            0.25,
            "Invalid value: 0.25: x in body should be a multiple of 0.1",
        ),
        ({"minItems": 1}, [], "Invalid value: 0: x in body should have at least 1 items"),
        ({"maxItems": 1}, [1, 2], "Too many: 2: must have at most 1 items"),
        ({"minProperties": 1}, {}, "Invalid value: 0: x in body should have at least 1 properties"),
        ({"maxProperties": 0}, {"a": 1}, "Too many: 1: must have at most 0 items"),
        (
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            'Invalid value: "": "x" must validate at least one schema (anyOf)',
        ),
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            (
                'Invalid value: "": "x" must validate one and only one schema (oneOf). '
                "Found none valid"
            ),
        ),
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": 1, "b": 1},
            (
                'Invalid value: "": "x" must validate one and only one schema (oneOf). '
                "Found 2 valid alternatives"
            ),
        ),
        (
            {"not": {"required": ["a"]}},
            {"a": 1},
            'Invalid value: "": "x" must not validate the schema (not)',
        ),
    ],
)
def test_a_fault_reads_as_on_a_real_server(
    schema: dict[str, Any], value: Any, message: str
) -> None:
    """Scripts and people compare these texts with those of a cluster."""
    assert faults(value, schema) == [f"x: {message}"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 3.0),
        ({"type": "number"}, 3),
        ({"type": "string", "nullable": True}, None),
        ({"x-kubernetes-int-or-string": True}, "50%"),
        ({"x-kubernetes-int-or-string": True}, 50),
        ({"type": "string", "format": "date-time"}, "2026-11-28T03:04:05Z"),
        ({"type": "string", "format": "a new one"}, "whatever"),
        # RE2 has classes that Python's module does not know.
        ({"type": "string", "pattern": r"\pN(?<a"}, "whatever"),
        ({}, [{"any": "thing"}]),
    ],
)
def test_what_a_real_server_takes_is_taken(schema: dict[str, Any], value: Any) -> None:
    """Istio's own objects would be refused."""
    assert faults(value, schema) == []


def test_faults_name_the_place_in_lists_and_maps() -> None:
    """An author of a long route would have to guess which."""
    schema = {
        "type": "object",
        "properties": {"list": {"type": "array", "items": {"type": "object", "required": ["a"]}}},
        "additionalProperties": {"type": "integer"},
    }
    assert faults({"list": [{"a": 1}, {}], "key": "b"}, schema) == [
        "x.list[1].a: Required value",
        'x.key: Invalid value: "string": x.key in body must be of type integer: "string"',
    ]


def test_sets_and_keyed_lists_have_no_duplicates() -> None:
    """Server-side apply could not tell the items apart."""
    a_set = {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT}
    keyed = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object"},
    }
    assert faults(["a", "b", "a"], a_set) == ['x[2]: Duplicate value: "a"']
    assert faults([{"name": "a"}, {"name": "a", "b": 1}], keyed) == [
        'x[1]: Duplicate value: {"name":"a"}'
    ]


def test_unknown_fields_go_except_where_they_are_kept() -> None:
    """A schema says for each level whether it is complete."""
    schema = {
        "type": "object",
        "properties": {
            "closed": {"type": "object", "properties": {"a": TEXT}},
            "open": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {"closed": {"type": "object"}},
            },
            "template": {
                "type": "object",
                "x-kubernetes-embedded-resource": True,
                "properties": {"spec": {"type": "object"}},
            },
            "map": {"type": "object", "additionalProperties": {"type": "object"}},
        },
    }
    obj = {
        "apiVersion": "v",
        "kind": "k",
        "metadata": {"name": "n"},
        "closed": {"a": "1", "b": 1},
        "open": {"any": {"thing": 1}, "closed": {"x": 1}},
        "template": {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": 1}, "y": 1},
        "map": {"one": {"x": 1}},
        "other": 1,
    }
    pruned, unknown = structural.prune(obj, schema)

    assert unknown == [
        "closed.b",
        "map.one.x",
        "open.closed.x",
        "other",
        "template.spec.x",
        "template.y",
    ]
    assert pruned == {
        "apiVersion": "v",
        "kind": "k",
        "metadata": {"name": "n"},
        "closed": {"a": "1"},
        "open": {"any": {"thing": 1}, "closed": {}},
        "template": {"kind": "Pod", "metadata": {"name": "p"}, "spec": {}},
        "map": {"one": {}},
    }


def test_defaults_come_wherever_their_parent_is() -> None:
    """A default of a field deep within is one of the object only if what holds it is there."""
    inner = {"type": "object", "properties": {"b": {"type": "integer", "default": 2}}}
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "object", "default": {}, "properties": inner["properties"]},
            "list": {"type": "array", "items": inner},
            "absent": inner,
            "null": {"type": "string", "nullable": True, "default": "x"},
        },
        "additionalProperties": inner,
    }
    given_: dict[str, Any] = {"list": [{}, {"b": 1}], "null": None, "more": {}}

    assert structural.fill(given_, schema) == {
        "a": {"b": 2},
        "list": [{"b": 2}, {"b": 1}],
        "null": None,
        "more": {"b": 2},
    }
    assert given_ == {"list": [{}, {"b": 1}], "null": None, "more": {}}


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "integer", "boolean", "number"]),
        "nullable": st.booleans(),
        "x-kubernetes-preserve-unknown-fields": st.booleans(),
        "enum": st.lists(LEAVES, min_size=1, max_size=2),
        "required": st.lists(st.sampled_from("abc"), max_size=2),
    },
)
SCHEMAS = st.recursive(
    KEYWORDS,
    lambda inner: st.tuples(
        KEYWORDS,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                "items": inner,
                "additionalProperties": inner,
                "not": inner,
                "anyOf": st.lists(inner, min_size=1, max_size=2),
            },
        ),
    ).map(lambda pair: {**pair[0], **pair[1]}),
    max_leaves=5,
)


@pytest.mark.parametrize(("step", "value"), [(0.1, 0.3), (0.01, 1.13), (2, 4), (0.5, 2)])
def test_multiples_of_a_fraction_are_found(step: float, value: float) -> None:
    """A weight of 0.3 would be refused by a schema that asks for tenths."""
    assert faults(value, {"type": "number", "multipleOf": step}) == []


@given(st.dictionaries(st.sampled_from("abc"), VALUES), SCHEMAS)
def test_whatever_is_written_meets_the_schema_without_a_traceback(
    obj: dict[str, Any], schema: dict[str, Any]
) -> None:
    """A strange object would end in an error of the server; pruning twice would drop more."""
    pruned, _ = structural.prune(obj, schema)

    assert structural.prune(pruned, schema) == (pruned, [])
    filled = structural.fill(pruned, schema)
    assert structural.fill(filled, schema) == filled
    for one in structural.check(filled, schema):
        assert one.message
