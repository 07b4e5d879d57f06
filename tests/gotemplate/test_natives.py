"""Tests of the functions that text/template itself has."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.natives import LAZY, NATIVES
from pyload.gotemplate.values import Int64, Ints, StringMap, Strings, Uint8, Uint64, from_utf8

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
BASIC = st.one_of(
    st.tuples(INT64, INT64),
    st.tuples(st.text(max_size=3), st.text(max_size=3)),
    st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    st.tuples(INT64, st.integers(0, (1 << 64) - 1).map(Uint64)),
)


def call(name: str, *arguments: Any) -> Any:
    """Call a function by its name in templates."""
    return NATIVES[name].call(*arguments)


def failure(name: str, *arguments: Any) -> str:
    """Return the words with which a function refuses its arguments."""
    with pytest.raises(Failure) as caught:
        call(name, *arguments)
    return str(caught.value)


def test_each_function_is_known_by_its_own_name() -> None:
    """A template would call another function than the one that it names."""
    assert {name: native.name for name, native in NATIVES.items()} == {
        name: name for name in NATIVES
    }
    assert not LAZY & set(NATIVES)


@given(BASIC)
def test_comparisons_agree_with_each_other(pair: tuple[Any, Any]) -> None:
    """A template would take two branches that exclude each other, or neither."""
    first, second = pair
    less, equal = call("lt", first, second), call("eq", first, second)
    assert (less, equal) == (first < second, first == second)
    assert call("le", first, second) is (less or equal)
    assert call("gt", first, second) is (not (less or equal)) is call("lt", second, first)
    assert call("ge", first, second) is (not less)
    assert call("ne", first, second) is (not equal)


def test_one_of_several_is_enough_to_be_equal() -> None:
    """``{{if eq .type "a" "b"}}`` would look at the first alone."""
    assert call("eq", 3, 1, 2, 3)
    assert not call("eq", 3, 1, 2)
    assert call("eq", "a", "a", 1)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (1, Uint8(1), True),
        (-1, Uint64((1 << 64) - 1), False),
        (Int64(1), 1, True),
        (None, None, True),
        (None, 1, False),
        ("", None, False),
        (None, {}, False),
    ],
)
def test_whole_numbers_and_nil_compare_with_others(first: Any, second: Any, equal: bool) -> None:  # noqa: FBT001
    """A number of JSON could not be compared with one of the template."""
    assert call("eq", first, second) is equal
    assert call("eq", second, first) is equal


@pytest.mark.parametrize(
    ("name", "first", "second", "words"),
    [
        ("eq", 1, "a", "incompatible types for comparison: int and string"),
        ("eq", 1, 1.0, "incompatible types for comparison: int and float64"),
        ("eq", True, 1, "incompatible types for comparison: bool and int"),
        ("lt", 1, 1.0, "incompatible types for comparison: int and float64"),
        ("lt", True, False, "invalid type for comparison"),
        ("lt", 1j, 2j, "invalid type for comparison"),
        ("lt", [], [], "invalid type for comparison"),
        ("lt", None, 1, "invalid type for comparison"),
        ("ne", [1], [1], "non-comparable type [1]: []interface {}"),
        ("eq", {}, [], "non-comparable types map[]: map[string]interface {}, []interface {}: []"),
    ],
)
def test_what_go_cannot_compare_is_refused(name: str, first: Any, second: Any, words: str) -> None:
    """Python would compare anything, and a condition be false that fails in pilot-load."""
    assert failure(name, first, second) == words


def test_a_comparison_with_nothing_is_refused() -> None:
    """It would be false for ever."""
    assert failure("eq", 1) == "missing argument for comparison"


@given(st.binary(max_size=8).map(from_utf8), st.integers(0, 9), st.integers(0, 9))
def test_texts_are_cut_by_bytes(text: str, low: int, high: int) -> None:
    """A name cut to 63 characters may have more bytes than Kubernetes allows."""
    data = text.encode("utf-8", "surrogateescape")
    assert call("len", text) == len(data)
    if low <= high <= len(data):
        assert call("slice", text, low, high) == from_utf8(data[low:high])
    else:
        assert failure("slice", text, low, high).startswith(("index out of", "invalid slice"))
    if low < len(data):
        assert call("index", text, low) == data[low]
        assert type(call("index", text, low)) is Uint8
    else:
        assert failure("index", text, low) == f"index out of range: {low}"


@given(st.lists(st.integers(), max_size=5), st.lists(st.integers(0, 6), max_size=3))
def test_lists_are_cut_like_slices(values: list[int], at: list[int]) -> None:
    """A list would lose an item at an end."""
    bounds = [*at[:1], *at[1:2], *at[2:3]]
    ordered = [(bounds or [0])[0], *bounds[1:], *[len(values)] * (2 - len(bounds[1:]))]
    if max(ordered) <= len(values) and sorted(ordered) == ordered:
        assert call("slice", values, *at) == values[ordered[0] : ordered[1]]
    else:
        assert failure("slice", values, *at).startswith(
            ("index out of range", "invalid slice index")
        )


@pytest.mark.parametrize("values", [Strings("abc"), Ints([1, 2, 3]), b"abc", (1, 2, 3)])
def test_a_part_is_of_the_same_type(values: Any) -> None:
    """``join`` would refuse a part of a list that it takes as a whole."""
    part = call("slice", values, 1)
    assert type(part) is type(values)
    assert list(part) == list(values)[1:]


def test_indexes_lead_into_nested_values() -> None:
    """A key with a dot or a dash could not be reached."""
    data = {"a.b": [{"c": b"xy"}], "s": StringMap(k="v")}
    assert call("index", data, "a.b", 0, "c", 1) == ord("y")
    assert call("index", data, "s", "none") == ""
    assert call("index", data, "none") is None
    assert call("index", data) is data


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("len", (None,), "len of nil pointer"),
        ("len", (3,), "len of type int"),
        ("index", (None, 1), "index of untyped nil"),
        ("index", ({}, "a", "b"), "index of nil pointer"),
        ("index", ({}, None), "value is nil; should be of type string"),
        ("index", ({}, 1), "value has type int; should be string"),
        ("index", ([1], None), "cannot index slice/array with nil"),
        ("index", ([1], "0"), "cannot index slice/array with type string"),
        ("index", ([1], True), "cannot index slice/array with type bool"),
        ("index", ([1], -1), "index out of range: -1"),
        ("index", (3, 1), "can't index item of type int"),
        ("slice", (None,), "slice of untyped nil"),
        ("slice", ([1], 0, 1, 1, 1), "too many slice indexes: 4"),
        ("slice", ({}, 0), "can't slice item of type map[string]interface {}"),
        ("slice", ("a", 0, 1, 1), "cannot 3-index slice a string"),
        ("slice", ([1, 2], 2, 1), "invalid slice index: 2 > 1"),
        ("slice", ([1, 2], 0, 2, 1), "invalid slice index: 2 > 1"),
        ("call", (None,), "call of nil"),
        ("call", (3,), "non-function of type int"),
    ],
)
def test_what_go_refuses_is_refused_in_its_words(
    name: str, arguments: tuple[Any, ...], words: str
) -> None:
    """Users look for the words of the error in Go's documentation."""
    assert failure(name, *arguments) == words


