"""Texts as sprig cuts, joins, wraps and quotes them.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{deepEqual (splitList "," "a") (list "a")}}', "false"),
    ('{{substr 0 -1 "日本"}}', "日本"),
    ('{{substr 3 6 "日本"}}', "本"),
    ("{{sortAlpha 5}}", "[5]"),
    ("{{sortAlpha nil}}", "[<nil>]"),
    ("{{toStrings nil}}", "[]"),
    ("{{toStrings 5}}", "[5]"),
    ('{{join "," (list 1 nil 2.5)}}', "1,2.5"),
    ('{{join "," nil}}', ""),
    ('{{toStrings (list 1 nil "x")}}', "[1 x]"),
    ('{{sortAlpha (list 3 20 "a" nil "Z")}}', "[20 3 Z a]"),
    ("{{typeOf (sortAlpha list)}}", "[]string"),
    ('{{abbrevboth 5 10 "1234 5678 9123"}}', "...5678..."),
    ('{{abbrevboth 0 5 "1234 5678 9123"}}', "12..."),
    ('{{abbrevboth 5 6 "123456789"}}', "123456789"),
    ('{{abbrevboth -1 5 "1234 5678 9123"}}', "12..."),
    ('{{abbrevboth 20 8 "1234 5678 9123"}}', "... 9123"),
    ('{{abbrevboth 0 3 "12345"}}', "12345"),
    ('{{abbrevboth 5 7 "1234 5678 9123"}}', "...5..."),
    ('{{abbrev 3 "abcdef"}}', "abcdef"),
    ('{{abbrev 4 "abcdef"}}', "a..."),
    ('{{wrap 5 "hello  brave new world"}}', "hello\nbrave\nnew\nworld"),
    ('{{wrapWith 5 "\\t" "Hello Worlddddddddd"}}', "Hello\tWorld\tddddd\tddd"),
    ('{{wrap 0 "a b"}}', "a\nb"),
    ('{{wrap 3 " a b c d"}}', "a b\nc d"),
    ('{{wrap 3 "abcdef"}}', "abcdef"),
    ('{{wrap 5 ""}}', ""),
    ('{{wrapWith 3 "" "abcdef g"}}', "abc\ndef\ng"),
    ('{{wrap 80 "x"}}', "x"),
    ('{{wrap 3 "abcdef gh ijklm"}}', "abcdef\ngh\nijklm"),
    ('{{nospace "a b é"}}', "abÃ©"),
    ('{{nospace "aé"}}', "aé"),
    ('{{splitn "," 2 "a,b,c"}}', "map[_0:a _1:b,c]"),
    ('{{splitn "," 0 "a"}}', "map[]"),
    ('{{splitn "" 2 "abc"}}', "map[_0:a _1:bc]"),
    ('{{splitn "" -1 "abc"}}', "map[_0:a _1:b _2:c]"),
    ('{{split "" "ab"}}', "map[_0:a _1:b]"),
    ('{{splitList "" ""}}', "[]"),
    ('{{len (splitList "," "")}}', "1"),
    ('{{typeOf (split "," "a")}}', "map[string]string"),
    ('{{splitn "," 1 "a,b"}}', "map[_0:a,b]"),
    ('{{splitn "" 9 "ab"}}', "map[_0:a _1:b]"),
    ('{{splitn "" 2 ""}}', "map[]"),
    ('{{$l := splitList "," "b,a"}}{{sortAlpha $l}}{{$l}}', "[a b][a b]"),
    ('{{quote "a\\"b\\n" nil 1.5 (list 1 "x")}}', '"a\\"b\\n" "1.5" "[1 x]"'),
    ('{{squote "a" nil 2}}', "'a' '2'"),
    ('{{cat "a" nil 2 "%d"}}', "a 2 %d"),
    ("{{cat}}", ""),
    ('{{cat " a " "b"}}', " a  b"),
    ("{{quote}}", ""),
    ("{{quote nil}}", ""),
    ('{{plural "a" "b" 0}}', "b"),
    ('{{trunc -3 "日本"}}', "本"),
    ('{{trunc 2 "日本" | printf "%q"}}', '"\\xe6\\x97"'),
    ('{{replace "" "-" "ab"}}', "-a-b-"),
    ('{{trimAll "$" "$5$"}}', "5"),
    ('{{trimPrefix "a" "ab"}}', "b"),
    ('{{trim "\\u0085 x\\u2003\\u001f"}}', "x\u2003\x1f"),
    ('{{trunc -10 "abc"}}', "abc"),
    ('{{trunc 0 "abc"}}', ""),
    ('{{trimall "-" "--a-"}}', "a"),
    ('{{hasPrefix "" "a"}}', "true"),
    ('{{repeat 3 "ab"}}', "ababab"),
    ("{{toString 1.0}}", "1"),
    ("{{toString nil}}", "<nil>"),
    ('{{toString (list 1 "a")}}', "[1 a]"),
    ("{{toString true}}", "true"),
    ('{{toString (semver "1.2")}}', "1.2.0"),
    ("{{kindOf (toStrings 1)}}", "slice"),
    ('{{contains "cat" "catch"}}', "true"),
    ('{{hasSuffix "ch" "catch"}}', "true"),
    ('{{nindent 2 "a\\nb"}}', "\n  a\n  b"),
    ('{{trimSuffix "-" "a-"}}', "a"),
    ('{{hasPrefix "ca" "cat"}}', "true"),
    ('{{splitList ", " "a, b"}}', "[a b]"),
    ('{{indent 2 "a\\n\\nb"}}', "  a\n  \n  b"),
    ('{{replace "a" "" "banana"}}', "bnn"),
    ('{{wrapWith 2 "\\xff" "abcdef"}}', "ab\ufffdcd\ufffdef"),
)
FAILURES = (
    ('{{substr 8 3 "hello"}}', "runtime error: slice bounds out of range [8:3]"),
    ('{{substr 8 30 "hello"}}', "runtime error: slice bounds out of range [8:5]"),
    ('{{substr -1 30 "hello"}}', "runtime error: slice bounds out of range [:30] with length 5"),
    ('{{substr -1 -1 "hello"}}', "runtime error: slice bounds out of range [:-1]"),
    ('{{substr 3 2 "hello"}}', "runtime error: slice bounds out of range [3:2]"),
    ('{{repeat -1 "x"}}', "strings: negative Repeat count"),
    ('{{indent -1 "x"}}', "strings: negative Repeat count"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_strings_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break name lengths, indentation or quoting in rendered YAML."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_strings_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


def test_sort_alpha_orders_a_list_of_texts_in_place() -> None:
    """Go sorts the list itself; a template that uses the list afterwards sees that."""
    assert render('{{$l := splitList "," "b,a"}}{{sortAlpha $l}}{{$l}}') == "[a b][a b]"


def test_upper_and_lower_change_one_letter_into_one() -> None:
    """Names would get longer than in Go, where a letter never becomes two."""
    assert render('{{upper "straße ŉ ǆ"}} {{lower "İST"}}') == "STRAßE ŉ Ǆ ist"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            '{{printf "%#v" (list .raw)}} {{last .raw | typeOf}}',
            "[]interface {}{[]uint8{0x68}} uint8",
        ),
        ("{{cat .raw 1}} {{squote .raw}} {{quote .raw}}", "[104] 1 '[104]' \"h\""),
    ],
)
def test_bytes_are_numbers_or_text_as_in_sprig(template: str, expected: str) -> None:
    """A value of a Python caller, or of a YAML file's binary, would print as in no other tool."""
    assert render(template, raw=b"h") == expected
