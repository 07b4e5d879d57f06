"""Istio's sidecar injector: the pod that it makes of the one that a client creates.

The templates ``sidecar`` (native or classic) and ``gateway`` are known; a pod that asks for
another one stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.kwok import sidecar
from pyload.embedded.kwok.sidecar import INIT, PROXY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.kube.resources import Obj


IMAGE: Final = "docker.io/istio/proxyv2:1.29.0"
"""The proxy's image; clients read its version from the tag."""

REVISION: Final = "default"
"""The revision of the control plane whose injector this is."""

CLUSTER_ID: Final = "Kubernetes"
"""What Istio calls a cluster that has no name."""

_IGNORED: Final = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))
_INJECT: Final = "sidecar.istio.io/inject"
_REVISION: Final = "istio.io/rev"
_CANONICAL: Final = "service.istio.io/canonical-name"
_NETWORK: Final = "topology.istio.io/network"
_SCRAPE: Final = ("scrape", "path", "port")
_PORT_FIELDS: Final = ("name", "hostPort", "containerPort", "protocol", "hostIP")


def wants_injection(pod: Obj, namespace: Obj) -> bool:
    """Return whether the injector of the default revision injects a pod of a namespace.

    As the webhook's selectors and the injector's own rules have it: a label or annotation of the
    pod beats the namespace's labels, and the host network beats both.
    """
    metadata = pod["metadata"]
    name = namespace["metadata"]["name"]
    if pod["spec"].get("hostNetwork") or name in _IGNORED:
        return False
    labels = metadata.get("labels") or {}
    annotations = metadata.get("annotations") or {}
    asked = labels.get(_INJECT, annotations.get(_INJECT, ""))
    if asked not in ("", "true"):
        return False
    of_namespace = namespace["metadata"].get("labels") or {}
    injection, wanted = of_namespace.get("istio-injection"), of_namespace.get(_REVISION)
    if injection is not None:
        return bool(injection == "enabled")
    if wanted is None:
        wanted = labels.get(_REVISION, REVISION if labels.get(_INJECT) == "true" else None)
    return bool(wanted == REVISION)


def inject(pod: Obj, namespace: Obj, *, native: bool, image: str = IMAGE) -> Obj:
    """Return a pod with its proxy, or the pod itself if it is not to be injected.

    Args:
        pod: The pod with its defaults, before it is stored; it is not changed.
        namespace: Its namespace.
        native: Make the sidecar an init container that keeps running; a pod's annotation
            ``sidecar.istio.io/nativeSidecar`` overrides it.
        image: The proxy's image, for comparison with recordings.
    """
    if not wants_injection(pod, namespace):
        return pod
    annotations = pod["metadata"].get("annotations") or {}
    if PROXY in (annotations.get("sidecar.istio.io/status") or ""):
        return pod
    template = annotations.get("inject.istio.io/templates", "sidecar")
    if template not in ("sidecar", "gateway"):
        return pod
    gateway = template == "gateway"
    where = namespace["metadata"]["name"]
    proxy = _proxy(pod, where, gateway=gateway, image=image)
    native = annotations.get("sidecar.istio.io/nativeSidecar", str(native).lower()) == "true"
    if gateway:
        return _with_gateway(pod, proxy)
    return _with_sidecar(pod, proxy, native=native)


