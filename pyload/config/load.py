"""A config file's bytes to the model, or to everything that is wrong with them; and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from pyload.config.classic import CLASSIC
from pyload.config.dialect import SCHEMAS, Choice, choose
from pyload.config.model import Application, ClusterConfig, Namespace
from pyload.config.reader import read_cluster
from pyload.config.resolve import resolve_plain
from pyload.config.scalars import Reading, kind
from pyload.config.yaml import Block, parse
from pyload.errors import ConfigError

if TYPE_CHECKING:
    from pyload.config.model import Dialect, Jitter
    from pyload.errors import Problem

_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


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
    problems = tuple(sorted({*document.problems, *reading.problems}))
    if problems:
        raise ConfigError(problems)
    return Loaded(config, choice.schema.dialect, choice.because, reading.warnings)


class _Dumper(_DUMPER):  # type: ignore[misc, valid-type] # libyaml's where there is one
    """Quotes what would not be read back as text."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(resolve_plain(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(config: ClusterConfig, dialect: Dialect) -> str:
    """Write a config with its defaults filled in: keys sorted, durations as Go's text.

    What is off or empty is left out.
    """
    values: dict[str, Any] = {
        "gracePeriod": _unless_zero(config.grace_period),
        "jitter": _jitter(config.jitter),
        "namespaces": [_namespace(one, dialect) for one in config.namespaces],
        "nodeMetadata": dict(config.node_metadata),
        "nodes": [{"name": group.name, "count": group.count} for group in config.nodes],
        "stableNames": config.stable_names,
    }
    kept = {key: value for key, value in values.items() if value or key == "jitter"}
    return str(yaml.dump(kept, Dumper=_Dumper, allow_unicode=True, default_flow_style=False))


def _namespace(namespace: Namespace, dialect: Dialect) -> dict[str, Any]:
    values: dict[str, Any] = {"name": namespace.name, "replicas": namespace.replicas}
    if namespace.grace_period:
        values["gracePeriod"] = str(namespace.grace_period)
    if namespace.applications:
        values["applications"] = [_application(one, dialect) for one in namespace.applications]
    return values


def _application(application: Application, dialect: Dialect) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": application.name,
        "type": application.type,
        "replicas": application.replicas,
        SCHEMAS[dialect].pods_key: application.pods,
    }
    if application.labels:
        values["labels"] = dict(application.labels)
    return values


def _jitter(jitter: Jitter) -> dict[str, str]:
    spans = {"config": jitter.config, "secrets": jitter.secrets, "workloads": jitter.workloads}
    return {name: str(span) for name, span in spans.items() if span}


def _unless_zero(span: int) -> str:
    return str(span) if span else ""
