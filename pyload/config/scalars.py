"""Reading single values: text, counts, durations, booleans and maps of text.

A reader returns None for a value that is absent, null or wrong; a wrong one is noted in `Findings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from pyload.config.names import check_label_key, check_label_value
from pyload.config.scalar_resolver import as_text, quote
from pyload.config.yaml import MappingNode, Node, ScalarNode, SequenceNode
from pyload.errors import Problem
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.names import Complaint

MAX_COUNT: Final = 1_000_000
"""Largest value of any one count in a config."""

_MAX_DURATION: Final = (1 << 63) - 1


class Findings:
    """The problems and warnings found in one file so far.

    Args:
        source: Name of the file.
        lenient: Whether unknown keys are only warned of.
    """

    def __init__(self, source: str, *, lenient: bool) -> None:
        self.source = source
        self.lenient = lenient
        # Keyed, because an anchor's value is read again at each of its aliases.
        self._problems: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}

    def problem(self, at: Node, what: str, fix: str = "") -> None:
        """Add a problem, which makes the file unusable."""
        self._problems[Problem(self.source, at.line, at.column, what, fix)] = None

    def complain(self, at: Node, complaint: Complaint | None) -> None:
        """Add a complaint as a problem, if there is one."""
        if complaint is not None:
            self.problem(at, *complaint)

    def warn(self, at: Node, what: str, fix: str = "") -> None:
        """Add a warning about an oddity that does no harm."""
        self._warnings[Problem(self.source, at.line, at.column, what, fix)] = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, in file order."""
        return tuple(sorted(self._problems))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """All warnings, in file order."""
        return tuple(sorted(self._warnings))


def is_null(node: Node) -> bool:
    """Return whether a key has no value, which means the same as leaving it out."""
    return isinstance(node, ScalarNode) and node.value is None


def describe(node: Node) -> str:
    """Return the kind of a value as part of a sentence."""
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a mapping"
    names = {str: "text", bool: "boolean", int: "number", float: "number", type(None): "empty"}
    return f"the {names[type(node.value)]} {quote(node.written)}"


def read_text(findings: Findings, node: Node | None, key: str) -> str | None:
    """Read text; numbers and booleans become text as Go writes them."""
    if node is None or is_null(node):
        return None
    if not isinstance(node, ScalarNode):
        findings.problem(node, f"{quote(key)} takes text, not {describe(node)}")
        return None
    text = as_text(node.value)
    if not isinstance(node.value, str) and text != node.written:
        what = (
            f"{quote(key)} becomes {quote(text)}, as that is what {quote(node.written)} is in YAML"
        )
        findings.warn(node, what, "put it in quotes to keep it as written")
    return text


def read_count(findings: Findings, node: Node | None, key: str) -> int | None:
    """Read a whole number from 0 to `MAX_COUNT`."""
    if node is None or is_null(node):
        return None
    value = node.value if isinstance(node, ScalarNode) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        quoted = isinstance(value, str) and value.isascii() and value.isdigit()
        fix = "remove the quotes" if quoted else ""
        findings.problem(node, f"{quote(key)} takes a whole number, not {describe(node)}", fix)
    elif value < 0:
        findings.problem(node, f"{quote(key)} cannot be negative")
    elif value > MAX_COUNT:
        findings.problem(node, f"{quote(key)} can be at most {MAX_COUNT:,}", "check the number")
    else:
        return value
    return None


def read_bool(findings: Findings, node: Node | None, key: str) -> bool | None:
    """Read a boolean."""
    if node is None or is_null(node):
        return None
    if isinstance(node, ScalarNode) and isinstance(node.value, bool):
        return node.value
    quoted = isinstance(node, ScalarNode) and node.value in ("true", "false")
    fix = "remove the quotes" if quoted else "write `true` or `false`"
    findings.problem(node, f"{quote(key)} takes a boolean, not {describe(node)}", fix)
    return None


def read_duration(findings: Findings, node: Node | None, key: str) -> Duration | None:
    """Read a duration that is not negative: Go's text, or a bare number of nanoseconds."""
    if node is None or is_null(node):
        return None
    value = node.value if isinstance(node, ScalarNode) else None
    span: Duration | None = None
    if isinstance(value, str):
        try:
            span = Duration.parse(value)
        except ValueError as error:
            findings.problem(
                node, str(error), "write a number and a unit, such as `10s` or `1m30s`"
            )
            return None
    elif _is_number(value) and abs(value) <= _MAX_DURATION:
        span = Duration(int(value))
    if span is None:
        what = f"`{key}`: invalid duration, {describe(node)}"
        findings.problem(node, what, 'write a number and a unit, such as "10s" or "1m30s"')
    elif span < 0:
        findings.problem(node, f"{quote(key)} cannot be negative")
    else:
        if span and not isinstance(value, str):
            what = f"`{key}: {value}` without a unit is {span}, as a number means nanoseconds"
            findings.warn(node, what, f'write "{value}s" for seconds')
        return span
    return None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_text_map(findings: Findings, node: Node | None, key: str) -> Mapping[str, str]:
    """Read a mapping of text to text; a missing value is the empty text."""
    if node is None or is_null(node):
        return {}
    if not isinstance(node, MappingNode):
        findings.problem(
            node, f"{quote(key)} takes a mapping of names to texts, not {describe(node)}"
        )
        return {}
    return {
        name: read_text(findings, entry.value, f"{key}.{name}") or ""
        for name, entry in node.entries.items()
    }


def read_labels(findings: Findings, node: Node | None, key: str) -> Mapping[str, str]:
    """Read a mapping of Kubernetes labels."""
    labels = read_text_map(findings, node, key)
    entries = node.entries if isinstance(node, MappingNode) else {}
    for name, entry in entries.items():
        findings.complain(entry.key, check_label_key(name))
        findings.complain(entry.value, check_label_value(labels[name]))
    return labels
