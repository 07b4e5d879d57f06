"""The pod that ``pyload startup`` starts again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.config.data import read_data
from pyload.errors import ConfigError, Problem
from pyload.manifests.objects import RUN_LABEL

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

_INJECT: Final = "sidecar.istio.io/inject"


def read_pod_spec(data: bytes, *, source: str) -> Obj:
    """Parse a Pod, and check it before the first one is created.

    Args:
        data: The file's bytes.
        source: The file as the user named it.

    Raises:
        ConfigError: The file is not YAML, or not a Pod with containers.
    """
    pod = read_data(data, source=source)
    what = _problem(pod)
    if what:
        raise ConfigError((Problem(source, 0, 0, what, "give --spec the YAML of one Pod"),))
    assert isinstance(pod, dict)
    return pod


def numbered(pod: Obj, name: str, *, namespace: str, inject: bool, run_id: str) -> Obj:
    """Return the pod as it is created under a name.

    Args:
        pod: The pod that `read_pod_spec` returned; it is not changed.
        name: Name of the pod.
        namespace: Its namespace, which overrides that of the file.
        inject: Whether Istio is to inject a sidecar.
        run_id: Value of the run label.
    """
    metadata = dict(pod.get("metadata") or {})
    metadata.pop("generateName", None)
    labels = {
        **(metadata.get("labels") or {}),
        _INJECT: "true" if inject else "false",
        RUN_LABEL: run_id,
    }
    metadata |= {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}


def _problem(pod: Any) -> str:
    """Return in plain words why something is not a Pod; empty if it is one."""
    if not isinstance(pod, dict):
        return "this is not a Pod"
    kind = pod.get("kind", "Pod")
    if kind != "Pod" or pod.get("apiVersion", "v1") != "v1":
        return f"this is a {kind} of {pod.get('apiVersion', 'v1')}, not a Pod of v1"
    metadata = pod.get("metadata") or {}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("labels") or {}, dict):
        return "metadata and metadata.labels must be mappings"
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    if not isinstance(containers, list) or not containers:
        return "the Pod has no spec.containers"
    return next(filter(None, map(_container_problem, containers)), "")


def _container_problem(container: Any) -> str:
    if not isinstance(container, dict) or not container.get("name"):
        return "every container needs a name"
    if not container.get("image"):
        return f"container {container['name']} needs an image"
    return ""
