"""The classic dialect: pilot-load as it was until January 2025."""

from __future__ import annotations

from typing import Final

from pyload.config.app_types import types_of
from pyload.config.schema import Schema

_EVERYWHERE: Final = (
    "sidecar",
    "envoyFilter",
    "telemetry",
    "authorizationPolicy",
    "peerAuthentication",
    "requestAuthentication",
)

CLASSIC: Final = Schema(
    dialect="classic",
    keys={
        "root": (
            "gracePeriod",
            "jitter",
            "stableNames",
            "nodeMetadata",
            "istio",
            "nodes",
            "namespaces",
            "thresholds",
            "probe",
        ),
        "jitter": ("workloads", "config", "secrets"),
        "thresholds": ("expr", "abort", "after"),
        "nodes": ("name", "count", "ztunnel"),
        "ztunnel": (),
        "namespaces": ("name", "replicas", "istio", "applications"),
        "istio": ("default", *_EVERYWHERE),
        "applications": (
            "name",
            "type",
            "replicas",
            "instances",
            "labels",
            "gateways",
            "istio",
        ),
        "applicationIstio": ("default", "virtualService", "destinationRule", *_EVERYWHERE),
        "istioObject": ("name",),
        "virtualService": ("name", "gateways"),
        "gateways": ("name", "replicas"),
        "configs": (),
    },
    types=types_of("classic"),
    pods_key="instances",
    renamed={"pods": "instances"},
)
