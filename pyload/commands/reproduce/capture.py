"""What is replayed of a captured cluster: which objects, in which order, and changed how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.config.data import read_data
from pyload.errors import ConfigError, Problem
from pyload.kube import resources
from pyload.kube.resources import GroupKind
from pyload.manifests.objects import RUN_LABEL
from pyload.pods.desired import Policy, Run, decide
from pyload.pods.fake_pods import with_fake_proxy
from pyload.pods.nodes import NodeClass
from pyload.pods.reader import read_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.kube.documents import Piece
    from pyload.kube.resources import Obj, Resource
    from pyload.pods.reader import PodRecord

POD: Final = resources.PODS.group_kind
ENDPOINTS: Final = resources.ENDPOINTS.group_kind
ENDPOINT_SLICE: Final = resources.ENDPOINT_SLICES.group_kind

ORDER: Final = tuple(
    one.group_kind
    for one in (
        resources.NAMESPACES,
        resources.ENVOY_FILTERS,
        resources.TELEMETRIES,
        resources.WASM_PLUGINS,
        resources.PROXY_CONFIGS,
        resources.SERVICE_ENTRIES,
        resources.PEER_AUTHENTICATIONS,
        resources.SIDECARS,
        resources.VIRTUAL_SERVICES,
        resources.GATEWAYS,
        resources.DESTINATION_RULES,
        resources.AUTHORIZATION_POLICIES,
        resources.REQUEST_AUTHENTICATIONS,
        resources.WORKLOAD_ENTRIES,
        resources.WORKLOAD_GROUPS,
        resources.GATEWAY_CLASSES,
        resources.KUBE_GATEWAYS,
        resources.HTTP_ROUTES,
        resources.GRPC_ROUTES,
        resources.TLS_ROUTES,
        resources.TCP_ROUTES,
        resources.UDP_ROUTES,
        resources.REFERENCE_GRANTS,
        resources.CONFIG_MAPS,
        resources.SERVICES,
        resources.ENDPOINTS,
        resources.ENDPOINT_SLICES,
        resources.SERVICE_ACCOUNTS,
        resources.PODS,
    )
)
"""What is replayed, in the order of its creation; pilot-load's order with the newer kinds in it."""

_REPLAYED: Final = frozenset(ORDER)
_SYSTEM: Final = frozenset({"kube-system", "kube-public", "istio-system", "resource-group-system"})
_POLICY: Final = Policy()

_SERVER_FIELDS: Final = (
    "resourceVersion",
    "managedFields",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "generation",
    "ownerReferences",
    "selfLink",
    "uid",
)
"""What belongs to the object in the cluster that it came from."""

_BALANCER_FIELDS: Final = (
    "allocateLoadBalancerNodePorts",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
)
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Ignored:
    """An object that is not replayed.

    Attributes:
        kind: Its kind.
        reason: Why, in short words; empty if its kind is not replayed at all.
    """

    kind: GroupKind
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """An object as it is to be created, or a pod that gets a proxy.

    Attributes:
        kind: Its kind.
        obj: The object; a pod that gets a proxy is as it was.
        proxy: Whether it gets a proxy instead of being created.
    """

    kind: GroupKind
    obj: Obj
    proxy: bool = False


def read_piece(piece: Piece, *, source: str) -> Iterator[Obj]:
    """Read the objects in a piece of a file: one, none, or those of a List.

    Raises:
        ConfigError: The text is not an object of Kubernetes.
    """
    value = _parsed(piece, source)
    if value is None:
        return
    if not isinstance(value, dict):
        raise _bad(source, piece.line, "this is not an object of Kubernetes")
    kind = str(value.get("kind") or "")
    if kind == "List" or (kind.endswith("List") and "items" in value):
        yield from _items(value, source, piece.line)
        return
    _check(value, source, piece.line)
    yield value


def _items(value: Obj, source: str, line: int) -> Iterator[Obj]:
    items = value.get("items") or []
    if not isinstance(items, list):
        raise _bad(source, line, "the items of this List are not a list")
    for item in items:
        if not isinstance(item, dict):
            raise _bad(source, line, "an item of this List is not an object of Kubernetes")
        _check(item, source, line)
        yield item


def _parsed(piece: Piece, source: str) -> Any:
    if piece.is_json:
        try:
            return orjson.loads(piece.data)
        except orjson.JSONDecodeError as error:
            raise _bad(source, piece.line, str(error)) from error
    try:
        return read_data(piece.data, source=source)
    except ConfigError as error:
        # The reader counted from the beginning of the piece.
        moved = tuple(
            Problem(
                source,
                each.line + piece.line - 1 if each.line else piece.line,
                each.column,
                f"cannot parse message: {each.what}",
                each.fix,
            )
            for each in error.problems
        )
        raise ConfigError(moved) from error


