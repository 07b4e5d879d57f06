"""Reading what the classic dialect says of Istio objects: `istio` blocks and `gateways`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from pyload.config.mappings import read_keys, read_list
from pyload.config.model import Gateways, IstioKind, IstioObject
from pyload.config.names import check_name
from pyload.config.scalars import is_null, read_bool, read_count, read_text

if TYPE_CHECKING:
    from pyload.config.dialect import Choice
    from pyload.config.scalars import Reading
    from pyload.config.yaml import Node

KINDS: Final[tuple[IstioKind, ...]] = get_args(IstioKind)
APPLICATION_ONLY: Final = frozenset({"virtualService", "destinationRule"})


def read_istio(
    reading: Reading, choice: Choice, place: Literal["istio", "applicationIstio"], node: Node | None
) -> tuple[IstioObject, ...]:
    """Read an `istio` block: the objects that it asks for, in the order of creation."""
    if node is None or is_null(node):
        return ()
    keys = read_keys(reading, choice, place, node)
    all_of_them = read_bool(reading, keys.get("default"), "default") or False
    objects = []
    for kind in KINDS:
        value = keys.get(kind)
        if value is not None and not is_null(value):
            objects.append(_object(reading, choice, kind, value))
        elif all_of_them and (place == "applicationIstio" or kind not in APPLICATION_ONLY):
            objects.append(IstioObject(kind))
    return tuple(objects)


def _object(reading: Reading, choice: Choice, kind: IstioKind, node: Node) -> IstioObject:
    place: Literal["virtualService", "istioObject"] = (
        "virtualService" if kind == "virtualService" else "istioObject"
    )
    keys = read_keys(reading, choice, place, node)
    names = (
        read_text(reading, item, "gateways")
        for item in read_list(reading, keys.get("gateways"), "gateways")
    )
    return IstioObject(
        kind,
        _name(reading, keys.get("name"), suffix=0),
        tuple(name for name in names if name),
    )


def read_gateways(reading: Reading, choice: Choice, node: Node | None) -> Gateways:
    """Read the `gateways` of a router."""
    if node is None or is_null(node):
        return Gateways()
    keys = read_keys(reading, choice, "gateways", node)
    name = _name(reading, keys.get("name"), suffix=len("-abcdefgh"))
    replicas = read_count(reading, keys.get("replicas"), "replicas") or 0
    return Gateways(name, replicas or int(bool(name)))


def _name(reading: Reading, node: Node | None, *, suffix: int) -> str:
    name = read_text(reading, node, "name") or ""
    if node is not None and name:
        reading.complain(node, check_name(name, suffix=suffix, dots=True))
    return name
