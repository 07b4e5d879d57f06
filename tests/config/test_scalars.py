"""Tests of single values, and of what is wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.scalars import Findings
from pyload.config.yaml import ScalarNode
from pyload.units import Duration
from tests.config.configs import application, problems, read, warnings


def test_a_problem_in_an_anchor_is_named_once() -> None:
    """The same place would be reported for each alias."""
    text = (
        "namespaces:\n- applications: &a [{replica: 1}]\n- applications: *a\n- applications: *a\n"
    )
    assert problems(text) == [
        "f:2:22: unknown key `replica` in an application; did you mean `replicas`?"
    ]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "gracePeriod: 5",
            (
                "f:1:14: `gracePeriod: 5` without a unit is 5ns, as a number means nanoseconds; "
                'write "5s" for seconds'
            ),
        ),
        (
            "namespaces: [{name: n}]",
            (
                "f:1:21: `name` becomes `false`, as that is what `n` is in YAML; "
                "put it in quotes to keep it as written"
            ),
        ),
        (
            "nodeMetadata: {A: 0123}",
            (
                "f:1:19: `nodeMetadata.A` becomes `83`, as that is what `0123` is in YAML; "
                "put it in quotes to keep it as written"
            ),
        ),
    ],
)
def test_warns_of_values_that_are_not_what_they_look_like(text: str, warning: str) -> None:
    """`gracePeriod: 5` would pass for five seconds, and `name: n` for a name."""
    assert warnings(text) == [warning]


@pytest.mark.parametrize("text", ["gracePeriod: 0", "nodeMetadata: {A: 5}", "nodes: [{name: 'n'}]"])
def test_does_not_warn_without_need(text: str) -> None:
    """Users would learn to ignore warnings."""
    assert warnings(text) == []


def test_counts_may_be_written_as_floats() -> None:
    """`1e3`, which Go reads as 1000, would be refused."""
    config = read("nodes: [{count: 1e3}, {count: 5.0}, {count: 0x10}]").config
    assert [group.count for group in config.nodes] == [1000, 5, 16]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stableNames: 1",
            "`stableNames` takes a boolean, not the number `1`; write `true` or `false`",
        ),
        (
            "stableNames: 'true'",
            "`stableNames` takes a boolean, not the text `true`; remove the quotes",
        ),
        (
            "nodes: [{count: '5'}]",
            "`count` takes a whole number, not the text `5`; remove the quotes",
        ),
        ("nodes: [{count: 1.5}]", "`count` takes a whole number, not the number `1.5`"),
        ("nodes: [{count: .inf}]", "`count` takes a whole number, not the number `.inf`"),
        ("nodes: [{count: yes}]", "`count` takes a whole number, not the boolean `yes`"),
        ("nodes: [{count: [1]}]", "`count` takes a whole number, not a list"),
        ("nodes: [{count: -1}]", "`count` cannot be negative"),
        ("nodes: [{count: 1000001}]", "`count` can be at most 1,000,000; check the number"),
        ("nodes: [{name: [a]}]", "`name` takes text, not a list"),
        ("nodeMetadata: [a]", "`nodeMetadata` takes a mapping of names to texts, not a list"),
        ("nodeMetadata: {a: {b: c}}", "`nodeMetadata.a` takes text, not a mapping"),
        (
            "gracePeriod: 5 s",
            (
                'time: unknown unit " s" in duration "5 s"; '
                "write a number and a unit, such as `10s` or `1m30s`"
            ),
        ),
        (
            "gracePeriod: yes",
            (
                "`gracePeriod`: invalid duration, the boolean `yes`; "
                'write a number and a unit, such as "10s" or "1m30s"'
            ),
        ),
        (
            "gracePeriod: 1e30",
            (
                "`gracePeriod`: invalid duration, the number `1e30`; "
                'write a number and a unit, such as "10s" or "1m30s"'
            ),
        ),
        ("gracePeriod: -1s", "`gracePeriod` cannot be negative"),
        (
            "jitter: {config: bad}",
            'time: invalid duration "bad"; write a number and a unit, such as `10s` or `1m30s`',
        ),
        (
            "jitter: {secrets: no}",
            (
                "`jitter.secrets`: invalid duration, the boolean `no`; "
                'write a number and a unit, such as "10s" or "1m30s"'
            ),
        ),
        (application("labels: [a]"), "`labels` takes a mapping of names to texts, not a list"),
        ("jitter: {workloads: -1s}", "`jitter.workloads` cannot be negative"),
        (
            application("labels: {-a: b}"),
            (
                "`-a` cannot be the key of a label; use at most 63 letters, digits, `-`, `_` and "
                "`.`, such as `example.com/tier`"
            ),
        ),
        (
            application("labels: {a: b c}"),
            (
                "`b c` cannot be the value of a label; "
                "use at most 63 letters, digits, `-`, `_` and `.`"
            ),
        ),
    ],
)
def test_says_what_is_wrong_and_how_to_mend_it(text: str, expected: str) -> None:
    """A mistake would show only once the objects are half created."""
    (problem,) = problems(text)
    assert problem.split(": ", 1)[1] == expected


@given(st.integers(0, (1 << 63) - 1))
def test_a_duration_is_read_as_it_is_written(nanoseconds: int) -> None:
    """A pause of an hour would become another one, in a config copied from the log."""
    span = Duration(nanoseconds)
    assert read(f"gracePeriod: {span}").config.grace_period == span
    assert read(f"gracePeriod: {nanoseconds}").config.grace_period == span


@pytest.mark.parametrize("key", ["stableNames", "gracePeriod", "nodeMetadata", "namespaces"])
def test_a_key_with_nothing_behind_it_is_left_out(key: str) -> None:
    """A user who empties a key would have to delete it too."""
    assert read(f"{key}:").config == read("").config


def test_findings_are_in_the_order_of_the_file() -> None:
    """The user would jump up and down in the file; line 10 would come before line 9."""
    findings = Findings("f", lenient=False)
    places = [(10, 1), (9, 20), (9, 3)]
    for line, column in places:
        node = ScalarNode("x", "x", plain=True, line=line, column=column)
        findings.problem(node, "wrong")
        findings.warn(node, "odd")

    for found in (findings.problems, findings.warnings):
        assert [(one.line, one.column) for one in found] == sorted(places)
