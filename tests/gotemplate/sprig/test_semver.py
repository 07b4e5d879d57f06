"""Versions, their order, and constraints on them.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{typeOf (semver "1.2.3")}}', "*semver.Version"),
    ('{{kindOf (semver "1.2.3")}}', "ptr"),
    ('{{toJson (semver "v1.2")}}', '"1.2.0"'),
    ('{{semver "1.2.3"}}', "1.2.3"),
    ('{{semver "v1.2.3-beta.1+b345"}}', "1.2.3-beta.1+b345"),
    ('{{(semver "1").Patch}}', "0"),
    ('{{(semver "1.2.3").IncMinor}}', "1.3.0"),
    ('{{(semver "1.2.3-rc").IncPatch}}', "1.2.3"),
    ('{{(semver "v1.2").Original}}', "v1.2"),
    ('{{(semver "1.2.3").LessThan (semver "1.3")}}', "true"),
    ('{{(semver "1.0.0-alpha").Compare (semver "1.0.0-alpha.1")}}', "-1"),
    ('{{(semver "1.2.3").SetPrerelease "x.1"}}', "1.2.3-x.1"),
    ('{{(semver "1.2.3").SetMetadata "q"}}', "1.2.3+q"),
    ('{{semverCompare "1.2.3" "1.2.3"}}', "true"),
    ('{{semverCompare "1.2" "1.2.9"}}', "true"),
    ('{{semverCompare "^1.2.0" "1.9.9"}}', "true"),
    ('{{semverCompare "^0.2.3" "0.3.0"}}', "false"),
    ('{{semverCompare "~1.2.3" "1.2.9"}}', "true"),
    ('{{semverCompare "~1" "1.9"}}', "true"),
    ('{{semverCompare ">=1.2, <2 || 3.x" "3.1"}}', "true"),
    ('{{semverCompare "1.2 - 1.4" "1.4.0"}}', "true"),
    ('{{semverCompare ">1.2" "1.2.5"}}', "false"),
    ('{{semverCompare ">=1.0.0" "1.1.0-beta"}}', "false"),
    ('{{semverCompare ">=1.0.0-0" "1.1.0-beta"}}', "true"),
    ('{{semverCompare "!=1.2.x" "1.3"}}', "true"),
    ('{{semverCompare "*" "0.1"}}', "true"),
    ('{{semverCompare "<=1.2" "1.2.9"}}', "true"),
    ('{{semverCompare "=>1.1" "1.1"}}', "true"),
    ('{{semverCompare "~>1.1" "2"}}', "false"),
    ('{{semverCompare "^0" "0.9"}}', "true"),
    ('{{semverCompare "!=1.2.3" "1.2.3"}}', "false"),
    ('{{semverCompare "1,2,3" "1"}}', "false"),
    ('{{semverCompare "1 2" "1.0"}}', "false"),
)
FAILURES = (
    ('{{semver "x"}}', "invalid semantic version"),
    ('{{semver "1.2.3.4"}}', "invalid semantic version"),
    ('{{semver "1.0.0-01"}}', "version segment starts with 0"),
    ('{{(semver "1.2.3").SetPrerelease "a..b"}}', "invalid prerelease string"),
    (
        '{{semver "99999999999999999999"}}',
        (
            'error parsing version segment: strconv.ParseUint: parsing "9'
            '9999999999999999999": value out of range'
        ),
    ),
    ('{{semverCompare "" "1"}}', 'improper constraint: ""'),
    ('{{semverCompare "what" "1"}}', 'improper constraint: "what"'),
    ('{{semverCompare ">1" "x"}}', "invalid semantic version"),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_semver_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that depend on a version."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_semver_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected
