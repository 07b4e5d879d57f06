"""The current dialect: pilot-load since its rewrite of 2025."""

from __future__ import annotations

from typing import Final

from pyload.config.app_types import types_of
from pyload.config.schema import Schema

CURRENT: Final = Schema(
    dialect="current",
    keys={
        "root": (
            "gracePeriod",
            "jitter",
            "stableNames",
            "nodeMetadata",
            "nodes",
            "templates",
            "namespaces",
            "thresholds",
            "probe",
        ),
        "jitter": ("workloads", "config"),
        "thresholds": ("expr", "abort", "after"),
        "nodes": ("name", "count", "ztunnel"),
        "namespaces": (
            "name",
            "replicas",
            "gracePeriod",
            "waypoint",
            "configs",
            "applications",
        ),
        "applications": ("name", "type", "replicas", "pods", "labels", "configs"),
        "ztunnel": (),
        "istio": (),
        "applicationIstio": (),
        "istioObject": (),
        "virtualService": (),
        "gateways": (),
        "configs": ("name", "config", "refresh"),
    },
    types=types_of("current"),
    pods_key="pods",
    renamed={"instances": "pods"},
)
