"""Building the model from the nodes of a file, part by part."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pyload.config.app_types import APP_TYPES
from pyload.config.istio import read_gateways, read_istio
from pyload.config.mappings import read_list, read_mapping
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
from pyload.config.name_collisions import NamespaceNames
from pyload.config.names import check_name
from pyload.config.scalar_resolver import quote
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
    from pyload.config.dialect import DialectChoice
    from pyload.config.scalars import Findings
    from pyload.config.schema import Schema
    from pyload.config.yaml import MappingNode, Node

MAX_TOTAL: Final = 10_000_000
"""Most namespaces, applications or pods of one config: 10.0.0.0/8 has few more addresses."""

_RANDOM_SUFFIX: Final = len("-abcdefgh")


def build_config(findings: Findings, choice: DialectChoice, root: MappingNode) -> ClusterConfig:
    """Build the model of a whole file; its problems are noted in `findings`."""
    keys = read_mapping(findings, choice, "root", root)
    stable = read_bool(findings, keys.get("stableNames"), "stableNames") or False
    templates = read_templates(findings, keys.get("templates"))
    config = ClusterConfig(
        grace_period=_duration(findings, keys.get("gracePeriod"), "gracePeriod"),
        jitter=_jitter(findings, choice, keys.get("jitter")),
        stable_names=stable,
        node_metadata=read_text_map(findings, keys.get("nodeMetadata"), "nodeMetadata"),
        nodes=tuple(
            _node(findings, choice, item)
            for item in read_list(findings, keys.get("nodes"), "nodes")
        )
        or (NodeGroup(),),
        namespaces=_namespaces(
            findings, choice, keys.get("namespaces"), stable=stable, templates=templates
        ),
        istio=read_istio(findings, choice, "istio", keys.get("istio")),
        templates=templates,
    )
    _check_totals(findings, config, keys.get("namespaces", root), keys.get("nodes", root))
    return config


def _jitter(findings: Findings, choice: DialectChoice, node: Node | None) -> Jitter:
    if node is None or is_null(node):
        return Jitter()
    keys = read_mapping(findings, choice, "jitter", node)
    return Jitter(
        workloads=_duration(findings, keys.get("workloads"), "jitter.workloads"),
        config=_duration(findings, keys.get("config"), "jitter.config"),
        secrets=_duration(findings, keys.get("secrets"), "jitter.secrets"),
    )


def _node(findings: Findings, choice: DialectChoice, node: Node) -> NodeGroup:
    keys = read_mapping(findings, choice, "nodes", node)
    name = read_text(findings, keys.get("name"), "name") or NODE
    if "name" in keys:
        findings.complain(keys["name"], check_name(name, suffix=_RANDOM_SUFFIX, dots=True))
    count = read_count(findings, keys.get("count"), "count")
    ztunnel = keys.get("ztunnel")
    if ztunnel is not None and not is_null(ztunnel):
        read_mapping(findings, choice, "ztunnel", ztunnel)
    return NodeGroup(name, 1 if count is None else count, not (ztunnel is None or is_null(ztunnel)))


def _namespaces(
    findings: Findings,
    choice: DialectChoice,
    node: Node | None,
    *,
    stable: bool,
    templates: Mapping[str, str],
) -> tuple[Namespace, ...]:
    names = NamespaceNames(findings)
    namespaces = []
    for index, item in enumerate(read_list(findings, node, "namespaces")):
        keys = read_mapping(findings, choice, "namespaces", item)
        replicas = read_count(findings, keys.get("replicas"), "replicas") or 1
        written = read_text(findings, keys.get("name"), "name")
        name = written or names.default_name(index, alone=replicas == 1)
        if written:
            suffix = _suffix(index, replicas, stable=stable) if replicas > 1 else 0
            findings.complain(keys["name"], check_name(name, suffix=suffix))
        if replicas == 1:
            names.add(name, keys.get("name", item))
        elif stable:
            names.add_numbered(name, index, replicas, keys.get("name", item))
        namespaces.append(
            _namespace(findings, choice, keys, name, replicas, stable=stable, templates=templates)
        )
    names.report_collisions()
    return tuple(namespaces)


def _namespace(
    findings: Findings,
    choice: DialectChoice,
    keys: Mapping[str, Node],
    name: str,
    replicas: int,
    *,
    stable: bool,
    templates: Mapping[str, str],
) -> Namespace:
    items = read_list(findings, keys.get("applications"), "applications")
    applications = tuple(
        _application(findings, choice, item, index, stable=stable, templates=templates)
        for index, item in enumerate(items)
    )
    _check_waypoints(findings, applications, items)
    return Namespace(
        name,
        replicas,
        _duration(findings, keys.get("gracePeriod"), "gracePeriod"),
        applications,
        waypoint=_waypoint(findings, keys.get("waypoint")),
        istio=read_istio(findings, choice, "istio", keys.get("istio")),
        configs=read_configs(findings, choice, keys.get("configs"), templates),
    )


def _waypoint(findings: Findings, node: Node | None) -> str:
    """Read the waypoint that serves a namespace: ``APP`` or ``NAMESPACE/APP``."""
    text = read_text(findings, node, "waypoint") or ""
    if node is not None and text:
        namespace, slash, name = text.rpartition("/")
        if slash:
            findings.complain(node, check_name(namespace, suffix=0))
        findings.complain(node, check_name(name, suffix=len(WAYPOINT_SUFFIX)))
    return text


def _check_waypoints(
    findings: Findings, applications: tuple[Application, ...], items: tuple[Node, ...]
) -> None:
    """Note waypoints of the same name, which would be the same object.

    The label of a namespace names its waypoint, so the name has no random part.
    """
    first: dict[str, Node] = {}
    for application, item in zip(applications, items, strict=True):
        if application.type.is_waypoint and first.setdefault(application.name, item) is not item:
            line = first[application.name].line
            what = f"waypoint {quote(application.name)} is already made by the entry at line {line}"
            findings.problem(item, what, "give it another name, or use `replicas`")


def _application(
    findings: Findings,
    choice: DialectChoice,
    node: Node,
    index: int,
    *,
    stable: bool,
    templates: Mapping[str, str],
) -> Application:
    keys = read_mapping(findings, choice, "applications", node)
    pods_key = choice.schema.pods_key
    name = read_text(findings, keys.get("name"), "name") or APPLICATION
    replicas = read_count(findings, keys.get("replicas"), "replicas") or 1
    type_ = _type(findings, choice, keys.get("type"))
    if "name" in keys:
        suffix = _suffix(index, replicas, stable=stable)
        if type_.is_waypoint:
            suffix = len(WAYPOINT_SUFFIX) + (len(f"-{replicas - 1}") if replicas > 1 else 0)
        complaint = check_name(name, suffix=suffix, service=type_.in_cluster)
        findings.complain(keys["name"], complaint)
    gateways = read_gateways(findings, choice, keys.get("gateways"))
    if gateways.replicas and not type_.gateways:
        what = f"`gateways` has no effect for the type {quote(type_.name)}"
        findings.warn(keys["gateways"], what, "write `type: router`")
    return Application(
        name=name,
        type=type_,
        replicas=replicas,
        pods=read_count(findings, keys.get(pods_key), pods_key) or 0,
        labels=read_labels(findings, keys.get("labels"), "labels"),
        gateways=gateways,
        istio=read_istio(findings, choice, "applicationIstio", keys.get("istio")),
        configs=read_configs(findings, choice, keys.get("configs"), templates),
    )


def _type(findings: Findings, choice: DialectChoice, node: Node | None) -> AppType:
    schema = choice.schema
    name = read_text(findings, node, "type")
    if node is None or not name:
        return schema.types[0]
    known = APP_TYPES.get(name)
    if known in schema.types:
        return known
    if known is not None:
        if not choice.mixed:
            fix = f"write `{known.counterpart}`" if known.counterpart else _types(schema)
            what = f"application type {quote(name)} does not exist in the {schema.dialect} dialect"
            findings.problem(node, what, fix)
    else:
        close = get_close_matches(name.lower(), schema.type_names, n=1)
        fix = f"did you mean `{close[0]}`?" if close else _types(schema)
        findings.problem(node, f"unknown application type {quote(name)}", fix)
    return schema.types[0]


def _types(schema: Schema) -> str:
    return "use one of " + ", ".join(f"`{name}`" for name in schema.type_names)


def _suffix(index: int, replicas: int, *, stable: bool) -> int:
    return len(f"-{index}-{replicas - 1}") if stable else _RANDOM_SUFFIX


def _duration(findings: Findings, node: Node | None, key: str) -> Duration:
    return read_duration(findings, node, key) or Duration(0)


def _check_totals(findings: Findings, config: ClusterConfig, namespaces: Node, nodes: Node) -> None:
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
            findings.problem(namespaces, text, "check the replicas and counts")
    if pods and not any(group.count for group in config.nodes):
        findings.problem(nodes, "there are pods, but no nodes for them", "set a `count` above 0")
