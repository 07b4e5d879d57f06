"""The recorded pods of a kwok cluster with Istio's injector."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


IMAGE = "registry.istio.io/testing/proxyv2:latest"
NAMESPACE: Obj = {"metadata": {"name": "x-book", "labels": {"istio-injection": "enabled"}}}


def read(golden: Path, name: str) -> list[Obj]:
    """Return the objects of a watch, in order, without bookmarks and managedFields."""
    lines = (golden / "kwok" / f"{name}-watch.jsonl").read_bytes().splitlines()
    objects = [event["object"] for event in map(orjson.loads, lines) if event["type"] != "BOOKMARK"]
    for obj in objects:
        obj["metadata"].pop("managedFields", None)
    return objects


def first_versions(golden: Path) -> list[Obj]:
    """Return every pod of the mesh's namespace as it was created."""
    pods: dict[str, Obj] = {}
    for obj in read(golden, "pods"):
        if obj["metadata"]["namespace"] == "x-book":
            pods.setdefault(obj["metadata"]["name"], obj)
    return list(pods.values())


def proxy_of(pod: Obj) -> Obj | None:
    """Find the container istio-proxy."""
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    return next((one for one in containers if one["name"] == "istio-proxy"), None)


def is_native(pod: Obj) -> bool:
    """Return whether the proxy is an init container."""
    return any(one["name"] == "istio-proxy" for one in pod["spec"].get("initContainers") or ())


def before_injection(pod: Obj) -> Obj:
    """Return a recorded pod as the injector saw it."""
    pod = copy.deepcopy(pod)
    metadata, spec = pod["metadata"], pod["spec"]
    annotations, labels = metadata.get("annotations", {}), metadata["labels"]
    proxy = proxy_of(pod)
    if proxy is None:
        return pod
    injected = orjson.loads(annotations.pop("sidecar.istio.io/status"))["volumes"]
    spec["volumes"] = [one for one in spec["volumes"] if one["name"] not in injected]
    for name in list(annotations):
        if name.startswith(("prometheus.io/", "kubectl.kubernetes.io/default", "istio.io/rev")):
            del annotations[name]
    for env in proxy["env"]:
        if env["name"] == "ISTIO_PROMETHEUS_ANNOTATIONS":
            given = orjson.loads(env["value"])
            annotations.update({f"prometheus.io/{field}": text for field, text in given.items()})
    for name in list(labels):
        if name.startswith(("service.istio.io/", "security.istio.io/")):
            del labels[name]
    for field in ("initContainers", "containers"):
        kept = [one for one in spec.get(field) or () if not one["name"].startswith("istio-")]
        spec[field] = kept
        if not kept:
            del spec[field]
    overrides = annotations.pop("proxy.istio.io/overrides", None)
    if overrides is not None:
        own = orjson.loads(overrides)["containers"][0]
        spec["containers"] = [{**own, "image": "auto"}]
        spec["securityContext"] = {}
    return pod


def comparable(pod: Obj) -> Obj:
    """Leave out what a real API server adds after the injector: defaults and its own token."""
    pod = copy.deepcopy(pod)
    for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
        for field in ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"):
            container.pop(field, None)
        mounts = container.pop("volumeMounts", [])
        mounts = [one for one in mounts if not one["name"].startswith("kube-api-access")]
        if mounts:
            container["volumeMounts"] = mounts
    return pod
