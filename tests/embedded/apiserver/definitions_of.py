"""Definitions of custom kinds for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRONTABS = "/apis/stable.example.com/v1/namespaces/default/crontabs"

SPEC: Obj = {
    "type": "object",
    "required": ["cron"],
    "properties": {
        "cron": {"type": "string", "pattern": r"^\S+ \S+$", "maxLength": 20},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
        "policy": {"type": "string", "enum": ["Allow", "Forbid"], "default": "Allow"},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
            },
        },
    },
}


def version(name: str = "v1", **changes: Any) -> Obj:
    """Return a version of a definition."""
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": SPEC, "status": status}}
    return {
        "name": name,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.running",
                "labelSelectorPath": ".status.selector",
            },
        },
        **changes,
    }


def definition(*versions: Obj, scope: str = "Namespaced", **names: Any) -> Obj:
    """Return the definition of cron tabs, or of what the names say."""
    names = {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"], **names}
    return {
        "metadata": {"name": f"{names['plural']}.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "names": names,
            "scope": scope,
            "versions": list(versions or (version(),)),
        },
    }


def crontab(name: str = "one", **spec: Any) -> Obj:
    """Return a cron tab."""
    return {"metadata": {"name": name}, "spec": {"cron": "* 5", **spec}}
