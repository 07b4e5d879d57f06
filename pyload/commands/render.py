"""``pyload render``: the objects that a config makes, as text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from pyload.config.data import read_data
from pyload.config.dump import as_yaml
from pyload.errors import ConfigError, UsageError
from pyload.gotemplate.sprig import Surroundings
from pyload.gotemplate.sprig.certificates import serving_pairs
from pyload.manifests.ips import IpAllocator
from pyload.manifests.kwok import Placement
from pyload.mesh.builder import ObjectBuilder
from pyload.mesh.names import Names, is_called
from pyload.mesh.planner import plan_cluster
from pyload.mesh.steps import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from pyload.config.model import ClusterConfig, ConfigRef
    from pyload.config.parse import Loaded
    from pyload.mesh.cluster_types import ClusterType
    from pyload.mesh.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """The config to render, and the part of it.

    Attributes:
        loaded: The config.
        cluster_type: Type of the cluster that the objects are made for.
        namespace: Only what belongs to this namespace: a name in full, or one of the config;
            empty for all.
        app: Only what belongs to this application, in the same way.
        seed: Of the random names; a run with the same seed draws the same ones.
        values: Values that take the place of those that the config gives to its templates.
    """

    loaded: Loaded
    cluster_type: ClusterType = "fake-node"
    namespace: str = ""
    app: str = ""
    seed: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)


def parse_values(settings: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE``, where the value is YAML as in a config.

    Raises:
        UsageError: One of them is nothing of that form.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not (key and equals):
            raise UsageError(f"--set {setting} is not KEY=VALUE")
        try:
            values[key] = read_data(text.encode("utf-8", "replace"), source=f"--set {key}")
        except ConfigError as error:
            raise UsageError(str(error), fix="put the value in quotes for YAML") from error
    return values


def render(options: RenderOptions, *, now: datetime) -> Iterator[str]:
    """Return the objects that a run would create, each as a YAML document, in their order.

    Random names are the same each time, so that two renderings can be compared; those of a run
    are others. The service accounts and rights of proxies that are authenticated are among the
    objects; leases are not, as they need the UID of their node.

    Args:
        options: The config and the part of it.
        now: The time that the objects carry, in UTC.

    Raises:
        PyloadError: The config cannot be planned, a template fails, or nothing has the name.
    """
    config = _with_values(options.loaded.config, options.values)
    names = Names(Random(options.seed))  # noqa: S311 - names, not secrets
    plan = plan_cluster(config, options.cluster_type, names=names, next_ip=IpAllocator().allocate)
    chosen = _chosen(plan, namespace=options.namespace, app=options.app)
    builder = ObjectBuilder(
        plan.run_id,
        plan.traits,
        placement=Placement(),
        pairs=cache(lambda: serving_pairs(Surroundings())),
    )
    for part in parts_of(chosen, authenticated=True):
        for group in part.groups:
            if options.app and group.app is None:
                continue
            for step in group.steps:
                for obj in builder.build_all(step, now):
                    yield f"---\n{as_yaml(obj)}"


def _with_values(config: ClusterConfig, values: Mapping[str, Any]) -> ClusterConfig:
    if not values:
        return config

    def valued(refs: tuple[ConfigRef, ...]) -> tuple[ConfigRef, ...]:
        return tuple(replace(ref, config={**ref.config, **values}) for ref in refs)

    return replace(
        config,
        namespaces=tuple(
            replace(
                namespace,
                configs=valued(namespace.configs),
                applications=tuple(
                    replace(app, configs=valued(app.configs)) for app in namespace.applications
                ),
            )
            for namespace in config.namespaces
        ),
    )


def _chosen(plan: Plan, *, namespace: str, app: str) -> Plan:
    """Return the part of a plan that has the names."""
    if not (namespace or app):
        return plan
    namespaces = plan.namespaces
    if namespace:
        namespaces = tuple(one for one in namespaces if is_called(one.name, namespace))
        if not namespaces:
            raise _unknown("namespace", namespace, (one.name for one in plan.namespaces))
    if app:
        known = [one.name for within in namespaces for one in within.apps]
        if not any(is_called(name, app) for name in known):
            raise _unknown("application", app, known)
        namespaces = tuple(
            replace(one, apps=tuple(each for each in one.apps if is_called(each.name, app)))
            for one in namespaces
        )
    return replace(plan, nodes=(), ztunnels=(), istio_objects=(), namespaces=namespaces)


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    names = list(dict.fromkeys(known))
    close = get_close_matches(name, names, n=1, cutoff=0.4)
    fix = f"did you mean {close[0]}?" if close else f"there is {', '.join(names[:10]) or 'none'}"
    return UsageError(f"the config makes no {what} {name}", fix=fix)
