"""How findings are shown, and the exit code that they make."""

from __future__ import annotations

import pytest

from pyload.commands.doctor.findings import (
    Finding,
    Section,
    exit_code,
    ok,
    problem,
    to_json,
    to_text,
    unknown,
    warning,
)

LONG = "a sentence that goes on until it has to be wrapped, and then further still, " * 3


def section(*findings: Finding) -> Section:
    """Make a section."""
    return Section("Cluster", findings)


def test_text_fits_80_columns_and_ends_with_the_verdict() -> None:
    """On a terminal of 80 columns, a line that wraps by itself cannot be read beside others."""
    text = to_text([section(ok("a", LONG), problem("b", LONG, LONG), unknown("c", "silence"))])
    lines = text.splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[0] == "Cluster"
    assert lines[1].startswith("  ok       a sentence")
    assert any(line.startswith("           fix: a sentence") for line in lines)
    assert lines[-1] == "1 problem, 1 check could not be made"


def test_a_command_to_copy_is_not_cut_at_its_hyphens() -> None:
    """`--manage-nodes` with a line break inside is no flag."""
    text = to_text([section(warning("a", "b " * 30, "--a-flag-with-hyphens=" + "x" * 40))])

    assert any("--a-flag-with-hyphens=" + "x" * 40 in line for line in text.splitlines())


@pytest.mark.parametrize(
    ("findings", "code", "verdict"),
    [
        ([ok("a", "b")], 0, "all is well"),
        ([warning("a", "b"), warning("a", "b")], 0, "2 warnings"),
        ([unknown("a", "b"), unknown("a", "b")], 0, "2 checks could not be made"),
        ([problem("a", "b")], 1, "1 problem"),
        ([problem("a", "b", exit_code=3), problem("a", "b", exit_code=2)], 3, "2 problems"),
    ],
)
def test_the_first_problem_decides(findings: list[Finding], code: int, verdict: str) -> None:
    """A script sees what a run would end with; a warning ends none."""
    assert exit_code([section(*findings)]) == code
    assert to_text([section(*findings)]).splitlines()[-1] == verdict


def test_json_has_every_finding() -> None:
    """A script that looks for one check finds it by name."""
    document = to_json([section(ok("a", "b"), problem("c", "d", "e", exit_code=3))])

    assert document == {
        "exit_code": 3,
        "counts": {"ok": 1, "warning": 0, "problem": 1, "unknown": 0},
        "findings": [
            {"section": "Cluster", "check": "a", "level": "ok", "what": "b", "fix": ""},
            {"section": "Cluster", "check": "c", "level": "problem", "what": "d", "fix": "e"},
        ],
    }
