"""A config file's bytes to the model, or to everything that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.config.build_model import read_cluster
from pyload.config.classic import CLASSIC
from pyload.config.dialect import Choice, choose
from pyload.config.model import Application, ClusterConfig, Namespace
from pyload.config.scalars import Reading, kind
from pyload.config.yaml import Block, parse
from pyload.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pyload.config.model import Dialect

MAX_PROBLEMS: Final = 1_000
"""So many of a file's problems are told one by one."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that could be read.

    Attributes:
        config: What it says.
        dialect: The dialect it was read in.
        because: Why that dialect, such as ``classic dialect, because of `instances` at line 7``.
        warnings: What is odd but harmless, in file order.
    """

    config: ClusterConfig
    dialect: Dialect
    because: str
    warnings: tuple[Problem, ...] = ()


def default() -> Loaded:
    """Give the config of a run without a file: one namespace, one sidecar pod, one node."""
    config = ClusterConfig(namespaces=(Namespace(applications=(Application(pods=1),)),))
    return Loaded(config, "classic", "classic dialect, as there is no config file")


def empty() -> Loaded:
    """Give the config of a run that builds nothing."""
    because = "no mesh to build, as there is no config file"
    return Loaded(ClusterConfig(nodes=()), "classic", because)


def _first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Give as many problems as anybody reads, and how many there are besides."""
    more = len(problems) - MAX_PROBLEMS
    if more <= 0:
        return tuple(problems)
    after = problems[MAX_PROBLEMS]
    what = f"from here on there are {more:,} more problems"
    rest = Problem(after.source, after.line, after.column, what, "mend those above first")
    return (*problems[:MAX_PROBLEMS], rest)


def load(text: bytes, *, source: str, lenient: bool = False) -> Loaded:
    """Read a config file.

    Args:
        text: The bytes of the file.
        source: The file as the user named it; stands before each problem.
        lenient: Whether unknown keys are only warned of.

    Raises:
        ConfigError: All problems of the file, in its order.
    """
    document = parse(text, source=source)
    reading = Reading(source, lenient=lenient)
    root = document.root
    choice = Choice(CLASSIC, "classic dialect, as the file is empty")
    config = ClusterConfig()
    if isinstance(root, Block):
        choice = choose(reading, root)
        config = read_cluster(reading, choice, root)
    elif root is not None:
        fix = "begin with a key such as `namespaces:`"
        reading.problem(root, f"a config is a mapping, not {kind(root)}", fix)
    problems = sorted({*document.problems, *reading.problems})
    if problems:
        raise ConfigError(_first(problems))
    return Loaded(config, choice.schema.dialect, choice.because, reading.warnings)
