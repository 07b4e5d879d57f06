"""What stands between RE2 and sprig's functions, against Go's ``regexp``.

The expected texts and errors are those of Go 1.26.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.gotemplate.sprig.patterns import PatternError, TooMuchWork, compiled


@given(st.text(alphabet="ab(){}[]|*+?.\\^$,019PpQEdwz<>:i-=!", max_size=16), st.text(max_size=9))
def test_any_pattern_is_run_or_refused(pattern: str, text: str) -> None:
    """A template's mistake would end the program."""
    with contextlib.suppress(PatternError, TooMuchWork):
        regex = compiled(pattern)
        regex.find(text)
        regex.split(text, -1)
        regex.replace_all(text, "<$0$1>", literal=False)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
@settings(max_examples=50)
def test_splitting_at_nothing_gives_the_characters(text: str) -> None:
    """Lists that are split in this way would have empty items, or parts of characters."""
    assert compiled("").split(text, -1) == list(text)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
@settings(max_examples=50)
def test_a_quoted_text_matches_itself(text: str) -> None:
    """Texts of users in patterns would be taken for operators."""
    plain = text.replace(r"\E", "")
    assert compiled(r"\Q" + plain + r"\E").find(plain) == plain


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
        ("x(?<=a>b)", "invalid named capture: `(?<=a>`"),
        ("(?P<1-a>b)", "invalid named capture: `(?P<1-a>`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"a\\\C", r"invalid escape sequence: `\C`"),
        (r"[\C]", r"invalid escape sequence: `\C`"),
        (r"\xg0", r"invalid escape sequence: `\xg0`"),
        ("\\", "trailing backslash at end of expression: ``"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        ("\udcff", "invalid UTF-8: `\udcff`"),
    ],
)
def test_what_go_refuses_is_refused_in_its_words(pattern: str, expected: str) -> None:
    """A mistake would be told in words that no search for them finds."""
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert str(caught.value) == f"error parsing regexp: {expected}"


@pytest.mark.parametrize("pattern", ["((a{900}b{900}){1})" * 400, "a" * 70_000, r"\pL{1000}"])
def test_too_large_a_pattern_is_refused(pattern: str) -> None:
    """One line of a config would take all memory."""
    with pytest.raises(PatternError, match=r"^error parsing regexp: expression too large: `"):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(?i)straSSe", "STRASSE", "STRASSE"),
        ("(?i)k", "\u212a", "\u212a"),
        ("(?i)[^k]", "K\u212ax", "x"),
        (r"\pN+", "a1½b", "1½"),
        (r"\P{L}+", "a1-b", "1-"),
        (r"[\p{Lu}\d]+", "aÉ7b", "É7"),
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
        (r"\\C", r"\C", r"\C"),
        (r"\Q\C\E", r"\C", r"\C"),
        ("[ab]{2}|a", "1 aba", "ab"),
        (r"\W\b.", "ab -b", "-b"),
        ("é|.$", "xé", "é"),
    ],
)
def test_the_syntax_means_what_it_means_in_go(
    pattern: str, text: str, expected: str | None
) -> None:
    """A template that works in pilot-load would give something else."""
    assert compiled(pattern).find(text) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "replacement", "expected"),
    [
        ("a*", "baac", "-", "-b-c-"),
        ("a*?", "baac", "-", "-b-a-a-c-"),
        ("x*", "éxé", "-", "-é-é-"),
        (r"\B", "aéb é", "-", "aéb -é-"),
        ("a|b|", "abcab", "-", "--c--"),
        ("(?m)$", "a\nb", "-", "a-\nb-"),
        ("b*", "abb", "-", "-a-"),
        ("", "aéü", "<$0>", "<>a<>é<>ü<>"),
        ("(a)", "a", "$1x ${1}x $01 $9 $0", " ax   a"),
        ("a", "a", "$", "$"),
        ("a", "a", "${", "${"),
        ("(a)", "a", "$$1${1}$", "$1a$"),
        ("(?P<n>a)|b", "ab", "[$n$1]", "[aa][]"),
    ],
)
def test_successive_matches_are_replaced_as_in_go(
    pattern: str, text: str, replacement: str, expected: str
) -> None:
    """A template that works in pilot-load would give something else."""
    assert compiled(pattern).replace_all(text, replacement, literal=False) == expected


def test_bytes_that_are_no_text_are_kept() -> None:
    """Binary data would be changed where nothing was replaced."""
    assert compiled("a").replace_all("\udcffa\udc80", "b", literal=True) == "\udcffb\udc80"


def test_a_wrong_pattern_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    """RE2 would write it to standard error too, between the lines of the report."""
    with pytest.raises(PatternError):
        compiled("(")
    assert capfd.readouterr().err == ""


@pytest.mark.process
def test_only_a_template_with_patterns_imports_their_library() -> None:
    """Every run would start slower for the sake of a few."""
    code = (
        "import sys; from tests.gotemplate.sprig.support import render; render('{{upper `a`}}'); "
        "print(sorted({'bcrypt', 'cryptography', 're2'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=15
    )
    assert done.stdout.strip() == "[]"
