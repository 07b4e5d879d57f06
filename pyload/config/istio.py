"""Reading the Istio objects of the classic dialect: `istio` blocks and `gateways`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from pyload.config.mappings import read_list, read_mapping
from pyload.config.model import Gateways, IstioKind, IstioObject
from pyload.config.names import check_name
from pyload.config.scalars import is_null, read_bool, read_count, read_text

if TYPE_CHECKING:
    from pyload.config.dialect import DialectChoice
    from pyload.config.scalars import Findings
    from pyload.config.yaml import Node

KINDS: Final[tuple[IstioKind, ...]] = get_args(IstioKind)
APPLICATION_ONLY: Final = frozenset({"virtualService", "destinationRule"})


def read_istio(
    findings: Findings,
    choice: DialectChoice,
    place: Literal["istio", "applicationIstio"],
    node: Node | None,
) -> tuple[IstioObject, ...]:
    """Return the objects that an `istio` block asks for, in the order of creation."""
    if node is None or is_null(node):
        return ()
    keys = read_mapping(findings, choice, place, node)
    all_of_them = read_bool(findings, keys.get("default"), "default") or False
    objects = []
    for kind in KINDS:
        value = keys.get(kind)
        if value is not None and not is_null(value):
            objects.append(_object(findings, choice, kind, value))
        elif all_of_them and (place == "applicationIstio" or kind not in APPLICATION_ONLY):
            objects.append(IstioObject(kind))
    return tuple(objects)


def _object(findings: Findings, choice: DialectChoice, kind: IstioKind, node: Node) -> IstioObject:
    place: Literal["virtualService", "istioObject"] = (
        "virtualService" if kind == "virtualService" else "istioObject"
    )
    keys = read_mapping(findings, choice, place, node)
    names = (
        read_text(findings, item, "gateways")
        for item in read_list(findings, keys.get("gateways"), "gateways")
    )
    return IstioObject(
        kind,
        _name(findings, keys.get("name"), suffix=0),
        tuple(name for name in names if name),
    )


def read_gateways(findings: Findings, choice: DialectChoice, node: Node | None) -> Gateways:
    """Read the `gateways` of a router."""
    if node is None or is_null(node):
        return Gateways()
    keys = read_mapping(findings, choice, "gateways", node)
    name = _name(findings, keys.get("name"), suffix=len("-abcdefgh"))
    replicas = read_count(findings, keys.get("replicas"), "replicas") or 0
    return Gateways(name, replicas or int(bool(name)))


def _name(findings: Findings, node: Node | None, *, suffix: int) -> str:
    name = read_text(findings, node, "name") or ""
    if node is not None and name:
        findings.complain(node, check_name(name, suffix=suffix, dots=True))
    return name
