"""Building the model from the nodes of a file, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pyload.config.app_types import APP_TYPES
from pyload.config.emptiness import nothing_to_run
from pyload.config.istio import read_gateways, read_istio
from pyload.config.mappings import read_block
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
from pyload.config.placed import PlacedApplication, PlacedNamespace
from pyload.config.references import check_references
from pyload.config.scalar_resolver import quote
from pyload.config.scalars import read_labels
from pyload.config.templates import read_configs, read_templates
from pyload.config.thresholds import read_thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.config.app_types import AppType
    from pyload.config.dialect import DialectChoice
    from pyload.config.mappings import Block
    from pyload.config.scalars import Findings
    from pyload.config.schema import Schema
    from pyload.config.yaml import MappingNode, Node
    from pyload.errors import Problem

MAX_TOTAL: Final = 10_000_000
"""Most namespaces, applications or pods of one config: 10.0.0.0/8 has few more addresses."""

_RANDOM_SUFFIX: Final = len("-abcdefgh")


@dataclass(frozen=True, slots=True)
class _Given:
    """What the top of a file says about all the rest of it."""

    stable_names: bool
    templates: Mapping[str, str]


def build_config(
    findings: Findings, choice: DialectChoice, node: MappingNode
) -> tuple[ClusterConfig, Problem | None]:
    """Build the model of a whole file; its problems are noted in `findings`.

    Returns:
        The model, and the problem that there is nothing to run in it, if so.
    """
    root = read_block(findings, choice, "root", node)
    given = _Given(root.flag("stableNames") or False, read_templates(root))
    namespaces = _namespaces(root, given)
    config = ClusterConfig(
        grace_period=root.duration("gracePeriod"),
        jitter=_jitter(root.block("jitter", "jitter")),
        stable_names=given.stable_names,
        node_metadata=root.texts("nodeMetadata"),
        nodes=tuple(map(_node, root.blocks("nodes", "nodes"))) or (NodeGroup(),),
        namespaces=tuple(one.namespace for one in namespaces),
        istio=read_istio(root, "istio"),
        templates=given.templates,
        thresholds=read_thresholds(root),
        probe=root.duration("probe"),
    )
    _check_totals(findings, config, root.at("namespaces"), root.at("nodes"))
    check_references(namespaces, stable=given.stable_names)
    return config, nothing_to_run(config, root, namespaces)


def _jitter(block: Block | None) -> Jitter:
    if block is None:
        return Jitter()
    workloads, config, secrets = (
        block.duration(key, within="jitter.") for key in ("workloads", "config", "secrets")
    )
    return Jitter(workloads=workloads, config=config, secrets=secrets)


def _node(block: Block) -> NodeGroup:
    name = block.text("name") or NODE
    if "name" in block.values:
        complaint = check_name(name, suffix=_RANDOM_SUFFIX, dots=True)
        block.findings.complain(block.at("name"), complaint)
    count = block.count("count")
    ztunnel = block.block("ztunnel", "ztunnel")
    return NodeGroup(name, 1 if count is None else count, ztunnel is not None)


def _namespaces(root: Block, given: _Given) -> tuple[PlacedNamespace, ...]:
    names = NamespaceNames(root.findings)
    namespaces = []
    for index, block in enumerate(root.blocks("namespaces", "namespaces")):
        replicas = block.count("replicas") or 1
        written = block.text("name")
        name = written or names.default_name(index, alone=replicas == 1)
        if written:
            suffix = _suffix(index, replicas, given) if replicas > 1 else 0
            root.findings.complain(block.at("name"), check_name(name, suffix=suffix))
        if replicas == 1:
            names.add(name, block.at("name"))
        elif given.stable_names:
            names.add_numbered(name, index, replicas, block.at("name"))
        namespaces.append(_namespace(block, name, replicas, given))
    names.report_collisions()
    return tuple(namespaces)


def _namespace(block: Block, name: str, replicas: int, given: _Given) -> PlacedNamespace:
    placed = tuple(
        PlacedApplication(_application(one, index, given), one)
        for index, one in enumerate(block.blocks("applications", "applications"))
    )
    _check_waypoints(block.findings, placed)
    namespace = Namespace(
        name,
        replicas,
        block.duration("gracePeriod"),
        tuple(one.application for one in placed),
        waypoint=_waypoint(block),
        istio=read_istio(block, "istio"),
        configs=read_configs(block, given.templates),
    )
    return PlacedNamespace(namespace, block, placed)


def _waypoint(block: Block) -> str:
    """Read the waypoint that serves a namespace: ``APP`` or ``NAMESPACE/APP``."""
    text = block.text("waypoint")
    if text:
        namespace, slash, name = text.rpartition("/")
        complaints = [check_name(name, suffix=len(WAYPOINT_SUFFIX))]
        if slash:
            complaints.append(check_name(namespace, suffix=0))
        for complaint in complaints:
            block.findings.complain(block.at("waypoint"), complaint)
    return text


def _check_waypoints(findings: Findings, applications: Iterable[PlacedApplication]) -> None:
    """Note waypoints of the same name, which would be the same object.

    The label of a namespace names its waypoint, so the name has no random part.
    """
    first: dict[str, Node] = {}
    for one in applications:
        application, at = one.application, one.block.node
        if application.type.is_waypoint and first.setdefault(application.name, at) is not at:
            line = first[application.name].line
            what = f"waypoint {quote(application.name)} is already made by the entry at line {line}"
            findings.problem(at, what, "give it another name, or use `replicas`")


def _application(block: Block, index: int, given: _Given) -> Application:
    findings = block.findings
    name = block.text("name") or APPLICATION
    replicas = block.count("replicas") or 1
    type_ = _type(block)
    if "name" in block.values:
        suffix = _suffix(index, replicas, given)
        if type_.is_waypoint:
            suffix = len(WAYPOINT_SUFFIX) + (len(f"-{replicas - 1}") if replicas > 1 else 0)
        complaint = check_name(name, suffix=suffix, service=type_.in_cluster)
        findings.complain(block.at("name"), complaint)
    gateways = read_gateways(block.block("gateways", "gateways"))
    if gateways.replicas and not type_.gateways:
        what = f"`gateways` has no effect for the type {quote(type_.name)}"
        findings.warn(block.at("gateways"), what, "write `type: router`")
    return Application(
        name=name,
        type=type_,
        replicas=replicas,
        pods=block.count(block.choice.schema.pods_key) or 0,
        labels=read_labels(findings, block.values.get("labels"), "labels"),
        gateways=gateways,
        istio=read_istio(block, "applicationIstio"),
        configs=read_configs(block, given.templates),
    )


def _type(block: Block) -> AppType:
    findings, schema, node = block.findings, block.choice.schema, block.at("type")
    name = block.text("type")
    if not name:
        return schema.types[0]
    known = APP_TYPES.get(name)
    if known in schema.types:
        return known
    if known is not None:
        if not block.choice.mixed:
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


def _suffix(index: int, replicas: int, given: _Given) -> int:
    return len(f"-{index}-{replicas - 1}") if given.stable_names else _RANDOM_SUFFIX


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