def _check(obj: Obj, source: str, line: int) -> None:
    metadata = obj.get("metadata")
    if not obj.get("kind") or not isinstance(obj["kind"], str):
        raise _bad(source, line, "the object has no kind")
    if not obj.get("apiVersion") or not isinstance(obj["apiVersion"], str):
        raise _bad(source, line, f"the {obj['kind']} has no apiVersion")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise _bad(source, line, f"the {obj['kind']} has no metadata.name")
    parts = (metadata.get("labels") or {}, metadata.get("annotations") or {})
    if not all(isinstance(part, dict) for part in (*parts, obj.get("spec") or {})):
        raise _bad(
            source,
            line,
            f"spec, labels or annotations of {obj['kind']} {metadata['name']} are not mappings",
        )


def _bad(source: str, line: int, what: str) -> ConfigError:
    fix = "give what `kubectl get -o yaml` or `-o json` prints"
    return ConfigError((Problem(source, line, 1, f"cannot parse message: {what}", fix),))


def decide_object(obj: Obj, *, config_only: bool) -> Replayed | Ignored:
    """Decide whether and how an object is replayed.

    Args:
        obj: The object that `read_piece` returned; it is not changed.
        config_only: Create pods as objects, instead of running proxies for them.
    """
    kind = GroupKind(obj["apiVersion"].rpartition("/")[0], obj["kind"])
    metadata = obj["metadata"]
    if kind not in _REPLAYED:
        return Ignored(kind)
    namespace = metadata["name"] if kind.kind == "Namespace" else metadata.get("namespace")
    if namespace in _SYSTEM and not kind.group.endswith("istio.io"):
        return Ignored(kind, f"in {namespace}")
    if kind.kind == "Service" and (namespace, metadata["name"]) == ("default", "kubernetes"):
        return Ignored(kind, "the API server's own")
    if kind == POD and not config_only:
        decision = decide(pod_record(obj), NodeClass.KWOK, _POLICY)
        if not isinstance(decision, Run):
            return Ignored(kind, decision.value)
        return Replayed(kind, obj, proxy=True)
    return Replayed(kind, prepared(kind, obj))


def pod_record(obj: Obj) -> PodRecord:
    """Read the identity of a captured pod, which may have been stripped of its UID."""
    metadata = {**obj["metadata"], "namespace": obj["metadata"].get("namespace") or "default"}
    if not metadata.get("uid"):
        metadata["uid"] = f"{metadata['namespace']}/{metadata['name']}"
    pod = {**obj, "metadata": metadata}
    return with_fake_proxy(read_pod(pod), pod)


def prepared(kind: GroupKind, obj: Obj) -> Obj:
    """Return a copy of an object that can be created in another cluster."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_FIELDS}
    given = {key: value for key, value in obj.items() if key != "status"}
    if kind.kind == "ServiceAccount":
        metadata.pop("annotations", None)
        metadata.pop("labels", None)
    elif kind.kind == "Service":
        given["spec"] = _service_spec(obj.get("spec") or {})
    elif kind == ENDPOINTS:
        given["subsets"] = [_without_targets(subset) for subset in obj.get("subsets") or ()]
    elif kind == ENDPOINT_SLICE:
        # Left to the controller that made it, it would be removed: its service has no selector.
        metadata["labels"] = {**(metadata.get("labels") or {}), _MANAGED_BY: "pyload.dev"}
        given["endpoints"] = [_without(each, "targetRef") for each in obj.get("endpoints") or ()]
    return {**given, "metadata": metadata}


def addressed(obj: Obj, resource: Resource, run_id: str) -> Obj:
    """Return an object in a version that is served, with the label of the run that creates it.

    Args:
        obj: The object that `prepared` returned; it is not changed.
        resource: Its kind as the API server has it. All versions of a kind that are replayed have
            the same fields.
        run_id: Value of the run label.
    """
    metadata = {
        **obj["metadata"],
        "labels": {**(obj["metadata"].get("labels") or {}), RUN_LABEL: run_id},
    }
    if resource.namespaced:
        metadata["namespace"] = metadata.get("namespace") or "default"
    else:
        metadata.pop("namespace", None)
    return {**obj, "apiVersion": resource.api_version, "metadata": metadata}


def service_of(kind: GroupKind, obj: Obj) -> tuple[str, str] | None:
    """Return the service that Endpoints or an EndpointSlice belong to; None for other kinds."""
    metadata = obj["metadata"]
    if kind == ENDPOINTS:
        return metadata.get("namespace", ""), metadata["name"]
    if kind == ENDPOINT_SLICE:
        labels = metadata.get("labels") or {}
        return metadata.get("namespace", ""), labels.get("kubernetes.io/service-name", "")
    return None


def _service_spec(spec: Obj) -> Obj:
    spec = {key: value for key, value in spec.items() if key not in (*_BALANCER_FIELDS, "selector")}
    if spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    if spec.get("type") == "LoadBalancer":
        spec["type"] = "NodePort"
    if spec.get("ports"):
        spec["ports"] = [_without(port, "nodePort") for port in spec["ports"]]
    return spec


def _without_targets(subset: Obj) -> Obj:
    changed = dict(subset)
    for field in ("addresses", "notReadyAddresses"):
        if subset.get(field):
            changed[field] = [_without(address, "targetRef") for address in subset[field]]
    return changed


def _without(obj: Obj, field: str) -> Obj:
    return {key: value for key, value in obj.items() if key != field}
