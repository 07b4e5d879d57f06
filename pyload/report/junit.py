"""The verdict of a run as JUnit's XML, which CI systems show as the outcome of tests.

A run is one suite. Its first case is the run itself, which has an error if anything but a threshold
ended it; each threshold is a case of its own. The figures are properties of the suite, and the
summary is its output, so that CI keeps both with the build. The format has no schema that all
systems agree on, so only elements and attributes are used that all of them read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from pyload.errors import ThresholdFailed
from pyload.report.figures import figures_of

if TYPE_CHECKING:
    from pyload.errors import PyloadError
    from pyload.report.result import Result

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(command: str, result: Result | None, error: PyloadError | None) -> str:
    """Return the suite of a run.

    Args:
        command: Name of the command.
        result: Its result; None for a run that could not begin.
        error: Why it failed, or None.
    """
    verdicts = () if result is None else result.thresholds
    seconds = 0.0 if result is None else result.duration
    broken = error is not None and not isinstance(error, ThresholdFailed)
    suite = f"pyload {command}"
    cases = [_case(suite, "run", seconds, _problem("error", str(error)) if broken else "")]
    failures = 0
    for verdict in verdicts:
        problem = ""
        if not verdict.passed:
            failures += 1
            problem = _problem("failure", f"{verdict.expr}: it is {verdict.measured}")
        cases.append(_case(suite, verdict.expr, 0.0, problem))
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{int(broken)}"'
    head = f'<testsuite name={_attribute(suite)} {counts} time="{seconds:.3f}">'
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}>",
            head,
            *_properties(result),
            *cases,
            *_output(result),
            "</testsuite>",
            "</testsuites>",
            "",
        )
    )


def _properties(result: Result | None) -> list[str]:
    """Return the figures that were measured, and what the user says about the run."""
    if result is None:
        return []
    named = {"run_id": result.run_id, "version": result.version, "exit_reason": result.exit_reason}
    named |= {f"tags.{name}": text for name, text in result.tags.items()}
    for path, value, _ in figures_of(result):
        if value is not None:
            named[path] = f"{float(value):.12g}"
    lines = (
        f"<property name={_attribute(name)} value={_attribute(text)}/>"
        for name, text in named.items()
    )
    return ["<properties>", *lines, "</properties>"]


def _output(result: Result | None) -> list[str]:
    return [] if result is None else [f"<system-out>{_text(result.to_text())}</system-out>"]


def _case(suite: str, name: str, seconds: float, problem: str) -> str:
    head = f'<testcase classname={_attribute(suite)} name={_attribute(name)} time="{seconds:.3f}"'
    return f"{head}>{problem}</testcase>" if problem else f"{head}/>"


def _problem(kind: str, text: str) -> str:
    first = text.partition("\n")[0]
    return f"<{kind} message={_attribute(first)}>{_text(text)}</{kind}>"


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text))
