"""Tests of printing single values under flags."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_DEPTH, MAX_PARTS, MAX_TEXT
from pyload.gotemplate.nils import NilMap
from pyload.gotemplate.printer import Flags, Printer, sorted_items
from pyload.gotemplate.quoting import unquote
from pyload.gotemplate.values import Int64, Ints, StringMap, Strings, Uint8, from_utf8

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
WIDTH = st.none() | st.integers(0, 30)


def printed(value: Any, verb: str, **flags: Any) -> str:
    """Print a value with a verb and flags."""
    printer = Printer()
    printer.flags = Flags(**flags)
    printer.argument(value, verb)
    return printer.text()


def of_python(value: Any, verb: str, flags: str, width: int | None, precision: int | None) -> str:
    """Print a value as C does, of which Go's verbs are taken."""
    places = "" if precision is None else f".{precision}"
    return str(f"%{flags}{'' if width is None else width}{places}{verb}" % value)


NAMES = {"+": "plus", "-": "minus", " ": "space", "0": "zero"}
FLAGS = st.sets(st.sampled_from(sorted(NAMES))).map(lambda signs: "".join(sorted(signs)))


@given(INT64, st.sampled_from("dxXo"), FLAGS, WIDTH)
def test_whole_numbers_are_printed_as_by_c(
    value: int, verb: str, flags: str, width: int | None
) -> None:
    """Names with a number in them would have other widths than in pilot-load."""
    chosen = {NAMES[sign]: True for sign in flags}
    assert printed(value, verb, width=width, **chosen) == of_python(value, verb, flags, width, None)


@given(st.floats(-1e15, 1e15), st.sampled_from("feE"), FLAGS, WIDTH, st.integers(0, 8))
def test_fractions_are_printed_as_by_c(
    value: float, verb: str, flags: str, width: int | None, precision: int
) -> None:
    """A weight or a timeout would be rounded another way."""
    chosen = {NAMES[sign]: True for sign in flags}
    found = printed(value, verb, width=width, precision=precision, **chosen)
    assert found == of_python(value, verb, flags, width, precision)


@given(st.text(max_size=8), WIDTH, st.none() | st.integers(0, 9), st.booleans())
def test_texts_are_cut_and_padded_by_characters(
    text: str,
    width: int | None,
    precision: int | None,
    minus: bool,  # noqa: FBT001
) -> None:
    """A column would be as wide as its bytes are many."""
    found = printed(text, "s", width=width, precision=precision, minus=minus)
    assert found == of_python(text, "s", "-" if minus else "", width, precision)


@given(st.binary(max_size=8))
def test_quoted_texts_read_back(data: bytes) -> None:
    """``%q`` in YAML would be another text."""
    text = from_utf8(data)
    assert unquote(printed(text, "q")) == text
    assert unquote(printed(text, "q", sharp=True)) == text
    assert printed(data, "x") == printed(text, "x") == data.hex()
    assert printed(data, "X", space=True) == " ".join(f"{byte:02X}" for byte in data)


