"""Versions, their order, and constraints on them.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.semver import Version, compare, parse_version
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


@pytest.mark.parametrize(
    ("constraint", "allowed", "refused"),
    [
        ("1.2.3", ["1.2.3", "v1.2.3+x"], ["1.2.4", "1.2.2", "1.2.3-a"]),
        ("1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.9", "2.2.0"]),
        ("1", ["1.0.0", "1.9.0"], ["2.0.0", "0.9.0"]),
        ("*", ["0.0.0", "9.9.9"], ["1.0.0-a"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        ("!=1", ["2.0.0"], ["1.0.0", "1.9.0"]),
        ("!=1.2", ["1.3.0", "2.2.0"], ["1.2.0", "1.2.9"]),
        ("!=*", ["1.0.0"], ["0.0.0"]),
        (">1", ["2.0.0"], ["1.0.0", "1.9.9", "0.1.0"]),
        (">1.2", ["1.3.0", "2.0.0"], ["1.2.9", "0.9.0"]),
        (">1.2.3", ["1.2.4", "1.3.0"], ["1.2.3", "1.2.2"]),
        (">*", ["0.0.1"], ["0.0.0"]),
        ("<1.2", ["1.1.9"], ["1.2.0"]),
        ("=<1.2.3", ["1.2.3", "1.2.2"], ["1.2.4"]),
        ("<=1", ["1.9.9", "0.1.0"], ["2.0.0"]),
        ("<=1.2", ["1.2.9", "0.9.9"], ["1.3.0", "2.0.0"]),
        ("=>1.2", ["1.2.0", "9.0.0"], ["1.1.9"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2", "2.2.3"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0", "0.9.9"]),
        ("~*", ["0.0.0", "9.0.0"], []),
        ("~0.0.0", ["0.0.0", "9.0.0"], []),
        ("~>1.2", ["1.2.5"], ["1.3.0"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["2.0.0", "1.2.2"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "1.2.3", "0.2.2"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4", "0.1.3", "1.0.3"]),
        ("^0.0", ["0.0.9"], ["0.1.0"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        (">=1.2.3-beta.2", ["1.2.3-beta.10", "1.2.3-rc", "1.2.3"], ["1.2.3-beta.1", "1.2.3-1"]),
        ("1.1 - 2", ["1.1.0", "2.9.9"], ["1.0.9", "3.0.0"]),
        ("<1 || >2.x, <4 || 5.0.0", ["0.9.0", "3.0.0", "5.0.0"], ["1.0.0", "2.5.0", "4.0.0"]),
        (">=1.0.0  <2.0.0", ["1.5.0"], ["2.0.0"]),
        ("1.x.X", ["1.5.0"], ["2.0.0"]),
    ],
)
def test_constraints_allow_what_they_say(
    constraint: str, allowed: list[str], refused: list[str]
) -> None:
    """A template for one version of Istio would be used for another."""
    for version in allowed:
        assert render("{{semverCompare .c .v}}", c=constraint, v=version) == "true", version
    for version in refused:
        assert render("{{semverCompare .c .v}}", c=constraint, v=version) == "false", version


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{(semver "v1.2.3-a+b").IncMajor.Original}}', "v2.0.0"),
        ('{{(semver "1.2.3").IncPatch}}', "1.2.4"),
        ('{{(semver "1.2.3-a").SetPrerelease ""}}', "1.2.3"),
        ('{{(semver "1.2.3+a").SetMetadata ""}}', "1.2.3"),
        (
            '{{with semver "1.2.3-a+b"}}{{.Major}}{{.Minor}} {{.Prerelease}} {{.Metadata}}{{end}}',
            "12 a b",
        ),
        ('{{(semver "1.2.3").Equal (semver "1.2.3+x")}}', "true"),
        ('{{(semver "1.2.3-a.b").GreaterThan (semver "1.2.3-a.1")}}', "true"),
        ('{{(semver "1.2.3").LessThanEqual (semver "1.2.3-a")}}', "false"),
        ('{{(semver "1.2.3").GreaterThanEqual (semver "1.2.3-a")}}', "true"),
        ('{{(semver "1.2.3-a.1").Compare (semver "1.2.3-a")}}', "1"),
    ],
)
def test_a_version_has_methods(template: str, expected: str) -> None:
    """A template could not compute the next version from one."""
    assert render(template) == expected


@pytest.mark.parametrize(
    ("template", "data", "expected"),
    [
        ("{{semver .t}}", "1." + "0" * 300, "version string is too long (max 256 bytes)"),
        ("{{semver .t}}", "", "invalid semantic version"),
        ("{{semver .t}}", "1.2.3-a..b", "invalid semantic version"),
        ("{{semver .t}}", "1.2.3-00", "version segment starts with 0"),
        ('{{(semver "1.2.3").SetPrerelease .t}}', "01", "version segment starts with 0"),
        ('{{(semver "1.2.3").SetMetadata .t}}', "a_b", "invalid metadata string"),
        ('{{semverCompare .t "1"}}', " " * 600, "constraint string is too long (max 512 bytes)"),
        ('{{semverCompare .t "1"}}', "||".join("1" * 33), "too many constraint groups (max 32)"),
        ('{{semverCompare .t "1"}}', ">1<2", 'improper constraint: ">1<2"'),
        ('{{semverCompare .t "1"}}', "1 ||", 'improper constraint: ""'),
        ('{{semverCompare .t "1"}}', "1.2.3-01", "constraint parser error"),
        ('{{semverCompare .t "1"}}', "1.2.|", "constraint parser error"),
    ],
)
def test_what_is_no_version_or_constraint_is_refused(
    template: str, data: str, expected: str
) -> None:
    """A mistake in a constraint would let every version pass, or none."""
    assert failure(template, t=data) == expected


NUMBERS = st.tuples(*[st.integers(0, 3)] * 3)
WORDS = st.lists(st.sampled_from(["a", "b", "1", "2", "10", "a1"]), max_size=3).map(".".join)
VERSIONS = st.builds(
    lambda numbers, word: Version(numbers[0], numbers[1], numbers[2], word), NUMBERS, WORDS
)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_are_in_one_order(first: Version, second: Version, third: Version) -> None:
    """A list of versions would be sorted another way each time."""
    assert compare(first, second) == -compare(second, first)
    assert (compare(first, second) == 0) is (str(first) == str(second))
    low, middle, high = sorted([first, second, third], key=cmp_to_key(compare))
    assert compare(low, middle) <= 0
    assert compare(middle, high) <= 0
    assert compare(low, high) <= 0


@given(VERSIONS)
def test_a_version_is_read_as_it_is_written(version: Version) -> None:
    """A version that goes through two templates would change."""
    found = parse_version(f"v{version}")
    assert compare(found, version) == 0
    assert str(found) == str(version)
    assert found.original == f"v{version}"
