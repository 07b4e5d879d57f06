"""The engine under the regular expressions, against Python's where both mean the same."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.re2.machine import TooMuchWork, compiled
from pyload.gotemplate.sprig.re2.syntax import PatternError

# What a pattern may consist of so that both engines read it alike. A repeated part must not match
# nothing: there Python's priorities differ from Go's.
ATOM = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", "(?:ab|a)", "(a|b)"])
SUFFIX = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "{1,2}", "{2}"])
PIECE = st.builds(str.__add__, ATOM, SUFFIX)
PATTERN = st.lists(PIECE | st.sampled_from(["|", "^", r"\b"]), min_size=1, max_size=6).map("".join)


@given(PATTERN, st.text(alphabet="ab1 -\n", max_size=12))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    """Templates would match or replace other parts of a text than in Go."""
    try:
        expected = re.search(pattern, text, re.ASCII)
    except re.error:
        return
    assert compiled(pattern).find(text) == (expected[0] if expected else None)


@given(st.text(alphabet="ab(){}[]|*+?.\\^$,019PpQEdwz<>:i-=!", max_size=16), st.text(max_size=9))
def test_any_pattern_is_run_or_refused(pattern: str, text: str) -> None:
    """A template's mistake would end the program."""
    with contextlib.suppress(PatternError, TooMuchWork):
        regex = compiled(pattern)
        regex.find(text)
        regex.split(text, -1)
        regex.replace_all(text, "<$0$1>", literal=False)


@given(st.text(alphabet="ab", max_size=30))
def test_splitting_at_nothing_gives_the_characters(text: str) -> None:
    """Lists that are split in this way would have empty items."""
    assert compiled("").split(text, -1) == (list(text) or [""])


@given(st.text(max_size=20))
def test_a_quoted_text_matches_itself(text: str) -> None:
    """Texts of users in patterns would be taken for operators."""
    valid = text.encode("utf-8", "ignore").decode()
    literal = r"\Q" + valid.replace(r"\E", "") + r"\E"
    assert compiled(literal).find(valid.replace(r"\E", "")) == valid.replace(r"\E", "")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(", "missing closing ): `(`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:word:]", "missing closing ]: `[[:word:]`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){100}", "invalid repeat count: `{100}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<!a)", "invalid named capture: `(?<!a)`"),
        ("(?P<1-a>b)", "invalid named capture: `(?P<1-a>`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\xg0", r"invalid escape sequence: `\xg0`"),
        ("\\", "trailing backslash at end of expression: ``"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        ("(" * 200 + ")" * 200, "expression nests too deeply"),
        ("((a{900}b{900}){1})" * 60, "expression too large"),
    ],
)
def test_what_re2_refuses_is_refused_in_its_words(pattern: str, expected: str) -> None:
    """Lookaround and backreferences would work here, and fail in pilot-load."""
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(?i)straSSe", "STRASSE", "STRASSE"),
        ("(?i)k", "\u212a", "\u212a"),
        ("(?i)[^k]", "K\u212ax", "x"),
        (r"\pN+", "a1½b", "1½"),
        (r"\P{L}+", "a1-b", "1-"),
        (r"[\p{Lu}\d]+", "aÉ7b", "É7"),
        (r"\p{Letter}+", "1ab", "ab"),
        (r"\p{^Lu}+", "Ab", "b"),
        (r"\pC", "a\x00", "\x00"),
        (r"\x41\x{1F600}\101", "A😀A", "A😀A"),
        ("(?s:a.b).", "a\nb\n", None),
        ("(?U)a+", "aaa", "a"),
        ("(?U)a+?", "aaa", "aaa"),
        ("(?m)^b$", "a\nb\nc", "b"),
        ("b$", "b\n", None),
        (r"b\z", "ab", "b"),
        ("a{,2}", "aa{,2}", "a{,2}"),
        ("a{0,1}b", "aab", "ab"),
        ("(|a)+", "aaa", ""),
        ("[]a]+", "x]a", "]a"),
        ("[a-]+", "-a", "-a"),
        ("[[:^digit:]]+", "1ab2", "ab"),
        ("a{0}b", "ab", "b"),
    ],
)
def test_the_syntax_means_what_it_means_in_go(
    pattern: str, text: str, expected: str | None
) -> None:
    """A template that works in pilot-load would give something else."""
    assert compiled(pattern).find(text) == expected
