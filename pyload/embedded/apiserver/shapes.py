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
        values = [(key, item.get(key, defaults.get(key))) for key in self.keys]
        return _key_text(tuple(pair for pair in values if pair[1] is not None))


@lru_cache(maxsize=4096)
def _key_text(values: tuple[tuple[str, Any], ...]) -> str:
    return "k:" + orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS).decode()


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


_CONDITIONS: Final = _keyed("type")
_ENV: Final = _keyed(
    "name",
    valueFrom=MergeShape(
        dict.fromkeys(("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"), _ATOMIC)
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
_METADATA: Final = MergeShape(
    {
        "ownerReferences": MergeShape(items=_ATOMIC, keys=("uid",), merge_key="uid"),
        "finalizers": MergeShape(is_set=True),
    }
)
_POD_SPEC: Final = MergeShape(
    {
        "containers": _CONTAINERS,
        "initContainers": _CONTAINERS,
        "ephemeralContainers": _CONTAINERS,
        "volumes": _keyed("name"),
        "imagePullSecrets": MergeShape(items=_ATOMIC, keys=("name",), merge_key="name"),
        "hostAliases": _keyed("ip"),
        "topologySpreadConstraints": _keyed("topologyKey", "whenUnsatisfiable"),
        "schedulingGates": _keyed("name"),
        "resourceClaims": _keyed("name"),
        "nodeSelector": _ATOMIC,
    }
)
_TEMPLATE: Final = MergeShape({"metadata": _METADATA, "spec": _POD_SPEC})
_WORKLOAD: Final = MergeShape(
    {
        "metadata": _METADATA,
        "spec": MergeShape({"template": _TEMPLATE, "selector": _ATOMIC}),
        "status": MergeShape({"conditions": _CONDITIONS}),
    }
)
_CUSTOM: Final = MergeShape(
    {
        "metadata": _METADATA,
        "status": MergeShape({"conditions": _keyed("type", merge="")}),
    }
)

_SHAPES: Final[Mapping[str, MergeShape]] = {
    "pods": MergeShape(
        {
            "metadata": _METADATA,
            "spec": _POD_SPEC,
            "status": MergeShape({"conditions": _CONDITIONS, "podIPs": _keyed("ip")}),
        }
    ),
    "services": MergeShape(
        {
            "metadata": _METADATA,
            "spec": MergeShape(
                {
                    "ports": _keyed("port", "protocol", defaults=_TCP),
                    "selector": _ATOMIC,
                }
            ),
            "status": MergeShape({"conditions": _CONDITIONS}),
        }
    ),
    "nodes": MergeShape(
        {
            "metadata": _METADATA,
            "spec": MergeShape({"podCIDRs": MergeShape(is_set=True)}),
            "status": MergeShape({"conditions": _CONDITIONS, "addresses": _keyed("type")}),
        }
    ),
    "namespaces": MergeShape(
        {"metadata": _METADATA, "status": MergeShape({"conditions": _CONDITIONS})}
    ),
    "serviceaccounts": MergeShape({"metadata": _METADATA, "secrets": _keyed("name")}),
    "deployments.apps": _WORKLOAD,
    "replicasets.apps": _WORKLOAD,
    "statefulsets.apps": _WORKLOAD,
    "daemonsets.apps": _WORKLOAD,
    "jobs.batch": MergeShape({"metadata": _METADATA, "spec": MergeShape({"template": _TEMPLATE})}),
    "gateways.gateway.networking.k8s.io": MergeShape(
        {
            "metadata": _METADATA,
            "spec": MergeShape({"listeners": _keyed("name", merge="")}),
            "status": MergeShape(
                {
                    "conditions": _keyed("type", merge=""),
                    "listeners": _keyed("name", merge="", conditions=_keyed("type", merge="")),
                }
            ),
        }
    ),
}
_ANY: Final = MergeShape({"metadata": _METADATA})


def shape_of(kind: Kind) -> MergeShape:
    """Return the shape of a kind's objects."""
    return _SHAPES.get(kind.qualified) or (_CUSTOM if kind.custom else _ANY)
