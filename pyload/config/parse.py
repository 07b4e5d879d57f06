"""From the bytes of a config file to the model, or to all of the file's problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.config.build_model import build_config
from pyload.config.classic import CLASSIC
from pyload.config.dialect import DialectChoice, choose_dialect
from pyload.config.emptiness import empty_file
from pyload.config.model import Application, ClusterConfig, Namespace
from pyload.config.scalars import Findings, describe
from pyload.config.yaml import MappingNode, compose
from pyload.errors import ConfigError, Problem
from pyload.report.header import ConfigFile

if TYPE_CHECKING:
    from pyload.config.model import Dialect

MAX_PROBLEMS: Final = 1_000
"""Most problems of a file that are listed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that could be read.

    Attributes:
        config: The model.
        dialect: The dialect of the file.
        reason: Why this dialect, such as ``classic dialect, because of `instances` at line 7``.
        warnings: Oddities that do no harm, in the order of the file.
        nothing_to_run: The problem of a config that makes nothing to measure; None where it does.
            Whether it is one depends on the run: others may bring the mesh.
        file: The file; None without one.
    """

    config: ClusterConfig
    dialect: Dialect
    reason: str
    warnings: tuple[Problem, ...] = ()
    nothing_to_run: Problem | None = None
    file: ConfigFile | None = None


def default_config() -> Loaded:
    """Return the config of a run without a file: one namespace, one sidecar pod, one node."""
    config = ClusterConfig(namespaces=(Namespace(applications=(Application(pods=1),)),))
    return Loaded(config, "classic", "classic dialect, as there is no config file")


def empty_config() -> Loaded:
    """Return the config of a run that builds nothing."""
    reason = "no mesh to build, as there is no config file"
    return Loaded(ClusterConfig(nodes=()), "classic", reason)


def _first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return the first `MAX_PROBLEMS` problems, and a last one that counts the rest."""
    more = len(problems) - MAX_PROBLEMS
    if more <= 0:
        return tuple(problems)
    after = problems[MAX_PROBLEMS]
    what = f"from here on there are {more:,} more problems"
    rest = Problem(after.source, after.line, after.column, what, "mend those above first")
    return (*problems[:MAX_PROBLEMS], rest)


def parse_config(text: bytes, *, source: str, lenient: bool = False) -> Loaded:
    """Parse the text of a config file.

    Args:
        text: The bytes of the file.
        source: Name of the file, which each problem begins with.
        lenient: Whether unknown keys are only warned of.

    Raises:
        ConfigError: All problems of the file, in its order.
    """
    document = compose(text, source=source)
    findings = Findings(source, lenient=lenient)
    root = document.root
    choice = DialectChoice(CLASSIC, "classic dialect, as the file is empty")
    config, nothing = ClusterConfig(), None
    if isinstance(root, MappingNode):
        choice = choose_dialect(findings, root)
        config, nothing = build_config(findings, choice, root)
    elif root is not None:
        fix = "begin with a key such as `namespaces:`"
        findings.problem(root, f"a config is a mapping, not {describe(root)}", fix)
    problems = sorted({*document.problems, *findings.problems})
    if problems:
        raise ConfigError(_first(problems))
    if root is None or (isinstance(root, MappingNode) and not root.entries):
        nothing = empty_file(source)
    return Loaded(
        config,
        choice.schema.dialect,
        choice.reason,
        findings.warnings,
        nothing,
        ConfigFile.of(source, text),
    )
