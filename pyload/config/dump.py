"""Writing a model as the text of a config file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from pyload.config.dialect import SCHEMAS
from pyload.config.scalar_resolver import resolve_plain
from pyload.report.thresholds import NONE
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.config.model import (
        Application,
        ClusterConfig,
        ConfigRef,
        Dialect,
        IstioObject,
        Jitter,
        Namespace,
        NodeGroup,
    )
    from pyload.report.thresholds import Threshold, Thresholds

_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_DUMPER):  # type: ignore[misc, valid-type] # libyaml's where there is one
    """Quotes text that would be read back as another type, and writes no anchors."""

    def ignore_aliases(self, _: Any) -> bool:
        """Return that no value gets an anchor."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(resolve_plain(text), str) else '"'
    if "\n" in text:
        # PyYAML quotes a text that cannot stand in a block.
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(config: ClusterConfig, dialect: Dialect) -> str:
    """Write a config with its defaults filled in: keys sorted, durations as Go's text.

    Keys whose values are off or empty are left out.
    """
    values: dict[str, Any] = {
        "gracePeriod": _unless_zero(config.grace_period),
        "istio": _istio(config.istio),
        "jitter": _jitter(config.jitter),
        "namespaces": [_namespace(one, dialect) for one in config.namespaces],
        "nodeMetadata": dict(config.node_metadata),
        "nodes": [_node(group) for group in config.nodes],
        "probe": _unless_zero(config.probe),
        "stableNames": config.stable_names,
        "templates": dict(config.templates),
        "thresholds": _thresholds(config.thresholds),
    }
    kept = {key: value for key, value in values.items() if value or key == "jitter"}
    return as_yaml(kept, sort_keys=True)


def as_yaml(value: Any, *, sort_keys: bool = False) -> str:
    """Write plain data as a YAML document that Go's readers and PyYAML's understand alike."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=sort_keys,
        width=4096,
    )
    return str(text)


def _thresholds(thresholds: Thresholds) -> list[Any]:
    items = [_threshold(one) for one in thresholds.items]
    return [NONE, *items] if thresholds.without_defaults else items


def _threshold(threshold: Threshold) -> str | dict[str, Any]:
    if not threshold.abort:
        return threshold.expr
    after = Duration.from_seconds(threshold.after)
    values = {"expr": threshold.expr, "abort": True, "after": _unless_zero(after)}
    return {key: value for key, value in values.items() if value}


def _node(group: NodeGroup) -> dict[str, Any]:
    values: dict[str, Any] = {"name": group.name, "count": group.count}
    if group.ztunnel:
        values["ztunnel"] = {}
    return values


def _namespace(namespace: Namespace, dialect: Dialect) -> dict[str, Any]:
    values: dict[str, Any] = {
        "gracePeriod": _unless_zero(namespace.grace_period),
        "applications": [_application(one, dialect) for one in namespace.applications],
        "waypoint": namespace.waypoint,
        "istio": _istio(namespace.istio),
        "configs": _configs(namespace.configs),
    }
    return {"name": namespace.name, "replicas": namespace.replicas} | _filled(values)


def _application(application: Application, dialect: Dialect) -> dict[str, Any]:
    values: dict[str, Any] = {
        "labels": dict(application.labels),
        "istio": _istio(application.istio),
        "configs": _configs(application.configs),
    }
    if application.gateways.replicas:
        gateways = application.gateways
        values["gateways"] = _filled({"name": gateways.name}) | {"replicas": gateways.replicas}
    return {
        "name": application.name,
        "type": application.type.name,
        "replicas": application.replicas,
        SCHEMAS[dialect].pods_key: application.pods,
    } | _filled(values)


def _istio(objects: Iterable[IstioObject]) -> dict[str, Any]:
    return {
        one.kind: _filled({"name": one.name, "gateways": list(one.gateways)}) for one in objects
    }


def _configs(refs: Iterable[ConfigRef]) -> list[dict[str, Any]]:
    listed = []
    for ref in refs:
        values: dict[str, Any] = {"name": ref.name} | _filled({"config": dict(ref.config)})
        if ref.refresh is not None:
            values["refresh"] = ref.refresh
        listed.append(values)
    return listed


def _jitter(jitter: Jitter) -> dict[str, str]:
    spans = {"config": jitter.config, "secrets": jitter.secrets, "workloads": jitter.workloads}
    return {name: str(span) for name, span in spans.items() if span}


def _unless_zero(span: int) -> str:
    return str(span) if span else ""


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
