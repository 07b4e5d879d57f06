"""Reading the thresholds of a config: texts, or mappings that say whether one ends the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.config.scalars import describe
from pyload.config.yaml import MappingNode, ScalarNode
from pyload.errors import UsageError
from pyload.report.thresholds import EXAMPLE, NONE, Threshold, Thresholds, parse_threshold

if TYPE_CHECKING:
    from pyload.config.mappings import Block
    from pyload.config.scalars import Findings
    from pyload.config.yaml import Node


def read_thresholds(root: Block) -> Thresholds:
    """Read the list of thresholds; problems are noted in the findings."""
    items: list[Threshold] = []
    without_defaults = False
    for item in root.items("thresholds"):
        if isinstance(item, ScalarNode) and item.value == NONE:
            without_defaults = True
            continue
        if isinstance(item, MappingNode):
            threshold = _from_block(root.inside("thresholds", item))
        else:
            threshold = _parsed(root.findings, item)
        if threshold is not None:
            items.append(threshold)
    return Thresholds(tuple(items), without_defaults)


def _from_block(block: Block) -> Threshold | None:
    abort, after = block.flag("abort") or False, block.duration("after")
    if "expr" not in block.values:
        block.findings.problem(block.node, "a threshold needs an `expr`", EXAMPLE)
        return None
    if after and not abort:
        fix = "add `abort: true`, or remove it"
        block.findings.problem(block.at("after"), "`after` means nothing without `abort`", fix)
    return _parsed(block.findings, block.at("expr"), abort=abort, after=after.seconds)


def _parsed(
    findings: Findings, node: Node, *, abort: bool = False, after: float = 0.0
) -> Threshold | None:
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        findings.problem(node, f"a threshold is a text, not {describe(node)}", EXAMPLE)
        return None
    try:
        return parse_threshold(node.value, abort=abort, after=after)
    except UsageError as error:
        findings.problem(node, error.what, error.fix)
        return None
