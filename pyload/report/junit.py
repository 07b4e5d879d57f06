"""The verdict of a run as JUnit's XML, which CI systems show as the outcome of tests.

A run is one suite. Its first case is the run itself, which has an error if anything but a threshold
ended it; each threshold is a case of its own. The format has no schema that all systems agree on,
so only elements and attributes are used that all of them read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from pyload.errors import ThresholdFailed

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
            *cases,
            "</testsuite>",
            "</testsuites>",
            "",
        )
    )


def _case(suite: str, name: str, seconds: float, problem: str) -> str:
    head = f'<testcase classname={_attribute(suite)} name={_attribute(name)} time="{seconds:.3f}"'
    return f"{head}>{problem}</testcase>" if problem else f"{head}/>"


def _problem(kind: str, text: str) -> str:
    text = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    first = text.partition("\n")[0]
    return f"<{kind} message={_attribute(first)}>{escape(text)}</{kind}>"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text))
