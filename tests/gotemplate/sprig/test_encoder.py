"""Tests of writing JSON as Go does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_TEXT
from pyload.gotemplate.nils import NilMap
from pyload.gotemplate.sprig.certificates import Pair
from pyload.gotemplate.sprig.encoder import Unsupported, encode
from pyload.gotemplate.sprig.gotime.instant import Span, Time
from pyload.gotemplate.values import MISSING, Int64, Lists, Strings


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (MISSING, "null"),
        (NilMap(), "null"),
        (True, "true"),
        (Int64(-5), "-5"),
        (1 << 62, "4611686018427387904"),
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (b"\x00\xff", '"AP8="'),
        ("a\u2028\x7f\x00\t", '"a\\u2028\x7f\\u0000\\t"'),
        ("\ud800", '"\\ufffd"'),
        ("<a&b>", '"\\u003ca\\u0026b\\u003e"'),
        ({"b": 1, "a": {}, "é": []}, '{"a":{},"b":1,"é":[]}'),
        (Strings("ab"), '["a","b"]'),
        (Lists([[1]]), "[[1]]"),
        (Span(1_500), "1500"),
        (Time(0), '"1970-01-01T00:00:00Z"'),
        (Pair("c", "k"), '{"Cert":"c","Key":"k"}'),
    ],
)
def test_values_are_written_as_by_go(value: Any, text: str) -> None:
    """An annotation would differ from that of pilot-load, and the object be written again."""
    assert encode(value) == text


def test_marks_of_html_stay_if_asked() -> None:
    """A URL with parameters could not be read in ``toRawJson``."""
    assert encode("<a&b>", html=False) == '"<a&b>"'


def test_lines_are_indented_by_depth() -> None:
    """``toPrettyJson`` would not be pretty."""
    assert encode({"a": [1, {"b": []}]}, indent="  ").splitlines() == [
        "{",
        '  "a": [',
        "    1,",
        "    {",
        '      "b": []',
        "    }",
        "  ]",
        "}",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "json: unsupported value: NaN"),
        ([float("inf")], "json: unsupported value: +Inf"),
        (1j, "json: unsupported type: complex128"),
        ({"a": len}, "json: unsupported type: func()"),
    ],
)
def test_what_json_cannot_hold_is_refused_in_gos_words(value: Any, words: str) -> None:
    """The text would be no JSON, and fail where nobody knows its source."""
    with pytest.raises(Unsupported) as caught:
        encode(value)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("inner", "kind"), [([], "[]interface {}"), ({}, "map[string]interface {}")]
)
def test_a_value_within_itself_is_refused(inner: Any, kind: str) -> None:
    """The program would run out of stack."""
    if isinstance(inner, list):
        inner.append(inner)
    else:
        inner["a"] = inner
    with pytest.raises(Unsupported) as caught:
        encode(inner)
    assert str(caught.value) == f"json: unsupported value: encountered a cycle via {kind}"


def test_a_text_that_is_too_long_is_refused() -> None:
    """A list that holds one text many times would fill the memory."""
    with pytest.raises(Failure, match=f"longer than {MAX_TEXT}"):
        encode(["x" * (MAX_TEXT // 4)] * 4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 62), 1 << 62) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    st.sampled_from(["", " "]),
)
def test_python_reads_what_is_written(value: Any, indent: str) -> None:
    """A controller that reads an annotation would find another value."""
    assert json.loads(encode(value, indent=indent)) == value