def _with_sidecar(pod: Obj, proxy: Obj, *, native: bool) -> Obj:
    """Return a pod with the sidecar template applied."""
    spec = pod["spec"]
    init = {
        "name": INIT,
        "image": proxy["image"],
        "args": sidecar.init_args(_interception(pod)),
        "resources": sidecar.RESOURCES,
        "securityContext": sidecar.INIT_SECURITY,
    }
    own, others = _split(spec.get("containers") or ())
    proxy = _merged(proxy, own)
    inits = [init]
    containers = others
    if native:
        inits.append({**proxy, "restartPolicy": "Always", "lifecycle": sidecar.DRAIN})
    else:
        containers = [*others, proxy]
    spec = {
        **spec,
        "initContainers": [*inits, *(spec.get("initContainers") or ())],
        "containers": containers,
        "volumes": [*sidecar.SIDECAR_VOLUMES, *(spec.get("volumes") or ())],
    }
    status = _status(
        [INIT, PROXY] if native else [INIT],
        None if native else [PROXY],
        sidecar.SIDECAR_VOLUMES,
    )
    first = others[0]["name"] if others else PROXY
    defaults = {
        "kubectl.kubernetes.io/default-container": first,
        "kubectl.kubernetes.io/default-logs-container": first,
    }
    labels = {"security.istio.io/tlsMode": "istio"}
    return _marked(pod, spec, labels=labels, defaults=defaults, status=status, own=own)


def _with_gateway(pod: Obj, proxy: Obj) -> Obj:
    spec = pod["spec"]
    own, others = _split(spec.get("containers") or ())
    spec = {
        **spec,
        "containers": [*others, _merged(proxy, own)],
        "volumes": [*sidecar.VOLUMES, *(spec.get("volumes") or ())],
        "securityContext": spec.get("securityContext") or sidecar.GATEWAY_POD_SECURITY,
    }
    status = _status(None, [PROXY], sidecar.VOLUMES)
    return _marked(pod, spec, labels={}, defaults={}, status=status, own=own)


def _split(containers: Iterable[Obj]) -> tuple[Obj | None, list[Obj]]:
    """Separate the container that customises the proxy from the others."""
    own: Obj | None = None
    others = []
    for container in containers:
        if container["name"] == PROXY:
            own = container
        else:
            others.append(container)
    return own, others


def _merged(template: Obj, own: Obj | None) -> Obj:
    """Return the template's proxy merged with a container of the user's, which wins."""
    if own is None:
        return template
    merged = {**template, **own}
    if own.get("image") in (None, "", "auto"):
        merged["image"] = template["image"]
    for field, key in (("env", "name"), ("volumeMounts", "mountPath"), ("ports", "containerPort")):
        given = {item.get(key): item for item in own.get(field) or ()}
        if given:
            merged[field] = [given.pop(item[key], item) for item in template[field]]
            merged[field] += given.values()
        else:
            merged[field] = template[field]
    return merged


def _marked(
    pod: Obj, spec: Obj, *, labels: Obj, defaults: Obj, status: str, own: Obj | None
) -> Obj:
    """Put labels and annotations on an injected pod."""
    metadata = pod["metadata"]
    before = metadata.get("labels") or {}
    name, _, _ = _workload(metadata)
    annotations = {**defaults, **(metadata.get("annotations") or {})}
    annotations[_REVISION] = orjson.loads(status)["revision"]
    if annotations.get("prometheus.io/scrape") != "false":
        annotations |= {
            "prometheus.io/path": "/stats/prometheus",
            "prometheus.io/port": "15020",
            "prometheus.io/scrape": "true",
        }
    if own is not None:
        shown = {field: item for field, item in own.items() if (field, item) != ("image", "auto")}
        annotations["proxy.istio.io/overrides"] = _json({"containers": [shown]})
    annotations["sidecar.istio.io/status"] = status
    labels = {
        **before,
        _CANONICAL: _first(before, _CANONICAL, "app.kubernetes.io/name", "app") or name,
        "service.istio.io/canonical-revision": _first(
            before, "service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"
        )
        or "latest",
        **labels,
    }
    return {
        **pod,
        "metadata": {**metadata, "labels": labels, "annotations": annotations},
        "spec": spec,
    }


def _first(labels: Mapping[str, str], *keys: str) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")


