"""Which lists and maps of a kind merge, and by which keys.

Server-side apply (`apply`) and strategic merge patch (`patch`) need it. Fields that are not
described here behave as most of Kubernetes: maps merge field by field, lists are replaced whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.kinds import Kind


@dataclass(frozen=True, slots=True)
class MergeShape:
    """The way in which one value merges.

    Attributes:
        fields: Shapes of a map's named fields.
        items: Shape of a list's items, or of a map's other values.
        keys: Fields that identify a list's items for server-side apply; empty: not by items.
        defaults: Values of key fields that an item may leave out.
        merge_key: Field that identifies a list's items for strategic merge patch, or empty.
        is_set: A list of distinct scalars.
        atomic: A map that is replaced whole.
    """

    fields: Mapping[str, MergeShape] = field(default_factory=dict)
    items: MergeShape | None = None
    keys: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    merge_key: str = ""
    is_set: bool = False
    atomic: bool = False

    def child(self, name: str) -> MergeShape:
        """Return the shape of a field."""
        return self.fields.get(name) or self.items or PLAIN

    @property
    def item(self) -> MergeShape:
        """The shape of a list's items."""
        return self.items or PLAIN

    def key_of(self, item: Mapping[str, Any]) -> str:
        """Return a list item's key as FieldsV1 writes it: ``k:{"name":"app"}``."""
        defaults = self.defaults
        values = tuple([item.get(key, defaults.get(key)) for key in self.keys])
        return _key_text(self.keys, values)


@lru_cache(maxsize=4096)
def _key_text(keys: tuple[str, ...], values: tuple[Any, ...]) -> str:
    given = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
    return "k:" + orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()


PLAIN: Final = MergeShape()
_ATOMIC: Final = MergeShape(atomic=True)


def _keyed(
    *keys: str, merge: str = "-", defaults: Mapping[str, Any] | None = None, **fields: MergeShape
) -> MergeShape:
    return MergeShape(
        items=MergeShape(fields),
        keys=keys,
        defaults=defaults or {},
        merge_key=keys[0] if merge == "-" and keys else merge.strip("-"),
    )


def _of(**fields: MergeShape) -> MergeShape:
    """Describe a map by its fields."""
    return MergeShape(fields)


def _object(**fields: MergeShape) -> MergeShape:
    """Describe an object by its fields other than the metadata."""
    return MergeShape({"metadata": _METADATA, **fields})


_SET: Final = MergeShape(is_set=True)
_CONDITIONS: Final = _keyed("type")
_CONDITIONED: Final = _of(conditions=_CONDITIONS)
_METADATA: Final = _of(
    ownerReferences=MergeShape(items=_ATOMIC, keys=("uid",), merge_key="uid"), finalizers=_SET
)
_ENV: Final = _keyed(
    "name",
    valueFrom=_of(
        fieldRef=_ATOMIC,
        resourceFieldRef=_ATOMIC,
        configMapKeyRef=_ATOMIC,
        secretKeyRef=_ATOMIC,
    ),
)
_TCP: Final = {"protocol": "TCP"}
_CONTAINERS: Final = _keyed(
    "name",
    env=_ENV,
    ports=_keyed("containerPort", "protocol", defaults=_TCP),
    volumeMounts=_keyed("mountPath"),
    volumeDevices=_keyed("devicePath"),
)
_POD_SPEC: Final = _of(
    containers=_CONTAINERS,
    initContainers=_CONTAINERS,
    ephemeralContainers=_CONTAINERS,
    volumes=_keyed("name"),
    imagePullSecrets=MergeShape(items=_ATOMIC, keys=("name",), merge_key="name"),
    hostAliases=_keyed("ip"),
    topologySpreadConstraints=_keyed("topologyKey", "whenUnsatisfiable"),
    schedulingGates=_keyed("name"),
    resourceClaims=_keyed("name"),
    nodeSelector=_ATOMIC,
)
_TEMPLATE: Final = _object(spec=_POD_SPEC)
_WORKLOAD: Final = _object(spec=_of(template=_TEMPLATE, selector=_ATOMIC), status=_CONDITIONED)

_SHAPES: Final[Mapping[str, MergeShape]] = {
    "pods": _object(spec=_POD_SPEC, status=_of(conditions=_CONDITIONS, podIPs=_keyed("ip"))),
    "services": _object(
        spec=_of(ports=_keyed("port", "protocol", defaults=_TCP), selector=_ATOMIC),
        status=_CONDITIONED,
    ),
    "nodes": _object(
        spec=_of(podCIDRs=_SET),
        status=_of(conditions=_CONDITIONS, addresses=_keyed("type")),
    ),
    "namespaces": _object(status=_CONDITIONED),
    "serviceaccounts": _object(secrets=_keyed("name")),
    "deployments.apps": _WORKLOAD,
    "replicasets.apps": _WORKLOAD,
    "statefulsets.apps": _WORKLOAD,
    "daemonsets.apps": _WORKLOAD,
    "jobs.batch": _object(spec=_of(template=_TEMPLATE)),
}
_ANY: Final = _object()


def shape_of(kind: Kind) -> MergeShape:
    """Return the shape of a kind's objects; of a custom kind, in the version that is stored."""
    if kind.custom:
        return kind.custom[kind.storage].shape
    return _SHAPES.get(kind.qualified, _ANY)


def custom_shape(schema: Mapping[str, Any]) -> MergeShape:
    """Return the shape of the objects that a structural schema describes."""
    fields = {name: _described(one) for name, one in schema.get("properties", {}).items()}
    return _object(**{name: one for name, one in fields.items() if one is not PLAIN})


def _described(schema: Mapping[str, Any]) -> MergeShape:
    """Return the shape of a value; `PLAIN`, of which there is one, where nothing is special."""
    fields = {name: _described(one) for name, one in schema.get("properties", {}).items()}
    fields = {name: one for name, one in fields.items() if one is not PLAIN}
    below = schema.get("items") or schema.get("additionalProperties")
    items = _described(below) if isinstance(below, dict) else PLAIN
    list_type = schema.get("x-kubernetes-list-type")
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ()) if list_type == "map" else ()
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    if not (fields or keys or atomic or items is not PLAIN or list_type == "set"):
        return PLAIN
    if keys or list_type in (None, "atomic"):
        # Items of a list that is replaced whole have no shape that anybody asks for.
        items = items if keys or "items" not in schema else PLAIN
    known = below.get("properties", {}) if isinstance(below, dict) else {}
    return MergeShape(
        fields=fields,
        items=None if items is PLAIN else items,
        keys=keys,
        defaults={key: known[key]["default"] for key in keys if "default" in known.get(key, {})},
        is_set=list_type == "set",
        atomic=atomic,
    )
