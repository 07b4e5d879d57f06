"""Nodes for checks, and what the checks say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.commands.doctor.cluster import Node, read
from tests.pods.cluster import node as node_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.commands.doctor.findings import Finding, Level


def node(name: str = "k", *, version: str = "v1.34.0", fake: bool = True, **spec: Any) -> Node:
    """Make a node; it is one of kwok's by its annotation if `fake`."""
    obj = node_object(name, fake=fake)
    obj["spec"] = spec
    obj["status"]["nodeInfo"]["kubeletVersion"] = version
    return read(obj)


def said(findings: Iterable[Finding], level: Level | None = None) -> str:
    """Join what findings of a level say."""
    return "\n".join(one.what for one in findings if level in (None, one.level))