def _proxy(pod: Obj, namespace: str, *, gateway: bool, image: str) -> Obj:
    """Build the proxy's container, with the parts that depend on the pod."""
    annotations = pod["metadata"].get("annotations") or {}
    container: Obj = {
        "name": PROXY,
        "image": annotations.get("sidecar.istio.io/proxyImage", image),
        "args": sidecar.proxy_args("router" if gateway else "sidecar"),
        "ports": sidecar.PORTS,
        "env": _env(pod, namespace, gateway=gateway),
        "volumeMounts": sidecar.MOUNTS if gateway else sidecar.SIDECAR_MOUNTS,
        "readinessProbe": sidecar.READINESS,
    }
    if gateway:
        return {**container, "securityContext": sidecar.GATEWAY_SECURITY}
    return {
        **container,
        "resources": sidecar.RESOURCES,
        "startupProbe": sidecar.STARTUP,
        "securityContext": sidecar.SIDECAR_SECURITY,
    }


def _env(pod: Obj, namespace: str, *, gateway: bool) -> list[Obj]:
    """Build the environment of the proxy's container."""
    metadata = pod["metadata"]
    annotations = metadata.get("annotations") or {}
    containers = pod["spec"].get("containers") or ()
    names = ",".join(one["name"] for one in containers if one["name"] != PROXY)
    apps = {"name": "ISTIO_META_APP_CONTAINERS", **({"value": names} if names else {})}
    memory = sidecar.MEMORY_ENV
    workload, version, plural = _workload(metadata)
    env = [
        *sidecar.FIRST_ENV,
        {"name": "ISTIO_META_POD_PORTS", "value": _pod_ports(containers)},
        *((memory, apps) if gateway else (apps, memory)),
        {"name": "ISTIO_META_CLUSTER_ID", "value": CLUSTER_ID},
        sidecar.NODE_ENV,
        {"name": "ISTIO_META_INTERCEPTION_MODE", "value": _interception(pod)},
        {"name": "ISTIO_META_WORKLOAD_NAME", "value": workload},
        {
            "name": "ISTIO_META_OWNER",
            "value": f"kubernetes://apis/{version}/namespaces/{namespace}/{plural}/{workload}",
        },
        *sidecar.LAST_ENV,
    ]
    network = (metadata.get("labels") or {}).get(_NETWORK)
    if network:
        env.append({"name": "ISTIO_META_NETWORK", "value": network})
    if annotations.get("prometheus.io/scrape", "false") != "false":
        given = {field: annotations.get(f"prometheus.io/{field}", "") for field in _SCRAPE}
        env.append({"name": "ISTIO_PROMETHEUS_ANNOTATIONS", "value": _json(given)})
    return env


def _interception(pod: Obj) -> str:
    annotations = pod["metadata"].get("annotations") or {}
    return str(annotations.get("sidecar.istio.io/interceptionMode", "REDIRECT"))


def _pod_ports(containers: Iterable[Obj]) -> str:
    """List the containers' ports, in the layout that the template gives them."""
    ports = [
        _json({field: port[field] for field in _PORT_FIELDS if port.get(field)})
        for container in containers
        for port in container.get("ports") or ()
    ]
    return (
        "[\n" + "".join(f"    {',' if at else ''}{port}\n" for at, port in enumerate(ports)) + "]"
    )


def _workload(metadata: Obj) -> tuple[str, str, str]:
    """Return the workload that a pod belongs to: name, apiVersion and plural of its kind."""
    name = metadata.get("name") or metadata.get("generateName", "")
    owner = next(
        (one for one in metadata.get("ownerReferences") or () if one.get("controller")), None
    )
    if owner is None:
        return name, "v1", "pods"
    suffix = "-" + (metadata.get("labels") or {}).get("pod-template-hash", "")
    kind, version = owner["kind"], owner["apiVersion"]
    if kind == "ReplicaSet" and len(suffix) > 1 and owner["name"].endswith(suffix):
        return owner["name"].removesuffix(suffix), version, "deployments"
    return owner["name"], version, f"{kind.lower()}s"


def _status(inits: list[str] | None, containers: list[str] | None, volumes: list[Obj]) -> str:
    return _json(
        {
            "initContainers": inits,
            "containers": containers,
            "volumes": [volume["name"] for volume in volumes],
            "imagePullSecrets": None,
            "revision": REVISION,
        }
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
