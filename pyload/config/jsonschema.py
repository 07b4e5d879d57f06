"""A JSON Schema of each dialect, for editors.

It is made from the tables of keys. Rules that a schema cannot express (names that collide, totals,
keys in any case) are checked by `pyload.config.parse` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.config.dialect import SCHEMAS
from pyload.config.scalars import MAX_COUNT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.model import Dialect
    from pyload.config.schema import Place, Schema

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_TEXT: Final = {"type": ["string", "number", "boolean", "null"]}
_NAME: Final = {"type": ["string", "number", "null"]}
_COUNT: Final = {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_COUNT}
_FLAG: Final = {"type": ["boolean", "null"]}
_SPAN: Final = {
    "type": ["string", "integer", "null"],
    "pattern": r"^[+]?(0|([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
    r"(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$",
    "minimum": 0,
}
_TEXTS: Final = {"type": ["object", "null"], "additionalProperties": _TEXT}


@dataclass(frozen=True, slots=True)
class _Part:
    """A mapping with the keys of a place; with `listed`, a list of such mappings."""

    place: Place
    listed: bool = False


_VALUES: Final[Mapping[tuple[Place, str], tuple[Mapping[str, Any] | _Part, str]]] = {
    ("root", "gracePeriod"): (_SPAN, "Pause after each namespace during the start."),
    ("root", "jitter"): (_Part("jitter"), "Mean times between changes of the running mesh."),
    ("root", "stableNames"): (_FLAG, "Number names instead of giving them random suffixes."),
    ("root", "nodeMetadata"): (_TEXTS, "Node metadata of every proxy."),
    ("root", "istio"): (_Part("istio"), "Istio objects for the whole mesh."),
    ("root", "nodes"): (_Part("nodes", listed=True), "The Kubernetes nodes."),
    ("root", "templates"): (_TEXTS, "Texts of templates by name."),
    ("root", "thresholds"): (
        _Part("thresholds", listed=True),
        "What the figures of a run have to be.",
    ),
    ("root", "probe"): (
        _SPAN,
        "Time between two changes whose way to every proxy is measured.",
    ),
    ("thresholds", "expr"): (
        {"type": "string"},
        "METRIC OP VALUE, such as `first_config.p99 < 2s`.",
    ),
    ("thresholds", "abort"): (_FLAG, "Whether the run ends as soon as it fails."),
    ("thresholds", "after"): (_SPAN, "Time of the run in which it does not end it."),
    ("root", "namespaces"): (_Part("namespaces", listed=True), "The namespaces."),
    ("jitter", "workloads"): (_SPAN, "Mean time between replacements of a random pod."),
    ("jitter", "config"): (_SPAN, "Mean time between changes of a random Istio object."),
    ("jitter", "secrets"): (_SPAN, "Mean time between changes of a random TLS Secret."),
    ("nodes", "name"): (_NAME, "What the nodes' names start with."),
    ("nodes", "count"): (_COUNT, "How many nodes."),
    ("nodes", "ztunnel"): (_Part("ztunnel"), "Run a ztunnel for each node: `{}`."),
    ("namespaces", "name"): (_NAME, "Its name, or the prefix where there are replicas."),
    ("namespaces", "replicas"): (_COUNT, "How many such namespaces."),
    ("namespaces", "gracePeriod"): (_SPAN, "Pause after each application during the start."),
    ("namespaces", "waypoint"): (_NAME, "The waypoint that serves it: `APP` or `NAMESPACE/APP`."),
    ("namespaces", "istio"): (_Part("istio"), "Istio objects for the whole namespace."),
    ("namespaces", "configs"): (_Part("configs", listed=True), "Templates for the namespace."),
    ("namespaces", "applications"): (_Part("applications", listed=True), "Its applications."),
    ("istio", "default"): (_FLAG, "All of the kinds below."),
    ("applications", "name"): (_NAME, "What the services' names start with."),
    ("applications", "type"): ({}, "What the pods are."),
    ("applications", "replicas"): (_COUNT, "How many such applications."),
    ("applications", "instances"): (_COUNT, "Pods of each."),
    ("applications", "pods"): (_COUNT, "Pods of each."),
    ("applications", "labels"): (_TEXTS, "Labels of the Service."),
    ("applications", "gateways"): (_Part("gateways"), "Gateways of a router."),
    ("applications", "istio"): (_Part("applicationIstio"), "Istio objects of each."),
    ("applications", "configs"): (_Part("configs", listed=True), "Templates of each."),
    ("applicationIstio", "default"): (_FLAG, "All of the kinds below."),
    ("istioObject", "name"): (_NAME, "Name of the object."),
    ("virtualService", "name"): (_NAME, "Name of the object."),
    ("virtualService", "gateways"): (
        {"type": ["array", "null"], "items": _NAME},
        "Gateways that it binds to.",
    ),
    ("gateways", "name"): (_NAME, "What the Gateways' names start with."),
    ("gateways", "replicas"): (_COUNT, "How many Gateways, each with a TLS Secret."),
    ("configs", "name"): (_NAME, "Name of the template."),
    ("configs", "config"): ({"type": ["object", "null"]}, "Values for the template."),
    ("configs", "refresh"): (_FLAG, "Whether `jitter.config` changes it."),
}


def json_schema(dialect: Dialect | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a dialect; by default one that accepts both dialects."""
    head = {"$schema": DRAFT, "title": "A mesh for pyload"}
    if dialect is not None:
        schema = SCHEMAS[dialect]
        return {**head, **_root(schema, ""), "definitions": _definitions(schema, "")}
    definitions: dict[str, Any] = {}
    for name, schema in SCHEMAS.items():
        definitions[name] = _root(schema, f"{name}.")
        definitions |= _definitions(schema, f"{name}.")
    either = [{"$ref": f"#/definitions/{name}"} for name in SCHEMAS]
    return {**head, "anyOf": either, "definitions": definitions}


def _root(schema: Schema, prefix: str) -> dict[str, Any]:
    root = _block(schema, "root", prefix)
    root["properties"]["dialect"] = {
        "enum": [schema.dialect, None],
        "description": "Which pilot-load the file is written for.",
    }
    return root


def _definitions(schema: Schema, prefix: str) -> dict[str, Any]:
    found = {
        f"{prefix}{place}": _block(schema, place, prefix)
        for place, keys in schema.keys.items()
        if place != "root" and (keys or place == "ztunnel")
    }
    for place in ("configs", "thresholds"):
        if (name := f"{prefix}{place}") in found:
            found[name] = {"anyOf": [{"type": "string"}, found[name]]}
    return found


def _block(schema: Schema, place: Place, prefix: str) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {key: _value(schema, place, key, prefix) for key in schema.keys[place]},
    }


def _value(schema: Schema, place: Place, key: str, prefix: str) -> dict[str, Any]:
    if place in ("istio", "applicationIstio") and key != "default":
        part = "virtualService" if key == "virtualService" else "istioObject"
        return {"$ref": f"#/definitions/{prefix}{part}"}
    value, text = _VALUES[place, key]
    if (place, key) == ("applications", "type"):
        value = {"enum": [*schema.type_names, None], "default": schema.types[0].name}
    if not isinstance(value, _Part):
        return {**value, "description": text}
    reference = {"$ref": f"#/definitions/{prefix}{value.place}"}
    if value.listed:
        return {"type": ["array", "null"], "items": reference, "description": text}
    # This draft ignores the keys beside a reference.
    return {"allOf": [reference], "description": text}
