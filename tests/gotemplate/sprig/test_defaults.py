"""Defaults, choices and kinds of values.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ("{{typeOf nil}}", "<nil>"),
    ("{{kindOf nil}}", "invalid"),
    ("{{default 1}}", "1"),
    ('{{default "a" nil "b"}}', "a"),
    ("{{coalesce}}", "<no value>"),
    ("{{all}}", "true"),
    ("{{any}}", "false"),
    ('{{typeIs "int" 1}}', "true"),
    ('{{typeIsLike "semver.Version" (semver "1.2.3")}}', "true"),
    ('{{kindIs "map" dict}}', "true"),
    ("{{hello}}", "Hello!"),
    ("{{hello | upper}}", "HELLO!"),
    ('{{ternary "a" "b" true}}', "a"),
    ('{{ternary "a" "b" false}}', "b"),
    ('{{default "x" (list)}}', "x"),
    ('{{coalesce 0 nil "" "z"}}', "z"),
    ('{{all 1 true "x"}}', "true"),
    ("{{any 0 nil 2}}", "true"),
    ("{{empty 0.0}}", "true"),
    ('{{kindOf "x"}}', "string"),
    ("{{kindOf 1.5}}", "float64"),
    ("{{typeOf 1.5}}", "float64"),
    ('{{kindIs "slice" list}}', "true"),
    ('{{typeIs "string" "x"}}', "true"),
    ('{{typeIsLike "string" "x"}}', "true"),
)
FAILURES = (('{{fail "a" }}', "a"),)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_defaults_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break every template with an optional value."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_defaults_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected
