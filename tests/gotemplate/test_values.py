"""Tests of the Go types of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate import parse
from pyload.gotemplate.fmt import show
from pyload.gotemplate.values import (
    MISSING,
    Int8,
    Int16,
    Int64,
    Ints,
    Lists,
    Object,
    StringMap,
    Strings,
    Uint,
    Uint16,
    Uint32,
    from_utf8,
    kind_of,
    type_of,
    utf8,
)


class Version(Strings):
    """A type derived from one of Go's."""


class Environment(Mapping[str, Any]):
    """A map that is no dict."""

    def __getitem__(self, key: str) -> Any:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


class Thing:
    """What Go has no type for."""

    def __str__(self) -> str:
        return "a thing"


@pytest.mark.parametrize(
    ("value", "name", "kind"),
    [
        (MISSING, "<nil>", "invalid"),
        (None, "<nil>", "invalid"),
        (True, "bool", "bool"),
        (1, "int", "int"),
        (1.0, "float64", "float64"),
        (1j, "complex128", "complex128"),
        ("a", "string", "string"),
        (b"a", "[]uint8", "slice"),
        ([1], "[]interface {}", "slice"),
        ((1,), "[]interface {}", "slice"),
        ({"a": 1}, "map[string]interface {}", "map"),
        (Int8(1), "int8", "int8"),
        (Int16(1), "int16", "int16"),
        (Int64(1), "int64", "int64"),
        (Uint(1), "uint", "uint"),
        (Uint16(1), "uint16", "uint16"),
        (Uint32(1), "uint32", "uint32"),
        (Ints([1]), "[]int", "slice"),
        (Lists([[1]]), "[][]interface {}", "slice"),
        (StringMap(a="b"), "map[string]string", "map"),
        (Version(["1"]), "[]string", "slice"),
        (Environment(), "map[string]interface {}", "map"),
        (Object(), "struct {}", "struct"),
        (len, "func()", "func"),
        (Thing(), "*Thing", "ptr"),
    ],
)
def test_knows_the_type_that_go_would_have(value: object, name: str, kind: str) -> None:
    """``typeOf``, ``%T`` and error texts would name a type that Go does not."""
    assert (type_of(value), kind_of(value)) == (name, kind)


def test_truth_is_not_being_empty() -> None:
    """``if`` would take another branch than in Go."""
    full = [True, 1, -1.5, "0", [0], {"": 0}, Object(), 1j, b"0", float("nan")]
    empty = [False, 0, -0.0, "", [], {}, None, MISSING, 0j, b"", Strings()]
    assert [bool(value) for value in full] == [True] * len(full)
    assert [bool(value) for value in empty] == [False] * len(empty)
    assert repr(MISSING) == "<no value>"


@given(st.binary(max_size=20))
def test_every_bytes_are_a_string(data: bytes) -> None:
    """Strings that are no UTF-8 would lose bytes, or end the rendering."""
    assert utf8(from_utf8(data)) == data


def test_lone_surrogates_become_the_replacement_character() -> None:
    """Data with one, as JSON may have, would end the rendering with a traceback."""
    assert utf8("a\ud800\udc80é") == b"a\xef\xbf\xbd\x80\xc3\xa9"


def test_prints_types_that_go_has_not() -> None:
    """Data of a library user would end the rendering with a traceback."""
    data = {
        "e": Environment(),
        "t": Thing(),
        "v": Version(["1", "2"]),
        "l": [Thing(), Environment()],
    }
    text = '{{.e}} {{.t}} {{.v}} {{.l}} {{printf "%#v %d" .e .t}} {{.e.a}}{{range .e}}{{.}}{{end}}'
    assert parse(text).render(data) == (
        "map[a:1] a thing [1 2] [a thing map[a:1]] "
        'map[string]interface {}{"a":1} %!d(*Thing=a thing) 11'
    )
    assert [show(value) for value in (Int64(5), MISSING, None, True)] == [
        "5",
        "<no value>",
        "<no value>",
        "true",
    ]
