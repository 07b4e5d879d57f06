"""Objects in another version of their kind than the one in which they are kept.

Versions of a custom kind differ in their names alone, as do most of the built-in ones. The
exception is the HorizontalPodAutoscaler, which kubectl before 1.33 creates in version v1. That has
one target, the CPU; what else an object aims at stands in annotations there, to be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.kube.resources import Obj

_KEPT: Final = {
    "autoscaling.alpha.kubernetes.io/metrics": ("spec", "metrics"),
    "autoscaling.alpha.kubernetes.io/behavior": ("spec", "behavior"),
    "autoscaling.alpha.kubernetes.io/conditions": ("status", "conditions"),
    "autoscaling.alpha.kubernetes.io/current-metrics": ("status", "currentMetrics"),
}
"""Annotations of an autoscaler in version v1, and the fields that they stand for."""

_SHARE: Final = "targetCPUUtilizationPercentage"


def in_version(obj: Obj, api_version: str) -> Obj:
    """Return an object in another version; the argument stays as it is."""
    convert = _CONVERSIONS.get((obj["apiVersion"], api_version))
    if convert:
        obj = convert(obj)
    return {**obj, "apiVersion": api_version}


def _to_v1(obj: Obj) -> Obj:
    """Return an autoscaler with its target for the CPU, and the rest in annotations."""
    parts = {part: dict(obj.get(part) or {}) for part in ("metadata", "spec", "status")}
    metrics = parts["spec"].get("metrics") or []
    cpu = next((one for one in metrics if _cpu_share(one) is not None), None)
    if cpu is not None:
        parts["spec"][_SHARE] = _cpu_share(cpu)
        parts["spec"]["metrics"] = [one for one in metrics if one is not cpu]
    annotations = dict(parts["metadata"].get("annotations") or {})
    for annotation, (part, name) in _KEPT.items():
        value = parts[part].pop(name, None)
        if value:
            annotations[annotation] = orjson.dumps(value).decode()
    return _joined(obj, parts, annotations)


def _from_v1(obj: Obj) -> Obj:
    """Return an autoscaler with all its metrics, those in its annotations too."""
    parts = {part: dict(obj.get(part) or {}) for part in ("metadata", "spec", "status")}
    annotations = dict(parts["metadata"].get("annotations") or {})
    for annotation, (part, name) in _KEPT.items():
        if annotation in annotations:
            parts[part][name] = orjson.loads(annotations.pop(annotation))
    share = parts["spec"].pop(_SHARE, None)
    if share is not None:
        target = {"type": "Utilization", "averageUtilization": share}
        cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        parts["spec"]["metrics"] = [cpu, *parts["spec"].get("metrics", ())]
    return _joined(obj, parts, annotations)


def _cpu_share(metric: Obj) -> Any:
    """Return which share of its request a metric wants of the CPU; None if it is another."""
    resource = metric.get("resource") or {}
    if resource.get("name") != "cpu":
        return None
    return (resource.get("target") or {}).get("averageUtilization")


def _joined(obj: Obj, parts: dict[str, Obj], annotations: Obj) -> Obj:
    parts["metadata"].pop("annotations", None)
    if annotations:
        parts["metadata"]["annotations"] = annotations
    return {**obj, **{name: part for name, part in parts.items() if part or name in obj}}


_CONVERSIONS: Final[Mapping[tuple[str, str], Callable[[Obj], Obj]]] = {
    ("autoscaling/v2", "autoscaling/v1"): _to_v1,
    ("autoscaling/v1", "autoscaling/v2"): _from_v1,
}
