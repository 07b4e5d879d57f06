"""The values of a file to the model, part by part."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pyload.config.app_types import APP_TYPES
from pyload.config.istio import read_gateways, read_istio
from pyload.config.mappings import read_keys, read_list
from pyload.config.model import (
    APPLICATION,
    NODE,
    WAYPOINT_SUFFIX,
    Application,
    ClusterConfig,
    Jitter,
    Namespace,
    NodeGroup,
)
from pyload.config.name_collisions import FixedNames
from pyload.config.names import check_name
from pyload.config.scalar_resolver import shown
from pyload.config.scalars import (
    is_null,
    read_bool,
    read_count,
    read_duration,
    read_labels,
    read_text,
    read_text_map,
)
from pyload.config.templates import read_configs, read_templates
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.app_types import AppType
    from pyload.config.dialect import Choice
    from pyload.config.scalars import Reading
    from pyload.config.schema import Schema
    from pyload.config.yaml import Block, Node

MAX_TOTAL: Final = 10_000_000
"""Most namespaces, applications or pods of one config; 10.0.0.0/8 has little more addresses."""

_RANDOM_SUFFIX: Final = len("-abcdefgh")


def read_cluster(reading: Reading, choice: Choice, root: Block) -> ClusterConfig:
    """Read a whole file; what is wrong in it is noted in `reading`."""
    keys = read_keys(reading, choice, "root", root)
    stable = read_bool(reading, keys.get("stableNames"), "stableNames") or False
    templates = read_templates(reading, keys.get("templates"))
    config = ClusterConfig(
        grace_period=_duration(reading, keys.get("gracePeriod"), "gracePeriod"),
        jitter=_jitter(reading, choice, keys.get("jitter")),
        stable_names=stable,
        node_metadata=read_text_map(reading, keys.get("nodeMetadata"), "nodeMetadata"),
        nodes=tuple(
            _node(reading, choice, item) for item in read_list(reading, keys.get("nodes"), "nodes")
        )
        or (NodeGroup(),),
        namespaces=_namespaces(
            reading, choice, keys.get("namespaces"), stable=stable, templates=templates
        ),
        istio=read_istio(reading, choice, "istio", keys.get("istio")),
        templates=templates,
    )
    _check_totals(reading, config, keys.get("namespaces", root), keys.get("nodes", root))
    return config


def _jitter(reading: Reading, choice: Choice, node: Node | None) -> Jitter:
    if node is None or is_null(node):
        return Jitter()
    keys = read_keys(reading, choice, "jitter", node)
    return Jitter(
        workloads=_duration(reading, keys.get("workloads"), "jitter.workloads"),
        config=_duration(reading, keys.get("config"), "jitter.config"),
        secrets=_duration(reading, keys.get("secrets"), "jitter.secrets"),
    )


def _node(reading: Reading, choice: Choice, node: Node) -> NodeGroup:
    keys = read_keys(reading, choice, "nodes", node)
    name = read_text(reading, keys.get("name"), "name") or NODE
    if "name" in keys:
        reading.complain(keys["name"], check_name(name, suffix=_RANDOM_SUFFIX, dots=True))
    count = read_count(reading, keys.get("count"), "count")
    ztunnel = keys.get("ztunnel")
    if ztunnel is not None and not is_null(ztunnel):
        read_keys(reading, choice, "ztunnel", ztunnel)
    return NodeGroup(name, 1 if count is None else count, not (ztunnel is None or is_null(ztunnel)))


def _namespaces(
    reading: Reading,
    choice: Choice,
    node: Node | None,
    *,
    stable: bool,
    templates: Mapping[str, str],
) -> tuple[Namespace, ...]:
    fixed = FixedNames(reading)
    namespaces = []
    for index, item in enumerate(read_list(reading, node, "namespaces")):
        keys = read_keys(reading, choice, "namespaces", item)
        replicas = read_count(reading, keys.get("replicas"), "replicas") or 1
        written = read_text(reading, keys.get("name"), "name")
        name = written or fixed.unnamed(index, alone=replicas == 1)
        if written:
            suffix = _suffix(index, replicas, stable=stable) if replicas > 1 else 0
            reading.complain(keys["name"], check_name(name, suffix=suffix))
        if replicas == 1:
            fixed.add(name, keys.get("name", item))
        elif stable:
            fixed.add_numbered(name, index, replicas, keys.get("name", item))
        namespaces.append(
            _namespace(reading, choice, keys, name, replicas, stable=stable, templates=templates)
        )
    fixed.check()
    return tuple(namespaces)


def _namespace(
    reading: Reading,
    choice: Choice,
    keys: Mapping[str, Node],
    name: str,
    replicas: int,
    *,
    stable: bool,
    templates: Mapping[str, str],
) -> Namespace:
    items = read_list(reading, keys.get("applications"), "applications")
    applications = tuple(
        _application(reading, choice, item, index, stable=stable, templates=templates)
        for index, item in enumerate(items)
    )
    _check_waypoints(reading, applications, items)
    return Namespace(
        name,
        replicas,
        _duration(reading, keys.get("gracePeriod"), "gracePeriod"),
        applications,
        waypoint=_waypoint(reading, keys.get("waypoint")),
        istio=read_istio(reading, choice, "istio", keys.get("istio")),
        configs=read_configs(reading, choice, keys.get("configs"), templates),
    )


def _waypoint(reading: Reading, node: Node | None) -> str:
    """Read which waypoint serves a namespace: ``APP`` or ``NAMESPACE/APP``."""
    text = read_text(reading, node, "waypoint") or ""
    if node is not None and text:
        namespace, slash, name = text.rpartition("/")
        if slash:
            reading.complain(node, check_name(namespace, suffix=0))
        reading.complain(node, check_name(name, suffix=len(WAYPOINT_SUFFIX)))
    return text


def _check_waypoints(
    reading: Reading, applications: tuple[Application, ...], items: tuple[Node, ...]
) -> None:
    """Note waypoints of one name: theirs has no random part, as the namespace's label names it."""
    first: dict[str, Node] = {}
    for application, item in zip(applications, items, strict=True):
        if application.type.is_waypoint and first.setdefault(application.name, item) is not item:
            line = first[application.name].line
            what = f"waypoint {shown(application.name)} is already made by the entry at line {line}"
            reading.problem(item, what, "give it another name, or use `replicas`")


