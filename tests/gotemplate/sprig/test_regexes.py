"""Regular expressions, in the syntax and with the errors of Go.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{regexFindAll "x" "y" -1 | toJson}}', "null"),
    ('{{regexSplit "x" "y" 0 | toJson}}', "null"),
    ('{{regexSplit "" "" -1 | toJson}}', "[]"),
    ('{{regexMatch "(" "x"}}', "false"),
    ('{{regexQuoteMeta "a.b[c]-é\\\\"}}', "a\\.b\\[c\\]-é\\\\"),
    ('{{regexReplaceAll "a(?P<n>.)" "abac" "${n}$1$x-$$"}}', "bb-$cc-$"),
    ('{{regexSplit "," "a,b,c" 2}}', "[a b,c]"),
    ('{{typeOf (regexSplit "," "a" -1)}}', "[]string"),
    ('{{mustRegexFindAll "a" "aaa" 2}}', "[a a]"),
    ('{{regexFind "z" "a"}}', ""),
    ('{{mustRegexFind "a." "xab"}}', "ab"),
    (
        '{{regexMatch "^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\\\.[A-Za-z]{2,}$" "test@acme.com"}}',
        "true",
    ),
    ('{{regexFindAll "[2,4,6,8]" "123456789" -1}}', "[2 4 6 8]"),
    ('{{regexFindAll "a*" "baac" -1}}', "[ aa ]"),
    ('{{regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W"}}', "-W-xxW-"),
    ('{{regexReplaceAll "a(x*)b" "-ab-axxb-" "$1W"}}', "---"),
    (
        '{{regexReplaceAll "(?P<first>\\\\w+) (?P<last>\\\\w+)" "ann lee" "$last, ${first}"}}',
        "lee, ann",
    ),
    ('{{regexReplaceAll "" "abc" "-"}}', "-a-b-c-"),
    ('{{regexReplaceAllLiteral "a" "banana" "$1"}}', "b$1n$1n$1"),
    ('{{regexSplit "z+" "pizza" -1}}', "[pi a]"),
    ('{{regexSplit "," "" -1}}', "[]"),
    ('{{regexSplit "" "abc" 2}}', "[a bc]"),
    ('{{regexFind "(?i)HELLO" "say hello"}}', "hello"),
    ('{{regexMatch "\\\\z" "x"}}', "true"),
    ('{{regexFind "(?s).+" "a\\nb"}}', "a\nb"),
    ('{{regexFind "[[:alpha:]]+" "12ab"}}', "ab"),
    ('{{regexFind "\\\\p{Lu}+" "abÉÀc"}}', "ÉÀ"),
    ('{{regexFind "a|ab" "ab"}}', "a"),
    ('{{regexFind "(?U)a+" "aaa"}}', "a"),
    ('{{regexFind "\\\\Qa.b\\\\E" "axb a.b"}}', "a.b"),
    ('{{mustRegexMatch "a" "ba"}}', "true"),
    ('{{mustRegexReplaceAll "b" "abc" "[$0]"}}', "a[b]c"),
    ('{{mustRegexReplaceAllLiteral "b" "abc" "$0"}}', "a$0c"),
    ('{{mustRegexSplit "b" "abc" -1}}', "[a c]"),
    ('{{regexQuoteMeta "a+b\\\\$"}}', "a\\+b\\\\\\$"),
    ('{{regexFindAll "x" "y" -1}}', "[]"),
    ('{{regexFind "\\\\bfoo\\\\b" "a foo."}}', "foo"),
    ('{{regexFind "(?m)^b$" "a\\nb"}}', "b"),
)
FAILURES = (
    ('{{regexFind "(" "x"}}', "regexp: Compile(`(`): error parsing regexp: missing closing ): `(`"),
    (
        '{{regexFind "(`" "x"}}',
        'regexp: Compile("(`"): error parsing regexp: missing closing ): `(``',
    ),
    (
        '{{regexFind "(?=x)" "x"}}',
        (
            "regexp: Compile(`(?=x)`): error parsing regexp: invalid or u"
            "nsupported Perl syntax: `(?=`"
        ),
    ),
    (
        '{{regexFind "(a)\\\\1" "aa"}}',
        "regexp: Compile(`(a)\\1`): error parsing regexp: invalid escape sequence: `\\1`",
    ),
    (
        '{{regexFind "a**" "x"}}',
        "regexp: Compile(`a**`): error parsing regexp: invalid nested repetition operator: `**`",
    ),
    (
        '{{regexFind "[a" "x"}}',
        "regexp: Compile(`[a`): error parsing regexp: missing closing ]: `[a`",
    ),
    (
        '{{regexFind "x{1001}" "x"}}',
        "regexp: Compile(`x{1001}`): error parsing regexp: invalid repeat count: `{1001}`",
    ),
    ('{{mustRegexFind "(" "x"}}', "error parsing regexp: missing closing ): `(`"),
    ('{{mustRegexReplaceAll "(" "x" "y"}}', "error parsing regexp: missing closing ): `(`"),
    ('{{mustRegexSplit "[" "x" 1}}', "error parsing regexp: missing closing ]: `[`"),
    (
        '{{mustRegexReplaceAllLiteral "*" "x" "y"}}',
        "error parsing regexp: missing argument to repetition operator: `*`",
    ),
    (
        '{{mustRegexFindAll "+" "x" 1}}',
        "error parsing regexp: missing argument to repetition operator: `+`",
    ),
    (
        '{{mustRegexMatch "?" "x"}}',
        "error parsing regexp: missing argument to repetition operator: `?`",
    ),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_regexes_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that match or replace text."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_regexes_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


def test_a_pattern_that_makes_other_engines_hang_does_not() -> None:
    """One line of a config would stop the program for years."""
    text = "a" * 5_000
    assert render(f'{{{{regexMatch "^(a+)+$" "{text}b"}}}}') == "false"
    assert render(f'{{{{regexFind "(a|aa)+$" "{text}"}}}}') == text


def test_too_large_a_pattern_on_too_large_a_text_is_an_error() -> None:
    """Linear time is long too, if both are large."""
    template = '{{regexMatch "(x?y?z?){300}$" (repeat 500000 "xyz")}}'
    assert failure(template) == "regexp: matching `(x?y?z?){300}$` takes too long"


def test_too_many_searches_in_too_large_a_text_are_an_error() -> None:
    """Each of them may go through the whole text: the template would take hours."""
    template = '{{regexFindAll "x" (repeat 10000000 "x") -1}}'
    assert failure(template) == "regexp: matching `x` takes too long"
