"""Tests of what is refused as JSON, in Go's words, and of what Python would take and Go not."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.decoder import Malformed, decode

END = "unexpected end of JSON input"
KEY = "looking for beginning of object key string"
VALUE = "looking for beginning of value"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", END),
        (" ", END),
        ("[", END),
        ("[1", END),
        ("[1,", END),
        ("{", END),
        ('{"a"', END),
        ('{"a":', END),
        ('{"a":1', END),
        ('{"a":1,', END),
        ('"a', END),
        ("{,}", f"invalid character ',' {KEY}"),
        ('{"a":1,}', f"invalid character '}}' {KEY}"),
        ("{1:2}", f"invalid character '1' {KEY}"),
        ('{"a"}', "invalid character '}' after object key"),
        ('{"a":1]', "invalid character ']' after object key:value pair"),
        ("[1}", "invalid character '}' after array element"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[,]", f"invalid character ',' {VALUE}"),
        ("[]]", "invalid character ']' after top-level value"),
        ("1 x", "invalid character 'x' after top-level value"),
        ("'a'", f"invalid character '\\'' {VALUE}"),
        ("é", f"invalid character 'Ã' {VALUE}"),
        ("NaN", f"invalid character 'N' {VALUE}"),
        ("Infinity", f"invalid character 'I' {VALUE}"),
        ("nul", "invalid character ' ' in literal null (expecting 'l')"),
        ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ('fals"', "invalid character '\"' in literal false (expecting 'e')"),
        ("-Infinity", "invalid character 'I' in numeric literal"),
        ("-", "invalid character ' ' in numeric literal"),
        ("01", "invalid character '1' after top-level value"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1e", "invalid character ' ' in exponent of numeric literal"),
        ("1e+", "invalid character ' ' in exponent of numeric literal"),
        ("1.5E-x", "invalid character 'x' in exponent of numeric literal"),
        ('"\n"', "invalid character '\\n' in string literal"),
        ('"\\x"', "invalid character 'x' in string escape code"),
        ('"\\', "invalid character ' ' in string escape code"),
        ('"\\u12', "invalid character ' ' in \\u hexadecimal character escape"),
        ('"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"),
        ("1e999", "json: cannot unmarshal number 1e999 into Go value of type float64"),
        ("[-1e999]", "json: cannot unmarshal number -1e999 into Go value of type float64"),
        ("1e999 x", "invalid character 'x' after top-level value"),
        ("[" * 501, "exceeded max depth"),
    ],
)
def test_what_is_not_json_is_refused_in_gos_words(text: str, words: str) -> None:
    """The author of a template would get Python's words, with another place in them."""
    with pytest.raises(Malformed) as caught:
        decode(text)
    assert str(caught.value) == words


def test_half_a_surrogate_pair_is_replaced_everywhere() -> None:
    """The rendering would end with a text that cannot be written."""
    text = r'{"\ud800": ["\udc00x", {"a": "\ud83d\ude00"}]}'
    assert decode(text) == {"\ufffd": ["\ufffdx", {"a": "\U0001f600"}]}


def test_numbers_are_all_float64() -> None:
    """``{{typeOf}}`` of a number of JSON would be int, and arithmetic another."""
    assert [type(item) for item in decode("[1, -0, 1.5, 1e3]")] == [float] * 4
    assert decode(str((1 << 53) + 1)) == float(1 << 53)


PIECES = st.sampled_from(
    [
        *'{}[],:"',
        '"a"',
        "1",
        "-1.5e3",
        "true",
        "false",
        "null",
        " ",
        "\n",
        r'"\u00e9"',
        r'"\n"',
        "é",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
@example('{"a":1,"a":[2]}')
def test_python_and_go_agree_on_what_is_json(text: str) -> None:
    """A text would be refused without a reason, or read with one."""
    try:
        expected = json.loads(text, parse_int=float)
    except ValueError:
        with pytest.raises(Malformed, match=r"invalid character|unexpected end"):
            decode(text)
    else:
        assert decode(text) == expected