@pytest.mark.parametrize(
    ("value", "verb", "flags", "text"),
    [
        (0, "d", {"precision": 0, "width": 3}, "   "),
        (5, "d", {"precision": 3, "width": 6, "zero": True}, "   005"),
        (8, "o", {"sharp": True}, "010"),
        (8, "O", {}, "0o10"),
        (5, "b", {"sharp": True}, "0b101"),
        (255, "x", {"sharp": True, "zero": True, "width": 8}, "0x000000ff"),
        (0x2713, "U", {"sharp": True}, "U+2713 '✓'"),
        (7, "U", {"sharp": True}, "U+0007"),
        (0x2713, "c", {}, "✓"),
        (0x2713, "q", {"plus": True}, r"'\u2713'"),
        (float("inf"), "f", {"zero": True, "width": 6}, "  +Inf"),
        (float("-inf"), "v", {}, "-Inf"),
        (float("nan"), "f", {"plus": True}, "+NaN"),
        (float("nan"), "f", {"space": True}, " NaN"),
        (1.0, "v", {"sharp_v": True}, "1"),
        (1e6, "v", {}, "1e+06"),
        (1.0, "g", {"sharp": True}, "1.00000"),
        (1e21, "g", {"sharp": True, "precision": 3}, "1.00e+21"),
        (0.0, "g", {"sharp": True}, "0.00000"),
        (2.0, "b", {}, "4503599627370496p-51"),
        (1.0, "x", {}, "0x1p+00"),
        (1 + 2j, "v", {"plus": True}, "(+1+2i)"),
        (-1.5j, "f", {"precision": 1}, "(-0.0-1.5i)"),
        (True, "t", {"width": 6}, "  true"),
        ("a`b", "q", {"sharp": True}, '"a`b"'),
        ("ab", "q", {"sharp": True, "width": 6}, "  `ab`"),
        ("é", "x", {"sharp": True, "precision": 1}, "0xc3"),
        (Uint8(1), "v", {"sharp_v": True}, "0x1"),
        (Int64(1), "T", {}, "int64"),
        ([1, None, "a"], "v", {}, "[1 <nil> a]"),
        ([1, None, "a"], "d", {}, "[1 <nil> %!d(string=a)]"),
        ([1, None, "a"], "v", {"sharp_v": True}, '[]interface {}{1, interface {}(nil), "a"}'),
        (Strings("ab"), "q", {}, '["a" "b"]'),
        (Ints([1, 2]), "d", {"width": 2}, "[ 1  2]"),
        (b"hi", "v", {}, "[104 105]"),
        (b"hi", "v", {"sharp_v": True}, "[]byte{0x68, 0x69}"),
        ([b"hi"], "v", {"sharp_v": True}, "[]interface {}{[]uint8{0x68, 0x69}}"),
        ({"b": 1, "a": 2}, "v", {}, "map[a:2 b:1]"),
        (StringMap(a="b"), "v", {"sharp_v": True}, 'map[string]string{"a":"b"}'),
        (NilMap(), "v", {"sharp_v": True}, "map[string]interface {}(nil)"),
        (None, "v", {"width": 7}, "  <nil>"),
        (None, "d", {}, "%!d(<nil>)"),
        ("a", "d", {}, "%!d(string=a)"),
        (True, "d", {}, "%!d(bool=true)"),
        (1.5, "d", {}, "%!d(float64=1.5)"),
        (1j, "s", {}, "%!s(complex128=(0+1i))"),
        (1, "s", {}, "%!s(int=1)"),
        ([1], "w", {}, "%!w([]interface {}=[1])"),
        (1, "p", {}, "%!p(int=1)"),
    ],
)
def test_values_are_printed_as_by_go(
    value: Any, verb: str, flags: dict[str, Any], text: str
) -> None:
    """``printf`` in a template would make another object than in pilot-load."""
    assert printed(value, verb, **flags) == text


def test_what_go_has_no_type_for_is_printed_as_python_does() -> None:
    """Data of a library user would end in a traceback."""

    class Thing:
        def __str__(self) -> str:
            return "a thing"

    assert printed(Thing(), "v") == printed(Thing(), "s") == "a thing"
    assert printed(Thing(), "d") == "%!d(*Thing=a thing)"


@pytest.mark.parametrize(
    ("value", "flags", "words"),
    [
        ("x" * (MAX_TEXT + 1), {}, f"text of more than {MAX_TEXT} characters"),
        ([0] * MAX_PARTS, {}, f"value of more than {MAX_PARTS} parts"),
    ],
    ids=["text", "parts"],
)
def test_a_value_without_end_is_refused(value: Any, flags: dict[str, Any], words: str) -> None:
    """A template would fill the memory with one action."""
    with pytest.raises(Failure) as caught:
        printed(value, "v", **flags)
    assert str(caught.value) == words


@pytest.mark.parametrize("kind", ["list", "map"])
def test_a_value_within_itself_is_refused(kind: str) -> None:
    """The program would run out of stack."""
    value: Any = []
    if kind == "list":
        value.append(value)
    else:
        value = {}
        value["a"] = value
    with pytest.raises(Failure, match=f"value nested more than {MAX_DEPTH} deep"):
        printed(value, "v")


@given(st.dictionaries(st.integers() | st.text(max_size=2) | st.none(), st.none(), max_size=5))
def test_items_have_an_order_whatever_their_keys(values: dict[Any, None]) -> None:
    """Two renderings of the same data would differ, and the object be written again."""
    backwards = dict(reversed(values.items()))
    assert sorted_items(values) == sorted_items(backwards)
    assert dict(sorted_items(values)) == values
    if all(isinstance(key, str) for key in values):
        assert [key for key, _ in sorted_items(values)] == sorted(values)
