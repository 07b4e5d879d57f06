"""JSON, read and written.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.decoder import Malformed, decode
from pyload.gotemplate.sprig.encoder import encode
from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{toRawJson "<&>"}}', '"<&>"'),
    ("{{toPrettyJson (list)}}", "[]"),
    ('{{toPrettyJson (list 1 (dict "a" (list)))}}', '[\n  1,\n  {\n    "a": []\n  }\n]'),
    ('{{toPrettyJson (float64 "inf")}}', ""),
    ('{{fromJson "{"}}', "<no value>"),
    ('{{(fromJson "{\\"a\\":5}").a}}', "5"),
    ('{{typeOf (fromJson "5")}}', "float64"),
    ('{{fromJson "null"}}', "<no value>"),
    ('{{fromJson "[1,2.5,true,null,\\"x\\"]"}}', "[1 2.5 true <nil> x]"),
    ('{{fromJson "\\"\\\\ud83d\\\\ude00\\\\ud800\\""}}', "😀�"),
    ("{{toJson 1e21}}", "1e+21"),
    ("{{toJson 1e-7}}", "1e-7"),
    ("{{toJson 123456789.0}}", "123456789"),
    ('{{toJson "\\u2028\\x01\\b\\"\\\\"}}', '"\\u2028\\u0001\\b\\"\\\\"'),
    ('{{toRawJson (dict "b" "<" "a" (list))}}', '{"a":[],"b":"<"}'),
    (
        '{{toPrettyJson (dict "a" (dict) "b" (list 1 (list 2)))}}',
        '{\n  "a": {},\n  "b": [\n    1,\n    [\n      2\n    ]\n  ]\n}',
    ),
    ('{{mustToRawJson "&"}}', '"&"'),
    ('{{mustToJson (dict "a" nil)}}', '{"a":null}'),
    ("{{mustToPrettyJson 1}}", "1"),
    ('{{toJson "é\\x80"}}', '"é\\ufffd"'),
)
FAILURES = (
    ('{{toRawJson (float64 "nan")}}', "json: unsupported value: NaN"),
    ('{{mustToJson (float64 "nan")}}', "json: unsupported value: NaN"),
    ('{{mustToPrettyJson (float64 "-inf")}}', "json: unsupported value: -Inf"),
    ('{{mustToRawJson (list (float64 "-inf"))}}', "json: unsupported value: -Inf"),
    ('{{mustFromJson "{"}}', "unexpected end of JSON input"),
    ('{{mustFromJson "[1,2"}}', "unexpected end of JSON input"),
    ('{{mustFromJson "{\\"a\\":nul}"}}', "invalid character '}' in literal null (expecting 'l')"),
    ('{{mustFromJson "1 2"}}', "invalid character '2' after top-level value"),
    (
        '{{mustFromJson "{1:2}"}}',
        "invalid character '1' looking for beginning of object key string",
    ),
    ('{{mustFromJson "[1,]"}}', "invalid character ']' looking for beginning of value"),
    ('{{mustFromJson "\\"\\\\x\\""}}', "invalid character 'x' in string escape code"),
    (
        '{{mustFromJson "1e999"}}',
        "json: cannot unmarshal number 1e999 into Go value of type float64",
    ),
    ('{{mustFromJson ""}}', "unexpected end of JSON input"),
    ('{{mustFromJson "-"}}', "invalid character ' ' in numeric literal"),
    ('{{mustFromJson "{\\"a\\" 1}"}}', "invalid character '1' after object key"),
    ('{{mustFromJson "{\\"a\\":1 2}"}}', "invalid character '2' after object key:value pair"),
    (
        '{{mustFromJson "\\"\\\\u12g\\""}}',
        "invalid character 'g' in \\u hexadecimal character escape",
    ),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_jsons_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break annotations and lists that are written as JSON."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_jsons_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.booleans(), st.sampled_from(["", "  "]))
def test_what_is_written_is_read_again(value: Any, html: bool, indent: str) -> None:  # noqa: FBT001
    """A value in an annotation would come back as another one."""
    text = encode(value, html=html, indent=indent)
    assert decode(text) == value
    assert json.loads(text, parse_int=float) == value


@given(st.text(alphabet='{}[]",:\\nutrfalse0123456789.eE+- \n'))
def test_a_text_is_read_as_python_reads_it_or_refused(text: str) -> None:
    """A text that is no JSON would become a value, or raise something else."""
    try:
        expected = json.loads(text, parse_int=float, parse_constant=_refuse)
    except ValueError:
        with pytest.raises(Malformed):
            decode(text)
        return
    if "e" in text.lower() and any(map(math.isinf, _numbers(expected))):
        return
    assert decode(text) == expected


def _refuse(name: str) -> None:
    raise ValueError(name)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, float):
        return [value]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    return []


def test_a_map_that_contains_itself_is_not_written() -> None:
    """The program would run out of stack."""
    template = '{{$d := dict}}{{$_ := set $d "a" $d}}{{mustToJson $d}}'
    expected = "json: unsupported value: encountered a cycle via map[string]interface {}"
    assert failure(template) == expected
    assert render(template.replace("must", "").replace("ToJson", "toJson")) == ""


@pytest.mark.parametrize("depth", [600, 100_000])
def test_json_that_nests_too_deeply_is_refused(depth: int) -> None:
    """The program would run out of stack."""
    assert failure("{{mustFromJson .text}}", text="[" * depth) == "exceeded max depth"
    assert render("{{fromJson .text}}", text="[" * depth) == "<no value>"