def _application(
    reading: Reading,
    choice: Choice,
    node: Node,
    index: int,
    *,
    stable: bool,
    templates: Mapping[str, str],
) -> Application:
    keys = read_keys(reading, choice, "applications", node)
    pods_key = choice.schema.pods_key
    name = read_text(reading, keys.get("name"), "name") or APPLICATION
    replicas = read_count(reading, keys.get("replicas"), "replicas") or 1
    type_ = _type(reading, choice, keys.get("type"))
    if "name" in keys:
        suffix = _suffix(index, replicas, stable=stable)
        if type_.is_waypoint:
            suffix = len(WAYPOINT_SUFFIX) + (len(f"-{replicas - 1}") if replicas > 1 else 0)
        complaint = check_name(name, suffix=suffix, service=type_.in_cluster)
        reading.complain(keys["name"], complaint)
    gateways = read_gateways(reading, choice, keys.get("gateways"))
    if gateways.replicas and not type_.gateways:
        what = f"`gateways` has no effect for the type {shown(type_.name)}"
        reading.warn(keys["gateways"], what, "write `type: router`")
    return Application(
        name=name,
        type=type_,
        replicas=replicas,
        pods=read_count(reading, keys.get(pods_key), pods_key) or 0,
        labels=read_labels(reading, keys.get("labels"), "labels"),
        gateways=gateways,
        istio=read_istio(reading, choice, "applicationIstio", keys.get("istio")),
        configs=read_configs(reading, choice, keys.get("configs"), templates),
    )


def _type(reading: Reading, choice: Choice, node: Node | None) -> AppType:
    schema = choice.schema
    name = read_text(reading, node, "type")
    if node is None or not name:
        return schema.types[0]
    known = APP_TYPES.get(name)
    if known in schema.types:
        return known
    if known is not None:
        if not choice.mixed:
            fix = f"write `{known.counterpart}`" if known.counterpart else _types(schema)
            what = f"application type {shown(name)} does not exist in the {schema.dialect} dialect"
            reading.problem(node, what, fix)
    else:
        close = get_close_matches(name.lower(), schema.type_names, n=1)
        fix = f"did you mean `{close[0]}`?" if close else _types(schema)
        reading.problem(node, f"unknown application type {shown(name)}", fix)
    return schema.types[0]


def _types(schema: Schema) -> str:
    return "use one of " + ", ".join(f"`{name}`" for name in schema.type_names)


def _suffix(index: int, replicas: int, *, stable: bool) -> int:
    return len(f"-{index}-{replicas - 1}") if stable else _RANDOM_SUFFIX


def _duration(reading: Reading, node: Node | None, key: str) -> Duration:
    return read_duration(reading, node, key) or Duration(0)


def _check_totals(reading: Reading, config: ClusterConfig, namespaces: Node, nodes: Node) -> None:
    applications = pods = 0
    for namespace in config.namespaces:
        for application in namespace.applications:
            equal = namespace.replicas * application.replicas
            applications += equal
            pods += equal * application.pods * application.type.in_cluster
    spaces = sum(namespace.replicas for namespace in config.namespaces)
    totals = (("namespaces", spaces), ("applications", applications), ("pods", pods))
    for what, total in totals:
        if total > MAX_TOTAL:
            text = f"this makes {total:,} {what}, and at most {MAX_TOTAL:,} are possible"
            reading.problem(namespaces, text, "check the replicas and counts")
    if pods and not any(group.count for group in config.nodes):
        reading.problem(nodes, "there are pods, but no nodes for them", "set a `count` above 0")
