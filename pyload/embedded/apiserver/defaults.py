"""The API server's defaults for fields that an object leaves out.

Arguments are not changed: every function returns new dicts along the path to a default.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver import definitions, pod_defaults
from pyload.embedded.apiserver.kinds import (
    AUTOSCALER,
    CLUSTER_ROLE_BINDING,
    CRD,
    ENDPOINT_SLICE,
    ENDPOINTS,
    JOB,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    POD,
    PRIORITY_CLASS,
    ROLE_BINDING,
    SECRET,
    VALIDATING_WEBHOOK,
    VOLUME,
    VOLUME_CLAIM,
)
from pyload.embedded.apiserver.webhooks import configurations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


METADATA_NAME: Final = "kubernetes.io/metadata.name"
"""The label that carries a namespace's name."""

_RBAC_GROUP: Final = ROLE_BINDING.group


def fill(kind: Kind, obj: Obj) -> Obj:
    """Fill in an object's defaults, on every write."""
    filler = _FILLERS.get(kind)
    return filler(obj) if filler else obj


def admit(kind: Kind, obj: Obj, uid: str) -> Obj:
    """Add the fields that admission adds to a new object, and reset its status.

    Args:
        kind: Its kind.
        obj: The object with its defaults.
        uid: The UID that it gets.
    """
    if kind is POD:
        obj = pod_defaults.admit_pod(obj)
    elif kind is NAMESPACE:
        spec = {"finalizers": ["kubernetes"], **obj.get("spec", {})}
        obj = {**obj, "spec": spec, "status": {"phase": "Active"}}
    elif kind.has_status and not kind.status_on_create and "status" in obj:
        obj = {name: value for name, value in obj.items() if name != "status"}
    if kind is JOB:
        obj = pod_defaults.admit_job(obj, uid)
    elif kind in (VOLUME, VOLUME_CLAIM):
        obj = {**obj, "status": {"phase": "Pending"}}
    return obj


def _namespace(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    labels = {**metadata.get("labels", {}), METADATA_NAME: metadata["name"]}
    return {**obj, "metadata": {**metadata, "labels": labels}}


def _node(obj: Obj) -> Obj:
    return obj if "spec" in obj else {**obj, "spec": {}}


def _secret(obj: Obj) -> Obj:
    obj = {"type": "Opaque", **obj}
    plain = obj.pop("stringData", None)
    if plain:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        obj["data"] = {**obj.get("data", {}), **encoded}
    return obj


def _endpoints(obj: Obj) -> Obj:
    if "subsets" not in obj:
        return obj
    subsets = [
        {**subset, "ports": [{"protocol": "TCP", **port} for port in subset["ports"]]}
        if "ports" in subset
        else subset
        for subset in obj["subsets"]
    ]
    return {**obj, "subsets": subsets}


def _endpoint_slice(obj: Obj) -> Obj:
    ports = [{"name": "", "protocol": "TCP", **port} for port in obj.get("ports", ())]
    return {**obj, "endpoints": obj.get("endpoints", []), "ports": ports}


def _volume(obj: Obj) -> Obj:
    kept = {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"}
    return {**obj, "spec": {**kept, **obj.get("spec", {})}}


def _volume_claim(obj: Obj) -> Obj:
    return {**obj, "spec": {"volumeMode": "Filesystem", **obj.get("spec", {})}}


def _binding(obj: Obj) -> Obj:
    """Fill in the API groups of a binding's role and subjects."""
    filled = {**obj, "roleRef": {"apiGroup": _RBAC_GROUP, **(obj.get("roleRef") or {})}}
    if "subjects" in obj:
        filled["subjects"] = [
            one if one.get("kind") == "ServiceAccount" else {"apiGroup": _RBAC_GROUP, **one}
            for one in obj["subjects"]
        ]
    return filled


def _autoscaler(obj: Obj) -> Obj:
    spec = {"minReplicas": 1, **obj.get("spec", {})}
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}


def _priority_class(obj: Obj) -> Obj:
    return {"preemptionPolicy": pod_defaults.ADMITTED["preemptionPolicy"], **obj}


_FILLERS: Final[Mapping[Kind, pod_defaults.Filler]] = {
    CRD: definitions.complete,
    MUTATING_WEBHOOK: configurations.complete,
    VALIDATING_WEBHOOK: configurations.complete,
    **pod_defaults.FILLERS,
    NAMESPACE: _namespace,
    NODE: _node,
    SECRET: _secret,
    ENDPOINTS: _endpoints,
    ENDPOINT_SLICE: _endpoint_slice,
    VOLUME: _volume,
    VOLUME_CLAIM: _volume_claim,
    ROLE_BINDING: _binding,
    CLUSTER_ROLE_BINDING: _binding,
    AUTOSCALER: _autoscaler,
    PRIORITY_CLASS: _priority_class,
}