def test_functions_of_the_data_are_called() -> None:
    """Data of a library user could not compute anything."""
    assert call("call", lambda *values: sum(values), 1, 2) == 3


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10))
def test_escaped_text_reads_back(text: str) -> None:
    """An annotation with a quote would end the attribute that it stands in."""
    escaped = call("html", text)
    assert html.unescape(escaped) == html.unescape(text) if "&" not in text else True
    assert not set("<>\"'") & set(escaped)
    assert unquote_plus(call("urlquery", text)) == text
    assert not set("<>\"'=\n") & set(call("js", text).replace("\\'", "").replace('\\"', ""))


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("html", ("<a href='x'>&\0",), "&lt;a href=&#39;x&#39;&gt;&amp;\ufffd"),
        (
            "js",
            ("a'b\"c\\<>&=\n\x7f\u2028é",),
            r"a\'b\"c\\\u003C\u003E\u0026\u003D\u000A" + "\x7f\\u2028é",
        ),
        ("urlquery", ("a b&c/é~",), "a+b%26c%2F%C3%A9~"),
        ("html", (1, "a", 2, 3), "1a2 3"),
        ("print", ("a", 1, 2, "b"), "a1 2b"),
        ("println", ("a", 1), "a 1\n"),
        ("printf", ("%d-%s", 1, "a"), "1-a"),
    ],
)
def test_text_is_made_as_by_go(name: str, arguments: tuple[Any, ...], text: str) -> None:
    """Objects would differ from those of pilot-load in a space or an escape."""
    assert call(name, *arguments) == text


@pytest.mark.parametrize("value", [0, "", [], {}, None, False])
def test_not_is_true_for_what_is_empty(value: Any) -> None:
    """A condition would take another branch than ``if`` does."""
    assert call("not", value)
    assert not call("not", call("not", value))
