"""``pyload validate``: everything about a config that can be known without a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.config.file import load_config
from pyload.errors import ConfigError, PyloadError, TemplateError
from pyload.manifests.ips import IpAllocator
from pyload.mesh.names import Names
from pyload.mesh.planner import check_capacity, plan_cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.model import ClusterConfig
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.template_instance import TemplateInstance

MAX_ALIKE: Final = 20
"""So many of equal namespaces, and of equal applications, are looked at."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say about a file.

    Attributes:
        path: The file as the user named it.
        problems: What makes it unusable; each begins with the file's name.
        warnings: What is odd but harmless.
    """

    path: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check_file(
    path: str,
    *,
    cluster_type: ClusterType = "fake-node",
    lenient: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Verdict:
    """Check a config: its keys and values, its capacity, its templates and their output.

    Templates are rendered as they are at the start, and as they are after a change.

    Args:
        path: The file; ``-`` is standard input.
        cluster_type: What kind of cluster it is for.
        lenient: Whether unknown keys are only warned of.
        environ: The variables that templates may read; None for none.
    """
    try:
        loaded = load_config(path, lenient=lenient, environ=environ)
    except ConfigError as error:
        return Verdict(path, tuple(map(str, error.problems)))
    problems = [f"{path}: {text}" for text in _problems(loaded.config, cluster_type)]
    if loaded.nothing_to_run is not None and cluster_type != "kwok":
        problems.insert(0, str(loaded.nothing_to_run))
    return Verdict(path, tuple(problems), tuple(map(str, loaded.warnings)))


def _problems(config: ClusterConfig, cluster_type: ClusterType) -> list[str]:
    problems = []
    try:
        check_capacity(config, cluster_type)
    except PyloadError as error:
        problems.append(str(error))
    rng = Random(1)  # noqa: S311 - values for templates, not secrets
    try:
        plan = plan_cluster(
            _fewer(config), cluster_type, names=Names(rng), next_ip=IpAllocator().allocate
        )
    except PyloadError as error:
        return [*problems, str(error)]
    found: dict[tuple[object, ...], list[str]] = {}
    for instance in plan.all_templates:
        for one in (instance, instance.refreshed(rng)) if instance.refreshes else (instance,):
            fault = _fault(one)
            if fault is not None:
                key, text = fault
                found.setdefault(key, []).append(text)
    for texts in found.values():
        others = len(set(texts)) - 1
        problems.append(texts[0] + (f" (and {others} more like it)" if others else ""))
    return problems


def _fewer(config: ClusterConfig) -> ClusterConfig:
    """Return the config without pods, which templates do not see, and with few replicas."""
    return replace(
        config,
        namespaces=tuple(
            replace(
                namespace,
                replicas=min(namespace.replicas, MAX_ALIKE),
                applications=tuple(
                    replace(app, replicas=min(app.replicas, MAX_ALIKE), pods=0)
                    for app in namespace.applications
                ),
            )
            for namespace in config.namespaces
        ),
    )


def _fault(instance: TemplateInstance) -> tuple[tuple[object, ...], str] | None:
    """Return the problem of a template's output, and the key by which it equals other outputs."""
    name = instance.template.name
    try:
        instance.objects()
    except TemplateError as error:
        return (name, error.name, error.line, error.column, error.stage), str(error)
    except ConfigError as error:
        first = error.problems[0]
        return (name, first.line, first.column, first.what), str(error)
    return None
