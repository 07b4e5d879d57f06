"""What a check has found, and how findings are shown."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyload.kube.resources import Obj

WIDTH: Final = 80
_INDENT: Final = 11


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: Names the check for programs.
        level: How bad it is.
        what: What was found, or why it is not known.
        fix: What the user can do about it; empty if there is nothing to do.
        exit_code: Exit code of a run that has this problem.
    """

    check: str
    level: Level
    what: str
    fix: str = ""
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be gathered.

    Attributes:
        why: The reason.
    """

    why: str


NOT_ASKED: Final = Unknown("not asked for")


@dataclass(frozen=True, slots=True)
class Section:
    """The findings about one subject.

    Attributes:
        title: The subject.
        findings: What was found, in the order in which it is shown.
    """

    title: str
    findings: tuple[Finding, ...]


def ok(check: str, what: str) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, fix: str = "") -> Finding:
    """Return the finding of something that a run survives, but its figures may not."""
    return Finding(check, Level.WARNING, what, fix)


def problem(check: str, what: str, fix: str = "", *, exit_code: int = 1) -> Finding:
    """Return the finding of something that ends a run."""
    return Finding(check, Level.PROBLEM, what, fix, exit_code)


def unknown(check: str, why: str, fix: str = "") -> Finding:
    """Return the finding that a check could not be made."""
    return Finding(check, Level.UNKNOWN, why, fix)


def exit_code(sections: Iterable[Section]) -> int:
    """Return that of the first problem; 0 without one."""
    for section in sections:
        for one in section.findings:
            if one.level is Level.PROBLEM:
                return one.exit_code
    return 0


def to_text(sections: Sequence[Section]) -> str:
    """Return the findings for a terminal of 80 columns."""
    lines = []
    for section in sections:
        lines.append(section.title)
        for one in section.findings:
            lines += _wrapped(f"  {one.level:<8} ", one.what)
            if one.fix:
                lines += _wrapped(" " * _INDENT, f"fix: {one.fix}")
        lines.append("")
    return "\n".join([*lines, _verdict(sections)])


def to_json(sections: Sequence[Section]) -> Obj:
    """Return the findings for programs."""
    return {
        "exit_code": exit_code(sections),
        "counts": _counts(sections),
        "findings": [
            {"section": section.title, **_plain(one)}
            for section in sections
            for one in section.findings
        ],
    }


def _plain(finding: Finding) -> Obj:
    plain = asdict(finding)
    del plain["exit_code"]
    return plain


def _wrapped(prefix: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=prefix,
        subsequent_indent=" " * _INDENT,
        break_on_hyphens=False,
    )


def _counts(sections: Iterable[Section]) -> dict[str, int]:
    counts = dict.fromkeys(map(str, Level), 0)
    for section in sections:
        for one in section.findings:
            counts[one.level] += 1
    return counts


def _verdict(sections: Iterable[Section]) -> str:
    counts = _counts(sections)
    parts = [
        f"{counts[level]} {name if counts[level] == 1 else plural}"
        for level, name, plural in (
            (Level.PROBLEM, "problem", "problems"),
            (Level.WARNING, "warning", "warnings"),
            (Level.UNKNOWN, "check could not be made", "checks could not be made"),
        )
        if counts[level]
    ]
    return ", ".join(parts) if parts else "all is well"
