"""Finding namespaces of the same name.

Names with a random suffix cannot collide. A name without one can be that of another namespace, or
one of the numbered names that `stableNames` makes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyload.config.model import NAMESPACE
from pyload.config.scalar_resolver import quote

if TYPE_CHECKING:
    from pyload.config.scalars import Findings
    from pyload.config.yaml import Node

_NUMBERED: Final = re.compile(r"(.+)-(0|[1-9][0-9]{0,9})-(0|[1-9][0-9]{0,9})", re.DOTALL)


class NamespaceNames:
    """The names of namespaces that are known before the run.

    Args:
        findings: Receives a problem for each name that is used twice.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._single: dict[str, Node] = {}
        self._numbered: dict[tuple[str, int], tuple[int, Node]] = {}
        self._unnamed = False

    def default_name(self, index: int, *, alone: bool) -> str:
        """Return the name of an entry without one; the second and later entries get their index.

        Args:
            index: Place of the entry in its list, from 0.
            alone: Whether the name is used as it is, without a suffix.
        """
        if not alone or not self._unnamed:
            self._unnamed = self._unnamed or alone
            return NAMESPACE
        return f"{NAMESPACE}-{index}"

    def add(self, name: str, at: Node) -> None:
        """Add a name that is used as it is."""
        first = self._single.setdefault(name, at)
        if first is not at:
            what = f"namespace {quote(name)} is already made by the entry at line {first.line}"
            self._findings.problem(at, what, "give it another name, or use `replicas`")

    def add_numbered(self, name: str, index: int, replicas: int, at: Node) -> None:
        """Add the names ``NAME-INDEX-0`` to ``NAME-INDEX-(REPLICAS-1)``."""
        self._numbered[name, index] = (replicas, at)

    def report_collisions(self) -> None:
        """Note the names that are also among the numbered ones."""
        for name, at in self._single.items():
            match = _NUMBERED.fullmatch(name)
            if match is None:
                continue
            replicas, other = self._numbered.get((match[1], int(match[2])), (0, at))
            if int(match[3]) < replicas:
                what = f"namespace {quote(name)} is already made by the entry at line {other.line}"
                self._findings.problem(at, what, "give it another name")
